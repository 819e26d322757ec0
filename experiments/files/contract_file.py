"""Files of ``kind = "contract"``: what is recommended after which reports, stated instead of computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import file_named
from marketgame.experiments.files.input_file import InputFiles, InputModel, blamed_on, one_of, read_input, refuse
from marketgame.experiments.files.published import PUBLISHED, PublishedInput
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stating import Recommendation, stated_contract
from marketgame.mechanisms.economies.economy import Economy

type Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, eq=False)
class StatedContract:
    """A contract that a file states.

    Attributes:
        name: for titles.
        source: who made it up, or a citation.
        contract: what it says.
    """

    name: str
    source: str
    contract: GrandContract

    @property
    def economy(self) -> Economy:
        """Whose types are reported."""
        return self.contract.economy


class RecommendationInput(InputModel):
    """What may be recommended after some reports: one price that all quote, and everybody's net trade."""

    types: dict[Name, Name] = Field(
        {}, description="at which reports, by player; whoever is left out may report any type"
    )
    probability: Annotated[float, Field(gt=0, le=1)] = Field(
        1.0, description="with which it is made after these reports; those of all made after a profile sum to 1"
    )
    price: dict[Name, Annotated[float, Field(ge=0)]] | None = Field(
        None, description="that all are to quote, by good; without it the competitive price at the reported types"
    )
    net_trade: dict[Name, dict[Name, float]] | None = Field(
        None,
        description="what each player gains by trade, by player and good, money included; what is left out is 0, and "
        "over players each good adds up to 0. What a player's net trade is worth at the price is its transfer of "
        "purchasing power",
    )
    share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="instead of net_trade: this share of the competitive net trades at the reported types"
    )


class ContractFileInput(InputModel):
    """A communication device with finite support, and the purchasing power that goes with it."""

    kind: Literal["contract"] = Field(description="what the file holds")
    name: Name | None = Field(None, description="for titles; without it the file's name")
    source: str = Field("", description="who made it up, or a citation")
    published: list[PublishedInput] = PUBLISHED
    economy: Name = Field(description="path of a market-economy file, relative to this file, or example:NAME")
    recommendations: list[RecommendationInput] = Field(
        min_length=1, description="one table [[recommendations]] for each that may be made"
    )


def load_contract(path: Path | str, files: InputFiles | None = None) -> StatedContract:
    """Return the contract in a file.

    Raises:
        InputError: the file or the economy it names cannot be read or is wrong.
    """
    path, files = Path(path), InputFiles() if files is None else files
    content = read_input(ContractFileInput, path, files)
    return contract_from(content, path, load_economy(file_named(content.economy, path, "economy"), files))


def contract_for(path: Path, economy_file: Path, economy: Economy, files: InputFiles | None = None) -> StatedContract:
    """Return the contract in a file, for an economy whose numbers may be others than those of the file of it.

    Raises:
        InputError: the file is wrong, or about another economy.
    """
    content = read_input(ContractFileInput, path, files)
    named = file_named(content.economy, path, "economy")
    if not named.samefile(economy_file):
        refuse(path, "economy", f"is {content.economy!r}; it must be the scenario's, {economy_file}")
    return contract_from(content, path, economy)


def contract_from(content: ContractFileInput, path: Path, economy: Economy) -> StatedContract:
    """Return the contract that a file's content describes for an economy.

    Raises:
        InputError: something does not fit the economy, or is none; the message names file, field and value.
    """
    with blamed_on(path):
        made = [_recommendation(each, economy, place) for place, each in enumerate(content.recommendations)]
        return StatedContract(content.name or path.stem, content.source, stated_contract(economy, made))


def _recommendation(table: RecommendationInput, economy: Economy, place: int) -> Recommendation:
    where = f"recommendations[{place}]"
    if (table.net_trade is None) == (table.share is None):
        given = "missing" if table.share is None else "given beside share"
        raise ValueError(f"{where}.net_trade is {given}; there must be one of net_trade and share")
    price = None
    if table.price is not None:
        price = _by_good(table.price, economy, f"{where}.price", without=economy.goods[-1:])
        missing = [good for good in economy.goods[:-1] if good not in table.price]
        if missing:
            raise ValueError(
                f"{where}.price.{missing[0]} is missing; there must be a price for every good but the last"
            )
        price[-1] = 1.0
    if table.share is not None:
        return Recommendation(table.share, price, table.types, table.probability)
    trades = np.zeros((len(economy.players), len(economy.goods)))
    for name, by_good in (table.net_trade or {}).items():
        field = f"{where}.net_trade.{name}"
        if name not in economy.player_names:
            raise ValueError(f"{field} names no player; {one_of(name, economy.player_names)}")
        trades[economy.player_names.index(name)] = _by_good(by_good, economy, field)
    return Recommendation(trades, price, table.types, table.probability)


def _by_good(amounts: Mapping[str, float], economy: Economy, field: str, without: tuple[str, ...] = ()) -> FloatArray:
    """Return amounts of each good, ``(L,)``, units; 0 where none is given."""
    found = np.zeros(len(economy.goods))
    allowed = [good for good in economy.goods if good not in without]
    for good, amount in amounts.items():
        if good not in allowed:
            raise ValueError(f"{field}.{good} names no good here; {one_of(good, allowed)}")
        found[economy.goods.index(good)] = amount
    return found

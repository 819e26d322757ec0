"""Files of ``kind = "market-economy"``: an exchange economy with private types."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import product
from math import fsum, prod
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from experiments.input_file import InputModel, blamed_on, one_of, read_input, refuse, unknown_name
from experiments.valuation_tables import ValuationInput
from mechanisms.beliefs import PROBABILITY_TOLERANCE, CorrelatedPrior, IndependentPrior
from mechanisms.economy import Economy, Player, PlayerType
from mechanisms.valuations import Abatement

log = logging.getLogger("marketgame")

type Name = Annotated[str, Field(min_length=1)]
type Probability = Annotated[float, Field(gt=0, le=1)]


class TypeInput(InputModel):
    """One thing a player may privately be."""

    probability: Probability | None = Field(
        None, description="of being this type; may be left out by a player with one type, or under a joint prior"
    )
    endowment: list[Annotated[float, Field(ge=0)]] = Field(
        description="holding before trade, one number for each good, in the good's unit; the numeraire last"
    )
    valuation: ValuationInput = Field(description="how the goods other than the numeraire are valued, by family")


class PlayerInput(InputModel):
    """A trader and its possible types."""

    name: Name = Field(description="the player's name, different from every other player's")
    types: dict[Name, TypeInput] = Field(
        min_length=1, description="one table [players.types.NAME] for each type the player may be"
    )


class ProfileInput(InputModel):
    """The joint probability of one type profile."""

    types: dict[Name, Name] = Field(description="the type of every player, by its name")
    probability: Annotated[float, Field(ge=0, le=1)] = Field(description="of the profile")


class PriorInput(InputModel):
    """A prior under which types may be correlated."""

    joint: list[ProfileInput] = Field(
        min_length=1, description="every type profile with its probability; they sum to 1"
    )


class EconomyInput(InputModel):
    """An exchange economy: goods, players, what each may privately be, and the common prior."""

    kind: Literal["market-economy"] = Field(description="what the file holds")
    name: Name = Field(description="for titles and tables")
    source: str = Field("", description="where the numbers come from: a citation, or who made them up")
    goods: list[Name] = Field(min_length=2, description="names; the last good is the numeraire, whose price is 1")
    units: list[Name] = Field(min_length=2, description="the unit of each good")
    players: list[PlayerInput] = Field(min_length=1, description="one table [[players]] for each trader")
    prior: PriorInput | None = Field(
        None, description="joint probabilities; they replace those of the types, which are independent without it"
    )


def load_economy(path: Path | str) -> Economy:
    """Return the economy in a file; what is unusual but allowed is logged as a warning.

    Raises:
        InputError: the file cannot be read or does not describe an economy; the message names file, field, value
            and what is allowed.
    """
    path = Path(path)
    content = read_input(EconomyInput, path)
    _check_names(content, path)
    players = tuple(_player(player, content, path) for player in content.players)
    prior = content.prior
    beliefs = _independent_prior(content, path) if prior is None else _joint_prior(content, prior, path)
    with blamed_on(path):
        economy = Economy(content.name, tuple(content.goods), tuple(content.units), players, beliefs, content.source)
    for remark in remarks(economy):
        log.warning("%s: %s", path, remark)
    return economy


def remarks(economy: Economy) -> tuple[str, ...]:
    """Return what is unusual but allowed in an economy, one sentence each."""
    return tuple(
        f"players.{player.name}.types.{kind.name}.valuation.b is {kind.valuation.b.tolist()}; below 0, the first "
        "units of abatement earn money and the valuation is not concave there (the benchmark stays exact)"
        for player in economy.players
        for kind in player.types
        if isinstance(kind.valuation, Abatement) and (kind.valuation.b < 0).any()
    )


def _check_names(content: EconomyInput, path: Path) -> None:
    for field, names in (("goods", content.goods), ("players", [player.name for player in content.players])):
        for place, name in enumerate(names):
            if name in names[:place]:
                label = f"{field}[{place}].name" if field == "players" else f"{field}[{place}]"
                refuse(path, label, f"is {name!r}, as is {field}[{names.index(name)}]; names must differ")
    if len(content.units) != len(content.goods):
        refuse(path, "units", f"has {len(content.units)} entries; it must have {len(content.goods)}, one per good")


def _player(player: PlayerInput, content: EconomyInput, path: Path) -> Player:
    return Player(player.name, tuple(_type(player, name, content, path) for name in player.types))


def _type(player: PlayerInput, name: str, content: EconomyInput, path: Path) -> PlayerType:
    given, goods = player.types[name], len(content.goods)
    field = f"players.{player.name}.types.{name}"
    if len(given.endowment) != goods:
        problem = f"has {len(given.endowment)} entries; it must have {goods}, one per good: {content.goods}"
        refuse(path, f"{field}.endowment", problem)
    for parameter, size in given.valuation.sizes().items():
        if size != goods - 1:
            wanted = f"it must have {goods - 1}, one per good other than the numeraire: {content.goods[:-1]}"
            refuse(path, f"{field}.valuation.{parameter}", f"has {size} entries; {wanted}")
    with blamed_on(path, f"{field}.valuation."):
        valuation = given.valuation.build()
    return PlayerType(name, np.array(given.endowment), valuation)


def _independent_prior(content: EconomyInput, path: Path) -> IndependentPrior:
    marginals = []
    for player in content.players:
        field, given = f"players.{player.name}.types", []
        for name, kind in player.types.items():
            probability = 1.0 if kind.probability is None and len(player.types) == 1 else kind.probability
            if probability is None:
                problem = f"is missing; it must be given: {player.name} has {len(player.types)} types"
                refuse(path, f"{field}.{name}.probability", problem)
            given.append(probability)
        _check_sum(given, f"{field}.*.probability", path)
        marginals.append(np.array(given))
    return IndependentPrior(marginals)


def _joint_prior(content: EconomyInput, prior: PriorInput, path: Path) -> CorrelatedPrior:
    type_names = {player.name: list(player.types) for player in content.players}
    given: dict[tuple[int, ...], float] = {}
    for place, entry in enumerate(prior.joint):
        profile = _profile(entry, type_names, f"prior.joint[{place}].types", path)
        if profile in given:
            problem = f"is {_in_words(entry.types)}, as is an entry before; list each profile once"
            refuse(path, f"prior.joint[{place}].types", problem)
        given[profile] = entry.probability
    _check_complete(given, type_names, path)
    _check_sum(given.values(), "prior.joint[*].probability", path)
    joint = np.zeros([len(names) for names in type_names.values()])
    for profile, probability in given.items():
        joint[profile] = probability
    for number, player in enumerate(content.players):
        others = tuple(axis for axis in range(joint.ndim) if axis != number)
        for kind, probability in zip(player.types, joint.sum(axis=others), strict=True):
            if probability <= 0:
                problem = f"give {player.name} = {kind!r} the probability 0; every type must have some"
                refuse(path, "prior.joint", problem)
    return CorrelatedPrior(joint)


def _profile(entry: ProfileInput, type_names: Mapping[str, list[str]], field: str, path: Path) -> tuple[int, ...]:
    for player, chosen in entry.types.items():
        if player not in type_names:
            refuse(path, f"{field}.{player}", f"is not a player; {one_of(player, list(type_names))}")
        if chosen not in type_names[player]:
            refuse(path, f"{field}.{player}", unknown_name(chosen, type_names[player]))
    for player in type_names:
        if player not in entry.types:
            refuse(path, f"{field}.{player}", "is missing; it must be given: an entry names every player's type")
    return tuple(names.index(entry.types[player]) for player, names in type_names.items())


def _check_complete(given: Mapping[tuple[int, ...], float], type_names: Mapping[str, list[str]], path: Path) -> None:
    total = prod(len(names) for names in type_names.values())
    if len(given) < total:
        every = product(*(range(len(names)) for names in type_names.values()))
        first = next(profile for profile in every if profile not in given)
        named = {player: names[kind] for (player, names), kind in zip(type_names.items(), first, strict=True)}
        problem = f"lists {len(given)} of {total} profiles; it must list every one, also {_in_words(named)}"
        refuse(path, "prior.joint", problem)


def _check_sum(probabilities: Iterable[float], field: str, path: Path) -> None:
    total = fsum(probabilities)
    if abs(total - 1) > PROBABILITY_TOLERANCE:
        refuse(path, field, f"is {total:.12g} in sum; probabilities must sum to 1")


def _in_words(profile: Mapping[str, str]) -> str:
    return ", ".join(f"{player} = {kind!r}" for player, kind in profile.items())

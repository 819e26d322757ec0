"""Files of ``kind = "market-economy"``: an exchange economy with private types."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from itertools import product
from math import fsum, prod
from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from marketgame.experiments.files.class_tables import Registered, bounded, table_model
from marketgame.experiments.files.economy_law import FAMILY, RandomInput
from marketgame.experiments.files.input_file import (
    LARGEST_WORTH,
    InputFiles,
    InputModel,
    Mistakes,
    MistakesError,
    blamed_on,
    listed,
    made,
    one_of,
    read_input,
    shown,
    unknown_name,
)
from marketgame.experiments.files.published import PUBLISHED, PublishedInput
from marketgame.mechanisms.arrays import PROBABILITY_TOLERANCE, FloatArray
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, FactorPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.laws import common_shock, gaussian_copula
from marketgame.mechanisms.economies.valuation import NOT_EXACT, Valuation
from marketgame.mechanisms.economies.valuations import FAMILIES

log = logging.getLogger("marketgame")

type Name = Annotated[str, Field(min_length=1)]
type Probability = Annotated[float, Field(gt=0, le=1)]


class FamilyTable(InputModel):
    """What the tables of all families share; a table's keys are the family's parameters.

    Every list has one entry for each good other than the numeraire, in the order of the file's ``goods``.

    Attributes:
        holds: the valuations of the family.
    """

    holds: ClassVar[type[Valuation]]

    def sizes(self) -> dict[str, int]:
        """Return the number of entries of every list that runs over goods, by its path in the table."""
        blocks = {self.holds.keys()[name] for name in self.holds.blocks()}
        return {path: size for key, value in self for path, size in _sizes(key, value, inner=key not in blocks)}

    def build(self) -> Valuation:
        """Return the valuation.

        Raises:
            ValueError: the parameters are not those of a valuation of the family; begins with the field's name.
        """
        given = {name: getattr(self, key) for name, key in self.holds.keys().items()}
        most = max((len(each) for name in self.holds.blocks() for each in given[name]), default=0)
        for name in self.holds.blocks():
            # A good of fewer blocks than others has more of nothing.
            given[name] = [[*each, *[0.0] * (most - len(each))] for each in given[name]]
        for name, key in self.holds.keys().items():
            if key in self.model_fields_set:
                given[name] = np.array(given[name])
        return self.holds(**given)


@cache
def table_of(family: type[Valuation], name: str) -> type[FamilyTable]:
    """Return the model of a family's tables, which call it by a name."""
    table = table_model(family, name, FAMILY, FamilyTable, _lists)
    table.holds = family
    return table


type ValuationInput = Annotated[FamilyTable, Registered(FAMILIES, FAMILY, table_of)]


def valuation_document(valuation: Valuation) -> dict[str, Any]:
    """Return the table that a valuation can be read from again.

    Raises:
        ValueError: it is of a family that is only computed with, or not given in rational numbers.
    """
    listed = valuation.listed
    if not listed.is_exact():
        raise ValueError(NOT_EXACT.format(type(listed).__name__))
    defaults = {each.name: each.default for each in dataclasses.fields(listed)}
    parameters = {
        key: getattr(listed, name).tolist()
        for name, key in listed.keys().items()
        if not (getattr(listed, name) == defaults[name]).all()
    }
    return {FAMILY: FAMILIES.called(type(listed)), **parameters}


def _lists(field: dataclasses.Field[Any]) -> Any:
    """Return the type of a parameter's values: as many lists inside each other as it runs over goods."""
    annotation = bounded(float, field)
    for _ in range(field.metadata["dimensions"] + field.metadata["blocks"]):
        annotation = GenericAlias(list, (annotation,))
    return annotation


def _sizes(path: str, value: object, *, inner: bool) -> list[tuple[str, int]]:
    if not isinstance(value, list):
        return []
    below = (
        each for place, entry in enumerate(value) if inner for each in _sizes(f"{path}[{place}]", entry, inner=True)
    )
    return [(path, len(value)), *below]


class TypeTable(InputModel):
    """What a player of one type owns and wants."""

    endowment: list[Annotated[float, Field(ge=0)]] = Field(
        description="holding before trade, one number for each good, in the good's unit; the numeraire last"
    )
    valuation: ValuationInput = Field(description="how the goods other than the numeraire are valued, by family")

    def build(self, name: str, goods: Sequence[str], field: str) -> PlayerType:
        """Return the type.

        Raises:
            ValueError: sizes disagree, or there is no such valuation; begins with the field that is wrong.
        """
        mistakes = Mistakes(MistakesError)
        each, others = f"one per good: {listed(goods)}", f"one per good other than {goods[-1]!r}: {listed(goods[:-1])}"
        sizes = [("endowment", len(self.endowment), len(goods), each)]
        sizes += [(f"valuation.{key}", size, len(goods) - 1, others) for key, size in self.valuation.sizes().items()]
        for parameter, size, wanted, which in sizes:
            with mistakes.kept():
                if size != wanted:
                    raise ValueError(f"{field}.{parameter} has {size} entries; it must have {wanted}, {which}")
        mistakes.tell()
        try:
            valuation = self.valuation.build()
        except ValueError as error:
            raise ValueError(f"{field}.valuation.{error}") from None
        return PlayerType(name, np.array(self.endowment), valuation)


class TypeInput(TypeTable):
    """One thing a player may privately be."""

    probability: Probability | None = Field(
        None, description="of being this type; may be left out by a player with one type, or under a joint prior"
    )


class PlayerInput(InputModel):
    """A trader and its possible types."""

    name: Name = Field(description="the player's name, different from every other player's")
    count: Annotated[int, Field(ge=1)] = Field(
        1, description="how many such players there are; of several, 'ann 1', 'ann 2' and so on are the names"
    )
    types: dict[Name, TypeInput] = Field(
        min_length=1, description="one table [players.types.NAME] for each type the player may be"
    )

    def names(self) -> list[str]:
        """Return the name of every such player."""
        return [self.name] if self.count == 1 else [f"{self.name} {place + 1}" for place in range(self.count)]

    def marginal(self) -> FloatArray:
        """Return the probabilities of the types, ``(K,)``.

        Raises:
            ValueError: one is missing, or they do not sum to 1; begins with the field that is wrong.
        """
        field, mistakes = f"players.{self.name}.types", Mistakes(MistakesError)
        given = [kind.probability for kind in self.types.values()]
        if given == [None]:
            return np.ones(1)
        for name, probability in zip(self.types, given, strict=True):
            with mistakes.kept():
                if probability is None:
                    missing = f"is missing; it must be given: {self.name} has {len(self.types)} types"
                    raise ValueError(f"{field}.{name}.probability {missing}")
        mistakes.tell()
        known = [probability for probability in given if probability is not None]
        _refuse_other_sums(known, f"{field}.*.probability")
        return np.array(known)


class ProfileInput(InputModel):
    """The joint probability of one type profile."""

    types: dict[Name, Name] = Field(description="the type of every player, by its name")
    probability: Annotated[float, Field(ge=0, le=1)] = Field(description="of the profile")


class CommonShockInput(InputModel):
    """Each player's type follows a level common to all with some probability, and one of its own otherwise."""

    name: Literal["common-shock"] = Field(description="which law")
    weight: Annotated[float, Field(ge=0, le=1)] = Field(
        description="the probability that a player follows the common level"
    )

    def build(self, marginals: Sequence[FloatArray]) -> FactorPrior:
        """Return the prior in which types have the given probabilities."""
        return common_shock(marginals, self.weight)


class GaussianCopulaInput(InputModel):
    """The levels that decide types in their order have a Gaussian copula with one correlation between any two."""

    name: Literal["gaussian-copula"] = Field(description="which law")
    correlation: Annotated[float, Field(ge=0, lt=1)] = Field(description="of any two players' levels")

    def build(self, marginals: Sequence[FloatArray]) -> FactorPrior:
        """Return the prior in which types have the given probabilities."""
        try:
            return gaussian_copula(marginals, self.correlation)
        except ValueError as error:
            raise ValueError(f"prior.law.{error}") from None


type LawInput = Annotated[CommonShockInput | GaussianCopulaInput, Field(discriminator="name")]


class PriorInput(InputModel):
    """A prior under which types may be correlated: a list, or a law."""

    joint: list[ProfileInput] | None = Field(
        None, min_length=1, description="every type profile with its probability; they sum to 1"
    )
    law: LawInput | None = Field(
        None,
        description="how types, in the order in which they are listed and with their own probabilities, go together",
    )


class EconomyInput(InputModel):
    """An exchange economy: goods, players, what each may privately be, and the common prior."""

    kind: Literal["market-economy"] = Field(description="what the file holds")
    name: Name = Field(description="for titles and tables")
    source: str = Field("", description="where the numbers come from: a citation, or who made them up")
    published: list[PublishedInput] = PUBLISHED
    goods: list[Name] = Field(min_length=2, description="names; the last good is the numeraire, whose price is 1")
    units: list[Name] = Field(min_length=2, description="the unit of each good")
    players: list[PlayerInput] | None = Field(
        None, min_length=1, description="one table [[players]] for each trader; or random"
    )
    random: RandomInput | None = Field(None, description="instead of players: the law by which they are drawn")
    prior: PriorInput | None = Field(
        None,
        description="joint probabilities, which replace those of the types, or a law that correlates them; types are "
        "independent without it",
    )

    def build(self) -> Economy:
        """Return the economy.

        Raises:
            ValueError: it is none; begins with the field that is wrong.
        """
        mistakes = Mistakes(MistakesError)
        _keep_repeats("goods[{}]", self.goods, mistakes)
        with mistakes.kept():
            if len(self.units) != len(self.goods):
                raise ValueError(f"units has {len(self.units)} entries; it must have {len(self.goods)}, one per good")
        with mistakes.kept():
            if (self.players is None) == (self.random is None):
                given = "is missing; it must be given: one table [[players]] for each trader, or a table [random]"
                raise ValueError(f"players {given}" if self.players is None else "players is given beside random")
        listed = self.players or []
        _keep_repeats("players[{}].name", [player.name for player in listed], mistakes)
        with mistakes.kept():
            self._refuse_names_made_twice()
        named = not mistakes
        players, marginals = list[Player](), list[FloatArray]()
        joint = None if self.prior is None else self.prior.joint
        if self.random is not None:
            with mistakes.kept():
                if joint is not None:
                    raise ValueError("prior.joint is given beside random; only a law correlates players that are drawn")
            with mistakes.kept():
                drawn, marginals = self.random.draw(len(self.goods) - 1)
                players = list(drawn)
        for player in listed:
            with mistakes.kept():
                types = player_of(player.name, player.types.items(), self.goods).types
                players += [Player(name, types) for name in player.names()]
            with mistakes.kept():
                marginals += [player.marginal() if joint is None else np.ones(len(player.types))] * player.count
        with mistakes.kept():
            if self.prior is not None and (self.prior.joint is None) == (self.prior.law is None):
                given = "neither joint nor law" if joint is None else "both joint and law"
                raise ValueError(f"prior has {given}; it must have one of them")
        prior: IndependentPrior | CorrelatedPrior | FactorPrior | None = None
        with mistakes.kept():
            # Entries name players, who have to have names of their own for that.
            if joint is not None and named:
                prior = self._joint_prior(joint)
        mistakes.tell()
        _refuse_worth_beyond_computation(players)
        if prior is None:
            law = None if self.prior is None else self.prior.law
            prior = IndependentPrior(marginals) if law is None else law.build(marginals)
        return Economy(self.name, tuple(self.goods), tuple(self.units), tuple(players), prior, self.source)

    def marginals(self) -> list[FloatArray] | None:
        """Return the probabilities of the types of each player as they are given or drawn; none under a joint prior."""
        if self.random is not None:
            return self.random.draw(len(self.goods) - 1)[1]
        if self.prior is not None and self.prior.joint is not None:
            return None
        return [each for player in self.players or () for each in [player.marginal()] * player.count]

    def _refuse_names_made_twice(self) -> None:
        """Refuse the name of one player that is also made of another's name and number."""
        own = {player.name for player in self.players or ()}
        for player in self.players or ():
            made_too = own.intersection(player.names()) if player.count > 1 else set()
            if made_too:
                (first, *_) = sorted(made_too)
                raise ValueError(
                    f"players.{player.name}.count is {player.count}, which names one of them {shown(first)}, as "
                    "another player is named; names must differ"
                )

    def _joint_prior(self, listed: Sequence[ProfileInput]) -> CorrelatedPrior:
        type_names = {name: list(player.types) for player in self.players or () for name in player.names()}
        given: dict[tuple[int, ...], float] = {}
        mistakes = Mistakes(MistakesError)
        for place, entry in enumerate(listed):
            with mistakes.kept():
                field = f"prior.joint[{place}].types"
                profile = _profile(entry, type_names, field)
                if profile in given:
                    problem = f"is {_in_words(entry.types)}, as is an entry before; list each profile once"
                    raise ValueError(f"{field} {problem}")
                given[profile] = entry.probability
        mistakes.tell()
        _refuse_gaps(given, type_names)
        _refuse_other_sums(given.values(), "prior.joint[*].probability")
        joint = np.zeros([len(names) for names in type_names.values()])
        for profile, probability in given.items():
            joint[profile] = probability
        for number, (name, types) in enumerate(type_names.items()):
            others = tuple(axis for axis in range(joint.ndim) if axis != number)
            for kind, probability in zip(types, joint.sum(axis=others), strict=True):
                with mistakes.kept():
                    if probability <= 0:
                        given_none = f"give {name} = {kind!r} the probability 0"
                        raise ValueError(f"prior.joint {given_none}; every type must have some")
        mistakes.tell()
        return CorrelatedPrior(joint)


def _keep_repeats(field: str, names: Sequence[str], mistakes: Mistakes) -> None:
    """Keep each name that is given twice as a mistake."""
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        with mistakes.kept():
            if first.setdefault(name, place) < place:
                before = field.partition("[")[0]
                raise ValueError(
                    f"{field.format(place)} is {shown(name)}, as is {before}[{first[name]}]; names must differ"
                )


def load_economy(path: Path | str, files: InputFiles | None = None) -> Economy:
    """Return the economy in a file; what is unusual but allowed is logged as a warning.

    Raises:
        InputError: the file cannot be read or does not describe an economy; the message names file, field, value
            and what is allowed.
    """
    path = Path(path)
    economy = economy_from(read_input(EconomyInput, path, files), path)
    for remark in remarks(economy):
        log.warning("%s: %s", path, remark)
    return economy


def economy_from(content: EconomyInput, path: Path) -> Economy:
    """Return the economy that a file's content describes.

    Raises:
        InputError: the content does not describe an economy.
    """
    with blamed_on(path):
        return content.build()


def listed_text(path: Path, files: InputFiles | None = None) -> str:
    """Return the file of an economy with every player listed, as TOML: one that was drawn needs no law any more.

    Raises:
        InputError: the file cannot be read or does not describe an economy.
    """
    content = read_input(EconomyInput, path, files)
    economy = economy_from(content, path)
    head = {"kind": content.kind, "name": economy.name, "source": economy.source}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    lines += [
        f"{key} = {json.dumps(names, ensure_ascii=False)}"
        for key, names in (("goods", economy.goods), ("units", economy.units))
    ]
    marginals = content.marginals()
    for number, player in enumerate(economy.players):
        lines += ["", "[[players]]", f"name = {json.dumps(player.name, ensure_ascii=False)}"]
        for place, kind in enumerate(player.types):
            lines.append(f"[players.types.{json.dumps(kind.name, ensure_ascii=False)}]")
            lines += [] if marginals is None else [f"probability = {float(marginals[number][place])!r}"]
            lines.append(f"endowment   = {kind.endowment.tolist()!r}")
            table = valuation_document(kind.valuation)
            family = json.dumps(table.pop(FAMILY))
            numbers = "".join(f", {key} = {value!r}" for key, value in table.items())
            lines.append(f"valuation   = {{ {FAMILY} = {family}{numbers} }}")
    if content.prior is not None:
        lines += ["", "[prior]", *_prior_lines(content.prior)]
    return "\n".join(lines) + "\n"


def _prior_lines(prior: PriorInput) -> list[str]:
    if prior.law is not None:
        stated = prior.law.model_dump()
        return [f"law = {{ {', '.join(f'{key} = {json.dumps(value)}' for key, value in stated.items())} }}"]
    entries = []
    for entry in prior.joint or ():
        types = (
            f"{json.dumps(who, ensure_ascii=False)} = {json.dumps(kind, ensure_ascii=False)}"
            for who, kind in entry.types.items()
        )
        entries.append(f"  {{ types = {{ {', '.join(types)} }}, probability = {entry.probability!r} }},")
    return ["joint = [", *entries, "]"]


def remarks(economy: Economy) -> tuple[str, ...]:
    """Return what is unusual but allowed in an economy, one sentence each."""
    return tuple(
        f"players.{player.name}.types.{kind.name}.valuation.{remark}"
        for player in economy.players
        for kind in player.types
        if (remark := kind.valuation.remark())
    )


def player_of(name: str, types: Iterable[tuple[str, TypeTable]], goods: Sequence[str]) -> Player:
    """Return a player from the names and tables of its types.

    Raises:
        ValueError: a table is wrong; begins with the field that is.
    """
    makers = (partial(kind.build, each, goods, f"players.{name}.types.{each}") for each, kind in types)
    return Player(name, made(makers, MistakesError))


def _refuse_worth_beyond_computation(players: Iterable[Player]) -> None:
    """Refuse a valuation that makes more of all there is than can be computed with."""
    types = [(player, kind) for player in players for kind in player.types]
    everything = sum((kind.endowment[:-1] for _, kind in types), np.zeros(len(types[0][1].endowment) - 1))
    mistakes = Mistakes(MistakesError)
    for player, kind in types:
        with np.errstate(all="ignore"):
            worth = float(kind.valuation.value(everything))
        with mistakes.kept():
            if not abs(worth) <= LARGEST_WORTH:
                field = f"players.{player.name}.types.{kind.name}.valuation"
                found = f"is worth {worth:g} where it holds all there is of every good"
                raise ValueError(f"{field} {found}; it must be at most {LARGEST_WORTH:g} in size, to be computed with")
    mistakes.tell()


def _profile(entry: ProfileInput, type_names: Mapping[str, list[str]], field: str) -> tuple[int, ...]:
    mistakes = Mistakes(MistakesError)
    for player, chosen in entry.types.items():
        with mistakes.kept():
            if player not in type_names:
                raise ValueError(f"{field}.{player} is not a player; {one_of(player, list(type_names))}")
            if chosen not in type_names[player]:
                raise ValueError(f"{field}.{player} {unknown_name(chosen, type_names[player])}")
    # Whoever misspelt a name has left out the right one.
    for player in type_names if not mistakes else ():
        with mistakes.kept():
            if player not in entry.types:
                raise ValueError(f"{field}.{player} is missing; it must be given: an entry names every player's type")
    mistakes.tell()
    return tuple(names.index(entry.types[player]) for player, names in type_names.items())


def _refuse_gaps(given: Mapping[tuple[int, ...], float], type_names: Mapping[str, list[str]]) -> None:
    total = prod(len(names) for names in type_names.values())
    if len(given) < total:
        every = product(*(range(len(names)) for names in type_names.values()))
        first = next(profile for profile in every if profile not in given)
        named = {player: names[kind] for (player, names), kind in zip(type_names.items(), first, strict=True)}
        problem = f"lists {len(given)} of {total} profiles; it must list every one, also {_in_words(named)}"
        raise ValueError(f"prior.joint {problem}")


def _refuse_other_sums(probabilities: Iterable[float], field: str) -> None:
    total = fsum(probabilities)
    if abs(total - 1) > PROBABILITY_TOLERANCE:
        raise ValueError(f"{field} is {total:.12g} in sum; probabilities must sum to 1")


def _in_words(profile: Mapping[str, str]) -> str:
    return ", ".join(f"{player} = {kind!r}" for player, kind in profile.items())

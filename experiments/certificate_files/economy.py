"""The economy or the game inside a certificate: stored whole, so that the certificate needs no other file."""

from __future__ import annotations

from itertools import chain
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from marketgame.experiments.files.economy_file import Name, TypeTable, player_of, valuation_document
from marketgame.experiments.files.input_file import InputModel
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.economies.beliefs import FactorPrior, IndependentPrior, Prior, listed_prior
from marketgame.mechanisms.economies.economy import Economy, PlayerType

type Nonnegative = Annotated[float, Field(ge=0)]
type Positive = Annotated[float, Field(gt=0)]


class StoredType(TypeTable):
    """One thing a player may privately be."""

    name: Name = Field(description="the type's name")


class StoredPlayer(InputModel):
    """A trader and its possible types."""

    name: Name = Field(description="the player's name")
    types: list[StoredType] = Field(min_length=1, description="what it may be")


class StoredEconomy(InputModel):
    """The economy, whole."""

    name: Name = Field(description="of the economy")
    source: str = Field(description="where its numbers come from")
    goods: list[Name] = Field(min_length=2, description="names; the last good is the numeraire")
    units: list[Name] = Field(min_length=2, description="the unit of each good")
    players: list[StoredPlayer] = Field(min_length=1, description="in the order of every list of players below")
    probability: Annotated[list[Nonnegative], Field(min_length=1)] | None = Field(
        default=None, description="of each type profile, the last player's type changing fastest"
    )
    chances: list[list[Positive]] | None = Field(
        default=None, description="instead of that: of each type of each player, whose types are independent"
    )
    factor: Annotated[list[Nonnegative], Field(min_length=1)] | None = Field(
        default=None, description="of each value of a factor that correlates types, if they are independent given it"
    )
    chances_given: list[list[list[Nonnegative]]] | None = Field(
        default=None, description="with the factor: of each type of each player, at each of its values"
    )

    def build(self) -> Economy:
        """Return the economy.

        Raises:
            ValueError: the numbers are not those of an economy; begins with what is wrong.
        """
        players = tuple(
            player_of(player.name, ((kind.name, kind) for kind in player.types), self.goods) for player in self.players
        )
        return Economy(self.name, tuple(self.goods), tuple(self.units), players, self._prior(), self.source)

    def _prior(self) -> Prior:
        if [self.probability, self.chances, self.chances_given].count(None) != 2:
            raise ValueError("probability, chances or chances_given must be given, and just one of them")
        if (self.factor is None) != (self.chances_given is None):
            raise ValueError("factor and chances_given go together")
        counts = [len(player.types) for player in self.players]
        if self.factor is not None and self.chances_given is not None:
            wanted = [[count] * len(self.factor) for count in counts]
            if [[len(own) for own in given] for given in self.chances_given] != wanted:
                raise ValueError("chances_given must be of each type of each player, at each value of the factor")
            return FactorPrior(np.array(self.factor), [np.array(given) for given in self.chances_given])
        if self.chances is None:
            return listed_prior(counts, np.array(self.probability))
        if [len(own) for own in self.chances] != counts:
            raise ValueError("chances must be of each type of each player")
        return IndependentPrior([np.array(own) for own in self.chances])


class StoredActions(InputModel):
    """What one coalition can do."""

    coalition: list[Name] = Field(min_length=1, description="the members' names, in the order of the players")
    names: list[Name] = Field(min_length=1, description="of the joint actions")
    utility: list[list[list[float]]] = Field(
        description="by action, member and type profile, in units of money; the last player's type changes fastest"
    )


class StoredGame(InputModel):
    """The coalitional game, whole."""

    players: list[Name] = Field(min_length=1, description="their names")
    types: list[list[Name]] = Field(description="the names of each player's types")
    probability: list[list[float]] = Field(description="of each type of each player")
    actions: list[StoredActions] = Field(min_length=1, description="of every coalition")

    def build(self) -> CoalitionalGame:
        """Return the game.

        Raises:
            ValueError: the numbers are not those of a game.
        """
        for name in chain.from_iterable(one.coalition for one in self.actions):
            if name not in self.players:
                raise ValueError(f"{name!r} is in a coalition; it must be one of {', '.join(self.players)}")
        return CoalitionalGame(
            players=tuple(self.players),
            types=tuple(map(tuple, self.types)),
            type_probabilities=tuple(np.array(one) for one in self.probability),
            actions={
                tuple(self.players.index(name) for name in one.coalition): ActionSet(
                    tuple(one.names), _array(one.utility)
                )
                for one in self.actions
            },
        )


def economy_document(economy: Economy, *, drawn: bool = False) -> dict[str, Any]:
    """Return an economy as a certificate stores it.

    Args:
        economy: the economy.
        drawn: whether types are drawn from it: then what is believed is stored as it is stated, of which the same types
            are drawn, even where a probability of each profile would say the same.

    Raises:
        ValueError: it holds a valuation of a family that economy files do not know.
    """
    return {
        "name": economy.name,
        "source": economy.source,
        "goods": list(economy.goods),
        "units": list(economy.units),
        "players": [
            {"name": player.name, "types": [_type_document(kind) for kind in player.types]}
            for player in economy.players
        ],
        **_prior_document(economy.prior, drawn=drawn),
    }


def _prior_document(prior: Prior, *, drawn: bool) -> dict[str, Any]:
    stated = drawn and isinstance(prior, IndependentPrior | FactorPrior)
    if not prior.obstacle and not stated:
        return {"probability": prior.probability.tolist()}
    if isinstance(prior, IndependentPrior):
        return {"chances": [own.tolist() for own in prior.marginals]}
    if isinstance(prior, FactorPrior):
        return {"factor": prior.weights.tolist(), "chances_given": [given.tolist() for given in prior.chances]}
    raise ValueError(f"a certificate cannot hold what is believed: {prior.obstacle}")


def game_document(game: CoalitionalGame) -> dict[str, Any]:
    """Return a game as a certificate stores it."""
    return {
        "players": list(game.players),
        "types": [list(names) for names in game.types],
        "probability": [probabilities.tolist() for probabilities in game.type_probabilities],
        "actions": [
            {
                "coalition": [game.players[member] for member in coalition],
                "names": list(actions.names),
                "utility": actions.utilities.tolist(),
            }
            for coalition, actions in game.actions.items()
        ],
    }


def _type_document(kind: PlayerType) -> dict[str, Any]:
    valuation = valuation_document(kind.valuation)
    return {"name": kind.name, "endowment": kind.endowment.tolist(), "valuation": valuation}


def _array(utility: list[list[list[float]]]) -> FloatArray:
    try:
        return np.array(utility, dtype=np.float64)
    except ValueError:
        raise ValueError("utility has lists of different lengths; it must be an array") from None

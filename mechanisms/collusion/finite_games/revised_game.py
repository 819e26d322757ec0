r"""The revised game: what a sub-coalition faces once the contract has spoken.

After the contract has recommended actions, a member's type is the pair :math:`(t_i, a_i)` of what it was and what it
was told. A state is a state of the game with a possible recommendation to every insider; its probability is
:math:`\hat q_i(t, a) = q_i(t)\,\mu(a|t)`. Insiders who do not belong to the coalition obey:
:math:`\hat u_i(b_S, (t, a)) = u_i((b_S, a_{-S}), t)`. Transfers are those the contract granted.

Source:
    Giraud and Rochon (2001), Definition 5.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.collusion.finite_games.equilibrium import InadmissibleTransferError, given_type
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    UNTABULATED,
    CommunicationContract,
    ExtendedGame,
    contract_for,
    require_fit,
)
from marketgame.mechanisms.economies.coalitions import Coalition


@dataclass(frozen=True, eq=False)
class RevisedGame:
    """The revised game of a coalition, and how it is played if nobody deviates.

    Attributes:
        game: its inside players are the coalition.
        recommended: what each type of each member was told to play, ``(types,)`` of action numbers each.
        was: the type each had before it was told, ``(types,)`` each.
    """

    game: ExtendedGame
    recommended: tuple[IntegerArray, ...]
    was: tuple[IntegerArray, ...]

    @cached_property
    def obedience(self) -> CommunicationContract:
        """The contract that tells everybody to play what it was told before."""
        parts = [np.eye(menu)[told] for menu, told in zip(self.game.action_counts, self.recommended, strict=True)]
        members = len(parts)
        probability: FloatArray = np.ones(())
        for part in parts:
            probability = np.multiply.outer(probability, part)
        order = (*range(0, 2 * members, 2), *range(1, 2 * members, 2))
        return contract_for(self.game, probability.transpose(order))

    @cached_property
    def status_quo(self) -> tuple[FloatArray, ...]:
        """Expected utility of each (type, recommendation) of each member if all obey, ``(types,)`` each."""
        game = self.game
        told = tuple(self.recommended[place][game.types[:, place]] for place in game.members)
        states = np.arange(len(game.types))
        found = []
        for place in game.members:
            earned = game.payoffs_at(game.granted, place)[(states, *told)] * game.priors[:, place]
            total = np.bincount(game.types[:, place], weights=earned, minlength=game.type_counts[place])
            found.append(given_type(game, place, total))
        return tuple(found)


def coalitions_of(players: tuple[int, ...], *, proper: bool = False) -> tuple[Coalition, ...]:
    """Return every nonempty coalition, smaller ones first; only proper subsets if asked for."""
    largest = len(players) - proper
    return tuple(coalition for size in range(1, largest + 1) for coalition in itertools.combinations(players, size))


def revised_game(game: ExtendedGame, contract: CommunicationContract, coalition: Coalition) -> RevisedGame:
    """Return the revised game of a coalition after a contract.

    Raises:
        ValueError: the contract does not fit, or the coalition is empty or has players who are not inside.
        InadmissibleTransferError: the contract leads to transfers that are not tabulated.

    Source:
        Giraud and Rochon (2001), Definition 5.
    """
    require_fit(game, contract)
    places = _places(game, coalition)
    recommended = contract.probability[tuple(game.types.T)]
    possible = (recommended > 0) & (game.priors > 0).any(axis=1).reshape(-1, *(1,) * len(game.players))
    states, *told = np.nonzero(possible)
    actions = np.stack(told, axis=1)
    granted = game.rows_after(contract.reallocation[tuple(game.types.T)])[states]
    if (granted == UNTABULATED).any():
        raise InadmissibleTransferError("the contract leads to transfers at which payoffs are not tabulated")
    distinct = [
        np.unique(np.stack([game.types[states, place], actions[:, place]], axis=1), axis=0, return_inverse=True)
        for place in places
    ]
    priors = game.priors[states][:, places] * recommended[possible][:, None]
    after = ExtendedGame(
        players=coalition,
        types=np.stack([numbers.reshape(-1) for _, numbers in distinct], axis=1),
        type_labels=_labels(game, places, [known for known, _ in distinct]),
        priors=priors / priors.sum(axis=0),
        actions=tuple(game.actions[place] for place in places),
        transfers=game.transfers,
        granted=granted,
        payoffs=_with_outsiders_obeying(game, places, states, actions),
    )
    return RevisedGame(after, tuple(known[:, 1] for known, _ in distinct), tuple(known[:, 0] for known, _ in distinct))


def _labels(
    game: ExtendedGame, places: list[int], known: list[IntegerArray]
) -> tuple[tuple[tuple[Hashable, Hashable], ...], ...]:
    """Return each pair of previous type and recommendation by name."""
    return tuple(
        tuple((game.type_labels[place][kind], game.actions[place][action]) for kind, action in pairs)
        for place, pairs in zip(places, known, strict=True)
    )


def _places(game: ExtendedGame, coalition: Coalition) -> list[int]:
    if not coalition or sorted(set(coalition)) != list(coalition) or not set(coalition) <= set(game.players):
        raise ValueError(f"coalition {coalition} must be some of the inside players {game.players}, increasing")
    return [game.players.index(player) for player in coalition]


def _with_outsiders_obeying(
    game: ExtendedGame, places: list[int], states: IntegerArray, actions: IntegerArray
) -> FloatArray:
    """Return the members' payoffs when the other insiders play what they were told, ``(Y, Z', A_S..., |S|)``."""
    slices = []
    for state, told in zip(states, actions, strict=True):
        choice = tuple(slice(None) if place in places else int(told[place]) for place in game.members)
        slices.append(game.payoffs[(slice(None), state, *choice)][..., places])
    return np.stack(slices, axis=1)

r"""Extended Bayesian games with transfers and communication contracts, with finite menus.

Inside players :math:`i = 1, \dots, m` choose from finite menus :math:`A_i`. A *state* is a profile of everybody's
types, insiders and outsiders; an insider knows its own type and holds a prior :math:`q_i` over states. Transfers
enter payoffs only through the market's bankruptcy test, so payoffs are tabulated at finitely many transfer vectors:
row y of the table says what everybody is granted, and ``granted`` names the row of each state, the paper's
:math:`y(t)`.

A communication contract :math:`(\mu, \tilde y)` draws a joint action from :math:`\mu(\cdot|t)` for the reported
types and moves transfers among the insiders: :math:`\tilde y(t) = y(t) + d(t)` with :math:`\sum_i d_i(t) = 0`. The
*reallocation* d depends on the reported types only, never on the draw, and the transfers are those of the announced
profile: Definition 4 prints those of the true one, which would make it nearly empty.

Source:
    Giraud and Rochon (2001), Definitions 2 and 3.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import PROBABILITY_TOLERANCE, FloatArray, IntegerArray, finite_array, read_only

TRANSFER_TOLERANCE = 1e-9
"""Transfers that differ by less, relative to the largest tabulated, are the same."""

UNTABULATED = -1
"""Where a row of the table of transfers is looked for and there is none."""


class Concept(Enum):
    """What a player may do against a contract; the value says it."""

    BIC = "misreport its type, and then obey (Definitions 4 and 6-8)"
    COMMUNICATION_EQUILIBRIUM = "misreport its type and disobey at once (Definitions 4' and 6'-8')"


@dataclass(frozen=True, eq=False)
class ExtendedGame:
    """An extended Bayesian game with transfers over finite menus.

    Attributes:
        players: numbers of the m inside players, increasing; columns of ``transfers``.
        types: type number of each inside player in each state, ``(Z, m)``. States that agree in it differ in what
            outsiders know.
        type_labels: what each type number stands for, for each inside player; in a revised game the pair of
            previous type and recommendation.
        priors: each inside player's probability of each state, ``(Z, m)``; columns sum to one.
        actions: names of each inside player's menu.
        transfers: what everybody of the whole game is granted, ``(Y, N)``, one row for each vector considered.
        granted: the row granted in each state, ``(Z,)``.
        payoffs: utility of each inside player, ``(Y, Z, A_1, ..., A_m, m)``.

    Raises:
        ValueError: sizes disagree, a number is out of range, or probabilities are negative or do not sum to one.

    Source:
        Giraud and Rochon (2001), Definition 2.
    """

    players: tuple[int, ...]
    types: IntegerArray
    type_labels: tuple[tuple[Hashable, ...], ...]
    priors: FloatArray
    actions: tuple[tuple[Hashable, ...], ...]
    transfers: FloatArray
    granted: IntegerArray
    payoffs: FloatArray

    def __post_init__(self) -> None:
        members = len(self.players)
        types = np.asarray(self.types, dtype=np.int64)
        states = len(types)
        transfers = finite_array("transfers", self.transfers, (None, None))
        shape = (len(transfers), states, *map(len, self.actions), members)
        payoffs = finite_array("payoffs", self.payoffs, shape)
        priors = finite_array("priors", self.priors, (states, members))
        if not members or sorted(set(self.players)) != list(self.players):
            raise ValueError(f"inside players are {self.players}; they must be at least one, increasing")
        if types.shape != (states, members) or len(self.type_labels) != members or len(self.actions) != members:
            raise ValueError(f"types have shape {types.shape}; there are {members} inside players")
        if (types < 0).any() or (types >= np.array(self.type_counts)).any():
            raise ValueError("some type number is not one of its player's types")
        if payoffs.shape != shape:
            raise ValueError(f"payoffs have shape {payoffs.shape}; they must have {shape}")
        if (priors < 0).any() or not np.allclose(priors.sum(axis=0), 1, rtol=0, atol=PROBABILITY_TOLERANCE):
            raise ValueError("each inside player's prior must be nonnegative and sum to 1")
        granted = np.asarray(self.granted, dtype=np.int64)
        if granted.shape != (states,) or (granted < 0).any() or (granted >= len(transfers)).any():
            raise ValueError("each state must be granted one of the tabulated transfer vectors")
        arrays = {"types": types, "priors": priors, "granted": granted, "transfers": transfers, "payoffs": payoffs}
        for name, array in arrays.items():
            object.__setattr__(self, name, read_only(array))

    @property
    def type_counts(self) -> tuple[int, ...]:
        """Number of types of each inside player, ``(m,)``."""
        return tuple(len(labels) for labels in self.type_labels)

    @property
    def action_counts(self) -> tuple[int, ...]:
        """Size of each inside player's menu, ``(m,)``."""
        return tuple(len(menu) for menu in self.actions)

    @property
    def members(self) -> range:
        """Positions of the inside players."""
        return range(len(self.players))

    @cached_property
    def type_probabilities(self) -> tuple[FloatArray, ...]:
        """What each inside player's own prior says of each of its types, ``(types,)`` each."""
        return tuple(
            np.bincount(self.types[:, place], weights=self.priors[:, place], minlength=count)
            for place, count in enumerate(self.type_counts)
        )

    @cached_property
    def scale(self) -> float:
        """What is at stake: the most that what is played, and who is paid, moves any insider's payoff in any state.

        A constant in the payoffs of a type is not at stake. Where nothing is, any unit serves: payoffs' own size, or 1.
        """
        by_state = np.moveaxis(self.payoffs, 1, 0).reshape(len(self.types), -1, len(self.players))
        moved = float(np.ptp(by_state, axis=1).max(initial=0.0)) if by_state.size else 0.0
        return moved or float(np.abs(self.payoffs).max(initial=0.0)) or 1.0

    def rows_after(self, reallocation: FloatArray) -> IntegerArray:
        """Return the row of transfers in each state after a reallocation.

        Args:
            reallocation: what is added to everybody's transfer, ``(N,)`` or one for each state ``(Z, N)``.

        Returns:
            Rows, ``(Z,)``; `UNTABULATED` where payoffs are not known.
        """
        wanted = self.transfers[self.granted] + reallocation
        unit = TRANSFER_TOLERANCE * float(np.abs(self.transfers).max(initial=0.0))
        same = (np.abs(wanted[:, None] - self.transfers) <= unit).all(axis=-1)
        return np.where(same.any(axis=1), same.argmax(axis=1), UNTABULATED)

    def payoffs_at(self, rows: IntegerArray, place: int) -> FloatArray:
        """Return an inside player's payoffs, ``(Z, A_1, ..., A_m)``, at one row of transfers for each state."""
        chosen: FloatArray = self.payoffs[rows, np.arange(len(rows)), ..., place]
        return chosen

    @cached_property
    def reallocations(self) -> FloatArray:
        """Every reallocation among the insiders alone that leads from one tabulated row to another, ``(D, N)``.

        The first is none at all. Where it leads to a vector that is not tabulated a contract may not use it.
        """
        differences = (self.transfers[:, None] - self.transfers).reshape(-1, self.transfers.shape[1])
        outside = np.delete(differences, list(self.players), axis=1)
        unit = TRANSFER_TOLERANCE * float(np.abs(self.transfers).max(initial=0.0))
        among = (np.abs(outside) <= unit).all(axis=1) & (np.abs(differences.sum(axis=1)) <= unit)
        found = [np.zeros(self.transfers.shape[1])]
        for candidate in differences[among]:
            if not any((np.abs(candidate - known) <= unit).all() for known in found):
                found.append(candidate)
        return read_only(np.array(found))


@dataclass(frozen=True, eq=False)
class CommunicationContract:
    """A communication device and a reallocation of transfers, both depending on the reported types.

    Attributes:
        probability: mu(a|t) for every profile of reports, possible or not, ``(T_1, ..., T_m, A_1, ..., A_m)``.
        reallocation: what is added to everybody's transfer, ``(T_1, ..., T_m, N)``; it sums to zero.

    Raises:
        ValueError: a probability is negative, some do not sum to one, or a reallocation does not balance.

    Source:
        Giraud and Rochon (2001), Definition 3.
    """

    probability: FloatArray
    reallocation: FloatArray

    def __post_init__(self) -> None:
        reallocation = finite_array("reallocation", self.reallocation)
        members = reallocation.ndim - 1
        reports = reallocation.shape[:-1]
        probability = finite_array("probability", self.probability)
        if probability.ndim != 2 * members or probability.shape[:members] != reports:
            raise ValueError(
                f"probability has shape {probability.shape}; it must have a dimension for the reports {reports} "
                f"and for the actions of each of {members} players"
            )
        totals = probability.reshape(*reports, -1).sum(axis=-1)
        if (probability < 0).any() or not (np.abs(totals - 1) <= PROBABILITY_TOLERANCE).all():
            raise ValueError("the probabilities after each profile of reports must be nonnegative and sum to 1")
        sums = reallocation.sum(axis=-1)
        if (np.abs(sums) > TRANSFER_TOLERANCE * max(1.0, float(np.abs(reallocation).max(initial=0.0)))).any():
            raise ValueError(f"a reallocation sums to {np.abs(sums).max():.6g}; transfers are only reallocated")
        object.__setattr__(self, "probability", read_only(probability))
        object.__setattr__(self, "reallocation", read_only(reallocation))


def contract_for(
    game: ExtendedGame, probability: FloatArray, reallocation: FloatArray | None = None
) -> CommunicationContract:
    """Return a contract that fits a game.

    Args:
        game: the game.
        probability: ``(T_1, ..., T_m, A_1, ..., A_m)``.
        reallocation: ``(T_1, ..., T_m, N)``, or none.

    Raises:
        ValueError: sizes disagree with the game, or outsiders' transfers are touched.
    """
    shape = (*game.type_counts, game.transfers.shape[1])
    moved = np.zeros(shape) if reallocation is None else finite_array("reallocation", reallocation, shape)
    contract = CommunicationContract(probability, moved)
    require_fit(game, contract)
    return contract


def require_fit(game: ExtendedGame, contract: CommunicationContract) -> None:
    """Refuse a contract made for another game.

    Raises:
        ValueError: sizes disagree, or outsiders' transfers are touched.
    """
    wanted = (*game.type_counts, *game.action_counts)
    if contract.probability.shape != wanted or contract.reallocation.shape[-1] != game.transfers.shape[1]:
        raise ValueError(f"the contract has shape {contract.probability.shape}; the game needs {wanted}")
    if np.delete(contract.reallocation, list(game.players), axis=-1).any():
        raise ValueError("a contract cannot touch the transfers of players outside")


def pure_contract(game: ExtendedGame, choices: IntegerArray) -> CommunicationContract:
    """Return the contract that recommends one joint action for each profile of reports.

    Args:
        game: the game.
        choices: action number of each inside player, ``(T_1, ..., T_m, m)`` or anything that broadcasts to it.
    """
    chosen = np.broadcast_to(choices, (*game.type_counts, len(game.players)))
    flat = np.ravel_multi_index(tuple(np.moveaxis(chosen, -1, 0)), game.action_counts)
    probability = np.eye(int(np.prod(game.action_counts)))[flat]
    return contract_for(game, probability.reshape(*game.type_counts, *game.action_counts))

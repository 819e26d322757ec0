r"""Who can gain against a contract alone: by a lie (BIC), or by a lie and disobedience at once (ComE).

For insider i of type k that reports k' and, told to play b, plays c,

.. math:: V_i(k, k', b, c) = \sum_{t: t_i = k} q_i(t) \sum_{a: a_i = b} \mu(a|k', t_{-i})\,
    u_i^{\tilde y(k', t_{-i})}((c, a_{-i}), t),

which is the expected payoff times the probability of k. Truth and obedience give :math:`\sum_b V_i(k, k, b, b)`, a lie
alone :math:`\sum_b V_i(k, k', b, b)`, the best disobedience with it :math:`\sum_b \max_c V_i(k, k', b, c)`.

Source:
    Giraud and Rochon (2001), Definitions 4 and 4', with the transfers of the announced profile.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    UNTABULATED,
    CommunicationContract,
    Concept,
    ExtendedGame,
    require_fit,
)

INCENTIVE_TOLERANCE = 1e-7
"""Gains below this share of the largest payoff are rounding."""


class InadmissibleTransferError(ValueError):
    """A contract may lead to transfers at which payoffs are not tabulated: it is not admitted."""


def disobedience_values(game: ExtendedGame, contract: CommunicationContract, place: int) -> FloatArray:
    """Return what every lie and every disobedience is worth to an inside player.

    Args:
        game: with m inside players.
        contract: fits the game; the other players tell the truth and obey.
        place: position of the player among the inside players.

    Returns:
        V_i of the module's formula, ``(types, reports, A_i told, A_i played)``.

    Raises:
        InadmissibleTransferError: some report of the player leads to transfers that are not tabulated.
        ValueError: the contract does not fit the game.
    """
    require_fit(game, contract)
    count, menu = game.type_counts[place], game.action_counts[place]
    possible = np.flatnonzero(game.priors[:, place] > 0)
    values = np.zeros((count, count, menu, menu))
    for report in range(count):
        reports = game.types.copy()
        reports[:, place] = report
        told = tuple(reports.T)
        rows = game.rows_after(contract.reallocation[told])
        if (rows[possible] == UNTABULATED).any():
            raise InadmissibleTransferError(f"report {report} of player {game.players[place]} moves transfers too far")
        recommended = _own_first(contract.probability[told], place)
        payoffs = _own_first(game.payoffs_at(rows, place), place)
        by_state = np.einsum("z,zbo,zco->zbc", game.priors[:, place], recommended, payoffs)
        np.add.at(values[:, report], game.types[:, place], by_state)
    return values


def interim_utilities(game: ExtendedGame, contract: CommunicationContract, place: int) -> FloatArray:
    """Return the expected utility of each type of an inside player if all are truthful and obey, ``(types,)``.

    Types to which the player's prior gives no probability have utility zero.
    """
    values = disobedience_values(game, contract, place)
    return given_type(game, place, np.einsum("kkbb->k", values))


def incentive_gain(game: ExtendedGame, contract: CommunicationContract, concept: Concept) -> float:
    """Return the largest expected gain of any type of any insider from what the concept allows it to do.

    Raises:
        InadmissibleTransferError: some report leads to transfers that are not tabulated.
        ValueError: the contract does not fit the game.
    """
    largest = -np.inf
    for place in game.members:
        values = disobedience_values(game, contract, place)
        truth = np.einsum("kkbb->k", values)
        lies = np.einsum("klbb->kl", values) if concept is Concept.BIC else values.max(axis=-1).sum(axis=-1)
        gains = given_type(game, place, (lies - truth[:, None]).max(axis=1))
        largest = max(largest, float(gains[game.type_probabilities[place] > 0].max()))
    return largest


def satisfies(game: ExtendedGame, contract: CommunicationContract, concept: Concept) -> bool:
    """Return whether the contract is a BIC or a ComE, whichever the concept names."""
    return incentive_gain(game, contract, concept) <= INCENTIVE_TOLERANCE * game.scale


def _own_first(values: FloatArray, place: int) -> FloatArray:
    """Return ``(Z, A_1, ..., A_m)`` as ``(Z, A_i, all others' actions)``."""
    return np.moveaxis(values, 1 + place, 1).reshape(len(values), values.shape[1 + place], -1)


def given_type(game: ExtendedGame, place: int, values: FloatArray) -> FloatArray:
    """Return what each type of a player expects, ``(types,)``, from that times its probability; nothing without one."""
    probability = game.type_probabilities[place]
    return np.where(probability > 0, values / np.where(probability > 0, probability, 1.0), 0.0)

r"""Transfers that make truthful reports to an efficient contract an equilibrium (Giraud and Rochon, section 6.1).

Transfers :math:`\theta_i(t)` change each player's numeraire and balance in every profile:
:math:`\theta_i = f_i - \frac{1}{N-1} \sum_{j \ne i} f_j`. Under independent beliefs d'Aspremont and
Gérard-Varet's expected externality :math:`f_i(t_i) = E[\sum_{j \ne i} v_j(x_j(t), t_j) | t_i]` makes each
player's interim utility the expected welfare of all, less what it cannot influence.

For any beliefs the transfers solve a linear system, stated here in :math:`\theta` itself: every balanced
:math:`\theta` has the form above, with :math:`f = \frac{N-1}{N} \theta`. The system asks

.. math:: \sum_{t_{-i}} q_i(t_{-i}|t_i) [\theta_i(t) - \theta_i(m_i, t_{-i})] \ge \hat v_i(m_i, t_i)
    \quad \text{for all } i, t_i, m_i \ne t_i, \qquad \sum_i \theta_i(t) = 0 \quad \text{for all } t,

where :math:`\hat v_i(m_i, t_i)` is what type :math:`t_i` gains by reporting :math:`m_i` without transfers. A
type that cannot be reported, because its endowment cannot be shown, sets no condition. By duality the system
has no solution if and only if some :math:`\lambda_i(m_i, t_i) \ge 0` and :math:`\kappa(t)` satisfy

.. math:: q_i(t_{-i}|t_i) \sum_m \lambda_i(m, t_i) - \sum_m \lambda_i(t_i, m) q_i(t_{-i}|m) = \kappa(t),
    \qquad \sum \lambda_i(m_i, t_i) \hat v_i(m_i, t_i) > 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, read_only
from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.incentives import IncentiveCheck, ReportGains, check_incentives
from marketgame.mechanisms.contracts.joint_misreports import every_joint_misreport, joint_misreport_gains
from marketgame.mechanisms.contracts.transfer_program import SystemMultipliers, TransferProgram
from marketgame.mechanisms.economies.beliefs import beliefs_about_others, profiles_by_own_type, transfer_weights
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.stakes import stakes_by_type
from marketgame.mechanisms.market_game.rules import PAPER_RULES, Coverage, MarketRules

# What multipliers leave of a transfer's weight that should cancel is rounding below this share of the largest.
CANCELLATION_TOLERANCE = 1e-9
# Bounds that leave no room for balance do so by more than this share of their size.
ROOM_TOLERANCE = 1e-9


class Liars(Enum):
    """Whose lies transfers must not reward; the value says it in words."""

    ALONE = "some type"
    TOGETHER = "some coalition"


class TransferBound(Enum):
    """How far transfers may reach into a player's numeraire; the value says it in words."""

    NONE = "players are assumed to own enough to pay"
    NO_DEBT = "nobody ends in debt"
    ANNOUNCED = "nobody ends in debt, and no purchasing power is taken beyond what is announced"


@dataclass(frozen=True, eq=False)
class IncentiveTransfers:
    """Balanced transfers under which truthful reports are an equilibrium.

    Attributes:
        numeraire_transfers: by how much each player's numeraire changes, ``(P, N)``; each row sums to zero.
        largest: the largest absolute transfer, numeraire; no other such transfers have a smaller one. Where coalitions
            lie, none that make lies bear as much.
        share_borne: where coalitions lie, every lie costs those who tell it at least this share of the welfare that it
            costs everybody, at most 1, and no such transfers make it more; not a number where they lie alone.
        largest_slack: some such transfers make every lie cost at least this share of what is at stake for whoever
            tells it, and none a larger one; where they lie alone it is not computed, and not a number.
    """

    numeraire_transfers: FloatArray
    largest: float
    share_borne: float = np.nan
    largest_slack: float = np.nan


@dataclass(frozen=True, eq=False)
class NoIncentiveTransfers:
    """Proof that no balanced transfers make truthful reports an equilibrium.

    Attributes:
        bound: what else was asked of the transfers.
        coalitions: who tells the truth in each group of conditions: single players, or coalitions too.
        misreport_multipliers: per coalition, entry ``[t, m]`` is the weight of "types t do not report m",
            ``(types, types)``; nonnegative.
        balance_multipliers: the price of numeraire in each profile, ``(P,)``.
        least_gain: whatever the transfers, some type gains at least this much by lying, numeraire; infinite if
            no balanced transfers meet the bound at all.
    """

    bound: TransferBound
    coalitions: tuple[tuple[int, ...], ...]
    misreport_multipliers: tuple[FloatArray, ...]
    balance_multipliers: FloatArray
    least_gain: float


def expected_externality_transfers(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    """Return the transfers of d'Aspremont and Gérard-Varet.

    Returns:
        By how much each player's numeraire changes, ``(P, N)``; each row sums to zero.

    Raises:
        ValueError: types are correlated, for which the formula does not give incentives; or there is only
            one player.

    Source:
        Giraud and Rochon, section 6.1, the formula under the independence condition.
    """
    refuse_externalities(economy)
    return balanced_externalities(economy, expected_externalities(economy, efficient), efficient.profiles)


def refuse_externalities(economy: Economy) -> None:
    """Refuse an economy in which expected-externality transfers give no incentives, or there is nobody to pay them.

    Raises:
        ValueError: types are correlated, or there is one player.
    """
    if not economy.prior.independent:
        raise ValueError("types are correlated; expected-externality transfers need independent types")
    if len(economy.players) < 2:
        raise ValueError("there is one player; transfers need somebody to pay them")


def expected_externalities(economy: Economy, efficient: EfficientAllocation) -> FloatArray:
    r"""Return :math:`f_i(t_i) = E[\sum_{j \ne i} v_j | t_i]` less levels, ``(types of all players,)``, numeraire.

    Args:
        economy: with independent types.
        efficient: the efficient allocation of every profile.
    """
    players = len(economy.players)
    gains = economy.gains_from_goods(efficient.profiles, efficient.bundles)
    others_gain = gains.sum(axis=-1, keepdims=True) - gains
    expected = [economy.prior.beliefs(player) @ others_gain[:, player] for player in range(players)]
    return np.concatenate(expected)


def balanced_externalities(economy: Economy, externalities: FloatArray, profiles: IntegerArray) -> FloatArray:
    r"""Return :math:`\theta_i(t) = f_i(t_i) - \frac{1}{N - 1} \sum_{j \ne i} f_j(t_j)`, whatever f is.

    Refunds are made of the same numbers as what they refund, so that these transfers balance to the rounding of sums
    however well f is known.

    Args:
        economy: with two players or more.
        externalities: :math:`f_i(t_i)`, ``(types of all players,)``, numeraire, measured from the goods from which
            gains are measured.
        profiles: of reports, ``(K, N)``.

    Returns:
        By how much each player's numeraire changes, ``(K, N)``.
    """
    externality, players = externalities[economy.rows(profiles)], profiles.shape[-1]
    total = externality.sum(axis=-1, keepdims=True)
    transfers = externality - (total - externality) / (players - 1) + lump_sums(economy)
    # Where lump sums undo what was gained, their rounding is all there is left: it must balance too.
    return np.asarray(transfers - transfers.mean(axis=-1, keepdims=True))


def expected_transfers(economy: Economy, externalities: FloatArray) -> FloatArray:
    """Return what expected-externality transfers bring each report in expectation, ``(types of all players,)``."""
    count = len(economy.players)
    likely = np.concatenate([economy.prior.marginal(player) for player in range(count)])
    expected = np.add.reduceat(likely * externalities, economy.first_rows)
    refunds = (expected.sum() - expected) / (count - 1)
    return np.asarray(externalities + (lump_sums(economy) - refunds)[_owners(economy)])


def _owners(economy: Economy) -> IntegerArray:
    """Return whose type each row of tables over types is, ``(types of all players,)``."""
    return np.repeat(np.arange(len(economy.players)), economy.prior.type_counts)


def numeraire_left(economy: Economy, externalities: FloatArray) -> FloatArray:
    """Return the least numeraire that expected-externality transfers leave players with at any profile, ``(N,)``."""
    left = economy.endowment_table[:, -1] + least_transfers(economy, externalities)
    return np.asarray(np.minimum.reduceat(left, economy.first_rows))


def least_transfers(economy: Economy, externalities: FloatArray) -> FloatArray:
    """Return the least that each type receives in expected-externality transfers, ``(types of all players,)``.

    A player pays most where it reports the type with the least externality, while each of the others reports the one
    with the largest: one sum for each player, not one for each profile.
    """
    largest = np.maximum.reduceat(externalities, economy.first_rows)
    refunds = (largest.sum() - largest) / (len(economy.players) - 1)
    return np.asarray(externalities + (lump_sums(economy) - refunds)[_owners(economy)])


def lump_sums(economy: Economy) -> FloatArray:
    r"""Return what the formula pays a player whatever is reported, because others start from higher values, ``(N,)``.

    With :math:`v_j = c_j(t_j) + g_j`, c the value of what gains g are measured from, :math:`f_i` holds
    :math:`\sum_{j \ne i} E[c_j]`, which nobody can influence. These levels are computed apart, and only their
    differences are used, so that no gain is lost in their rounding.
    """
    rows = np.arange(len(economy.reference_goods))
    levels = economy.valuations.value(rows, economy.reference_goods)
    counts = economy.prior.type_counts
    likely = np.concatenate([economy.prior.marginal(player) for player in range(len(counts))])
    # A type that cannot occur has no say, even where its level is not finite.
    weighed = np.where(likely > 0, likely * np.where(likely > 0, levels, 0.0), 0.0)
    expected = np.add.reduceat(weighed, economy.first_rows)
    above_first = expected - expected[0]
    return np.asarray((above_first.sum() - len(counts) * above_first) / (len(counts) - 1))


def incentive_compatible_transfers(
    economy: Economy,
    efficient: EfficientAllocation,
    bound: TransferBound = TransferBound.NONE,
    liars: Liars = Liars.ALONE,
) -> IncentiveTransfers | NoIncentiveTransfers:
    """Return balanced transfers that make truth an equilibrium, or the proof that there are none.

    Args:
        economy: with any prior.
        efficient: the efficient allocation of every profile.
        bound: what else the transfers must respect.
        liars: whether the truth must also be best for coalitions that pool information and money.

    Returns:
        Of all such transfers some whose largest absolute one is smallest; or multipliers that contradict their
        existence, which ``contradiction`` verifies. Where coalitions lie, some of those under which every lie costs
        those who tell it as large a share as can be of the welfare that it costs, as under the closed form for
        independent types it costs them all of it: who learns then does not drift into lies that cost others alone.

    Raises:
        ValueError: the allocation is not over every profile of the economy, or there are too many lies to list.
        UndecidedTransfersError: the solver failed, or its proof was not confirmed.
        UnverifiedAnswerError: its transfers were not confirmed to be smallest.

    Source:
        Giraud and Rochon, section 6.1, the system of linear inequalities in f.
    """
    unpaid = _gains_without_transfers(economy, efficient, liars)
    coalitions = tuple(own.members for own in unpaid)
    lowest = lowest_transfers(economy, efficient, bound)
    impossible = lowest.sum(axis=-1) > ROOM_TOLERANCE * np.abs(lowest).sum(axis=-1)
    if impossible.any():
        multipliers = tuple(np.zeros_like(own.gains) for own in unpaid)
        return NoIncentiveTransfers(bound, coalitions, multipliers, impossible.astype(np.float64), np.inf)
    costs = None if liars is Liars.ALONE else [_cost_of_lies(economy, efficient, own) for own in unpaid]
    program = TransferProgram(economy.prior, unpaid, lowest, costs)
    answer = program.solve()
    if isinstance(answer, SystemMultipliers):
        multipliers = tuple(read_only(matrix) for matrix in answer.misreport)
        return NoIncentiveTransfers(bound, coalitions, multipliers, read_only(answer.balance), answer.least_gain)
    balanced = _balanced(answer, lowest, stakes_by_type(economy, efficient), economy)
    if liars is Liars.ALONE:
        return balanced
    return replace(balanced, share_borne=program.share_borne, largest_slack=program.largest_slack())


def contract_with_transfers(economy: Economy, rule: TransferRule, rules: MarketRules = PAPER_RULES) -> GrandContract:
    """Return the grand contract with the transfers that a rule asks for; with coverage, what is announced covers them.

    Raises:
        ValueError: there are no such transfers, or they leave a player in debt.
    """
    if rule is TransferRule.NONE:
        return grand_contract(economy)
    efficient = efficient_allocation(economy)
    if rule is TransferRule.EXPECTED_EXTERNALITY:
        return GrandContract(economy, efficient, expected_externality_transfers(economy, efficient))
    together = rule is TransferRule.COALITION_PROOF
    if together and economy.prior.independent:
        return GrandContract(economy, efficient, coalition_proof_transfers(economy, efficient))
    covered = rules.coverage is Coverage.ANNOUNCED_NUMERAIRE
    bound = TransferBound.ANNOUNCED if covered else TransferBound.NO_DEBT
    liars = Liars.TOGETHER if together else Liars.ALONE
    found = incentive_compatible_transfers(economy, efficient, bound, liars)
    if isinstance(found, IncentiveTransfers):
        return GrandContract(economy, efficient, found.numeraire_transfers)
    raise ValueError(
        f"no balanced transfers make truthful reports an equilibrium of economy {economy.name!r} while "
        f"{bound.value}: {liars.value} always gains {found.least_gain:.6g} or more by lying"
    )


def check_without_transfers(economy: Economy, efficient: EfficientAllocation) -> IncentiveCheck:
    """Return what each type gains by each report when nobody pays or receives anything.

    Raises:
        ValueError: the allocation is not over every profile of the economy.

    Source:
        Giraud and Rochon, section 6.1, the function written as v with a hat.
    """
    return check_incentives(_without_transfers(economy, efficient))


def _without_transfers(economy: Economy, efficient: EfficientAllocation) -> GrandContract:
    if not np.array_equal(efficient.profiles, economy.profiles):
        raise ValueError("the efficient allocation must be over every profile of the economy, in order")
    return GrandContract(economy, efficient, np.zeros(economy.profiles.shape))


def lowest_transfers(economy: Economy, efficient: EfficientAllocation, bound: TransferBound) -> FloatArray:
    """Return the least transfer a bound allows, ``(P, N)``, numeraire; minus infinity without one."""
    endowments = economy.endowments(efficient.profiles)
    if bound is TransferBound.NONE:
        return np.full(efficient.profiles.shape, -np.inf)
    numeraire = endowments[..., -1]
    if bound is TransferBound.NO_DEBT:
        return -numeraire
    bought = efficient.bundles - endowments[..., :-1]
    spent = (efficient.price[:, None, :-1] * bought).sum(axis=-1)
    return -numeraire - np.minimum(spent, 0)


def contradiction(economy: Economy, efficient: EfficientAllocation, evidence: NoIncentiveTransfers) -> float:
    """Return how clearly evidence refutes the existence of transfers; recomputed without any program.

    Transfers that satisfied every condition would make the weighted sum of the incentive conditions at most
    zero (with a bound: at most what the bound leaves); the evidence weighs them to more than that.

    Returns:
        The contradiction relative to the terms it consists of: up to 1, positive if the evidence is valid,
        minus infinity if the multipliers are negative or do not cancel the transfers.

    Raises:
        ValueError: the evidence is of another size than the economy.

    Source:
        Giraud and Rochon, section 6.1, by Farkas's lemma; its index convention is corrected as in
        :mod:`marketgame.mechanisms.contracts.compatibility`.
    """
    unpaid = _without_transfers(economy, efficient)
    gains = [joint_misreport_gains(unpaid, members).gains for members in evidence.coalitions]
    lowest = lowest_transfers(economy, efficient, evidence.bound)
    shapes = [matrix.shape for matrix in evidence.misreport_multipliers]
    if shapes != [matrix.shape for matrix in gains] or evidence.balance_multipliers.shape != lowest.shape[:1]:
        raise ValueError("the evidence is of another size than the economy")
    scale = 0.0
    total = 0.0
    slope = np.zeros_like(lowest)
    largest = np.zeros(len(economy.players))
    for members, weights, gain in zip(evidence.coalitions, evidence.misreport_multipliers, gains, strict=True):
        possible = np.isfinite(gain)
        if (weights < 0).any() or weights[~possible].any():
            return -np.inf
        terms = weights[possible] * gain[possible]
        slope[:, members] += transfer_weights(economy.prior, weights, *members)[:, None]
        largest[list(members)] = np.maximum(largest[list(members)], weights.max())
        total += float(terms.sum())
        scale += float(np.abs(terms).sum())
    unweighted = evidence.balance_multipliers[:, None] - slope
    rounding = CANCELLATION_TOLERANCE * (np.abs(evidence.balance_multipliers).max() + largest)
    bounded = np.isfinite(lowest)
    if (unweighted < -rounding).any() or (~bounded & (unweighted > rounding)).any():
        return -np.inf
    kept = np.where(unweighted > rounding, unweighted, 0)[bounded] * lowest[bounded]
    total += float(kept.sum())
    scale += float(np.abs(kept).sum())
    return total / scale if scale > 0 else -np.inf


def _gains_without_transfers(economy: Economy, efficient: EfficientAllocation, liars: Liars) -> tuple[ReportGains, ...]:
    """Return what players, or coalitions, gain by lies when nobody pays."""
    if liars is Liars.ALONE:
        return check_without_transfers(economy, efficient).by_player
    return tuple(every_joint_misreport(_without_transfers(economy, efficient)))


def _cost_of_lies(economy: Economy, efficient: EfficientAllocation, unpaid: ReportGains) -> FloatArray:
    """Return the welfare that lies cost everybody in expectation, ``(types, types)``, numeraire; zero if not told.

    It is what they cost the liars if nobody pays, and what outsiders lose whose bundles they change.
    """
    members = unpaid.members
    gains = economy.gains_from_goods(efficient.profiles, efficient.bundles)
    others = gains.sum(axis=-1) - gains[:, members].sum(axis=-1)
    beliefs, numbers = (of(economy.prior, *members) for of in (beliefs_about_others, profiles_by_own_type))
    left = beliefs @ others[numbers].T
    lost = np.diagonal(left)[:, None] - left
    possible = np.isfinite(unpaid.gains)
    # The efficient allocation is best, but for rounding.
    return np.maximum(np.where(possible, lost - np.where(possible, unpaid.gains, 0.0), 0.0), 0.0)


def _balanced(transfers: FloatArray, lowest: FloatArray, stakes: FloatArray, economy: Economy) -> IncentiveTransfers:
    """Return transfers with what the solver left of imbalance given to whoever has room and most at stake."""
    profiles = np.arange(len(transfers))
    excess = transfers.sum(axis=-1)
    room = transfers - excess[:, None] >= lowest
    at_stake = np.maximum.reduceat(stakes, economy.first_rows)
    chosen = np.where(
        room.any(axis=-1),
        np.argmax(np.where(room, at_stake, -1.0), axis=-1),
        np.argmax(transfers - lowest, axis=-1),
    )
    balanced = transfers.copy()
    balanced[profiles, chosen] -= excess
    return IncentiveTransfers(read_only(balanced), float(np.abs(balanced).max()))

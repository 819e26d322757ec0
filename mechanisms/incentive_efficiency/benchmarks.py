r"""The incentive-efficient benchmarks of an economy; without participation the first best at once, where it is payable.

Under independence expected-externality transfers make truth an equilibrium of the efficient allocation (Giraud and
Rochon, section 6.1), and nothing is worth more. What is left to ask is whether everybody can pay them. Player i is
asked for most where it reports the type with the least externality and every other the one with the largest, so that
one number for each player says what it has left at worst, not one for each profile. As nobody need be willing to take
part, lump sums may move between players: the transfers can be made payable if these numbers sum to zero or more.
"""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import walrasian_payments
from marketgame.mechanisms.contracts.sampled import SampledEconomy, sampled
from marketgame.mechanisms.contracts.transfers import (
    balanced_externalities,
    expected_externalities,
    expected_transfers,
    numeraire_left,
)
from marketgame.mechanisms.economies.assumptions import endowments_depend_on_types
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.profiles import (
    MOST_COUNTS,
    Listing,
    Profiles,
    exact_profiles,
    number_of_counts,
)
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import Divisions, Money, SecondBest, second_best
from marketgame.mechanisms.incentive_efficiency.virtual_allocation import DivisibleActions
from marketgame.mechanisms.incentive_efficiency.welfare import IncentiveBenchmark, UnknownBenchmark, first_best_gains
from marketgame.mechanisms.incentive_efficiency.willing import willing_bounds
from marketgame.mechanisms.linear_program import SolverRefusedError, Status, UnverifiedAnswerError
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError

# With no more bundles at all counts together their program takes some twenty seconds; otherwise there are bounds.
MOST_BUNDLES_PRICED = 1 << 16


def incentive_benchmarks(
    economy: Economy,
    participation: tuple[Participation, ...] = tuple(Participation),
    seconds: float | None = None,
    money: Money = Money.OWNED,
    sample: SampledEconomy | None = None,
) -> tuple[IncentiveBenchmark, ...]:
    """Return the most welfare that incentives allow, for each kind of participation constraint.

    Args:
        economy: any; where the benchmark is not defined, the answers say why.
        participation: what every type must be left with.
        seconds: wall time allowed to each, or none.
        money: what players can be asked to pay.
        sample: what stands for the profiles where they are too many to list; found anew without it.
    """
    if sample is None and economy.prior.obstacle:
        sample = sampled(economy, Deadline.after(seconds))
    return tuple(_benchmark(economy, each, seconds, money, sample) for each in participation)


def _benchmark(
    economy: Economy, participation: Participation, seconds: float | None, money: Money, sample: SampledEconomy | None
) -> IncentiveBenchmark:
    try:
        if economy.prior.size == 1:
            first_best = traded_first_best(economy, participation, money)
        else:
            first_best = payable_first_best(economy, money, sample) if participation is Participation.NONE else None
    except DeadlinePassedError as passed:
        return UnknownBenchmark(participation, str(passed), solver_failed=True, money=money)
    if first_best is not None:
        return first_best
    bounds = None
    if economy.prior.obstacle and participation is Participation.INDIVIDUAL and sample is not None:
        bounds = willing_bounds(economy, money, sample)
        if bounds.interim_gains:
            return bounds
    listing = _listing_of_program(economy)
    if listing is None:
        return bounds or UnknownBenchmark(participation, economy.prior.obstacle, solver_failed=False, money=money)
    try:
        DivisibleActions(economy)
    except ValueError as undefined:
        return bounds or UnknownBenchmark(participation, str(undefined), solver_failed=False, money=money)
    solved = _solved(economy, participation, seconds, money, listing)
    return bounds if bounds is not None and isinstance(solved, UnknownBenchmark) else solved


def _listing_of_program(economy: Economy) -> Listing | None:
    """Return over which profiles the program is to be: all, or counts of replicas where these are few; none if neither.

    Where profiles are not many, all of them it is.
    """
    counts, listed = number_of_counts(economy), economy.prior.size
    if listed > MOST_COUNTS and counts < listed and counts * len(economy.players) <= MOST_BUNDLES_PRICED:
        return Listing.COUNTED
    return None if economy.prior.obstacle else Listing.LISTED


def _solved(
    economy: Economy, participation: Participation, seconds: float | None, money: Money, listing: Listing
) -> IncentiveBenchmark:
    try:
        answer = second_best(economy, participation, seconds, money, listing)
    except DeadlinePassedError:
        return UnknownBenchmark(participation, Status.TIME_LIMIT.value, solver_failed=True, money=money)
    except (SolverRefusedError, UnverifiedAnswerError) as failure:
        return UnknownBenchmark(participation, str(failure), solver_failed=True, money=money)
    if answer.status is Status.OPTIMAL:
        return answer
    return UnknownBenchmark(participation, answer.status.value, solver_failed=True, money=money)


def traded_first_best(economy: Economy, participation: Participation, money: Money) -> SecondBest | None:
    """Return the first best of an economy without private information, if players who pay prices can pay them.

    Who trades at a supporting price gains or stays as it is, so that everybody is willing.

    Source:
        Giraud and Rochon, proof of Theorem 1.
    """
    efficient = efficient_allocation(economy)
    payments = walrasian_payments(economy, efficient)
    owned = economy.endowments(efficient.profiles)[..., -1]
    if money is Money.OWNED and (owned + payments < 0).any():
        return None
    gained = economy.gains_from_goods(efficient.profiles, efficient.bundles) + payments
    profiles = exact_profiles(economy, Listing.LISTED)
    return _first_best(economy, participation, money, profiles, efficient, payments, tuple(gained.T))


def payable_first_best(economy: Economy, money: Money, sample: SampledEconomy | None) -> SecondBest | None:
    """Return the first best, if incentives allow it and everybody's money covers its transfers at every profile.

    Args:
        economy: the economy.
        money: what players can be asked to pay.
        sample: what stands for its profiles where they are too many to list.

    Returns:
        The benchmark without participation constraints; none if types are correlated, endowments depend on them, there
        is one player, or money falls short.

    Source:
        Giraud and Rochon, section 6.1; d'Aspremont and Gérard-Varet (1979).
    """
    players = len(economy.players)
    if players < 2 or not economy.prior.independent or endowments_depend_on_types(economy):
        return None
    if sample is None:
        efficient, profiles = efficient_allocation(economy), exact_profiles(economy, Listing.LISTED)
        externalities = expected_externalities(economy, efficient)
    else:
        efficient, profiles, externalities = sample.efficient, sample.profiles, sample.externalities
    left = numeraire_left(economy, externalities)
    short = money is Money.OWNED and bool((left < 0).any())
    if short and left.sum() < 0:
        return None
    lump = left.mean() - left if short else np.zeros(players)
    if sample is None:
        payments = balanced_externalities(economy, externalities, profiles.types) + lump
        gained = economy.gains_from_goods(profiles.types, efficient.bundles) + payments
        interim = [economy.prior.beliefs(player) @ gained[:, player] for player in range(players)]
    else:
        # Payments at every profile follow from the externalities; there are too many to list.
        payments = np.zeros((0, players))
        brought = np.split(expected_transfers(economy, externalities), economy.first_rows[1:])
        interim = [np.diagonal(table) + own for table, own in zip(sample.tables.reported(brought), lump, strict=True)]
    return _first_best(economy, Participation.NONE, money, profiles, efficient, payments, tuple(interim))


def _first_best(
    economy: Economy,
    participation: Participation,
    money: Money,
    profiles: Profiles,
    efficient: EfficientAllocation,
    payments: FloatArray,
    interim_gains: tuple[FloatArray, ...],
) -> SecondBest:
    welfare, gains = profiles.expected(efficient.welfare), profiles.expected(first_best_gains(economy, efficient))
    bounds = (gains.value, welfare.value) if profiles.exact else (np.nan, np.nan)
    return SecondBest(
        participation=participation,
        money=money,
        status=Status.OPTIMAL,
        gains=gains.value,
        bound_on_gains=bounds[0],
        welfare=welfare.value,
        bound=bounds[1],
        payments=payments,
        interim_gains=interim_gains,
        binding=(),
        concave=True,
        rounds=0,
        residuals=None,
        standard_error=gains.standard_error,
        mechanism=Divisions.for_certain(efficient.bundles, economy.prior.type_counts) if len(payments) else None,
    )

"""What stands for all type profiles of an economy that has too many to list, and how many draws that takes.

The number of draws follows from what is asked: enough that expected gains from trade have a standard error of at most
``PRECISION`` of themselves, and what a misreport gains one of at most ``PRECISION_OF_LIES`` of what is at stake for who
lies; a first look says how many these are. Work has a limit, and the standard errors say what was reached.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import cached_property
from math import ceil

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.in_turn import InTurn, in_turn
from marketgame.mechanisms.contracts.joint_misreports import JointMisreportCheck
from marketgame.mechanisms.contracts.report_tables import ReportTables, pooled, report_tables
from marketgame.mechanisms.economies.beliefs import Draws
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.price_range import PriceRange, price_range
from marketgame.mechanisms.economies.profiles import (
    Listing,
    Profiles,
    drawn_profiles,
    exact_profiles,
    listing_of,
    players_alike,
    seeded,
    standard_error,
)
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline, DeadlinePassedError

# The standard errors aimed at, as shares of the gains from trade and of what is at stake.
PRECISION, PRECISION_OF_LIES = 1e-3, 5e-3
# How many draws a first look takes: of profiles, and of what the others of every player may be.
FIRST_DRAWS, FIRST_OTHERS = 512, 32
# And how many it takes of the others where there is no time for these.
LEAST_OTHERS = 8
# No more bundles than this are worked out: some seconds for a first look at a thousand players of two types each.
MOST_BUNDLES = 1 << 21
MOST_BUNDLES_OF_LIARS = 1 << 24
OUT_OF_TIME = "what every report leads to was not known within the time allowed"


@dataclass(frozen=True, eq=False)
class SampledEconomy:
    """Profiles that stand for all, with what is efficient there and what every report leads to.

    Attributes:
        economy: the economy.
        profiles: counted or drawn.
        efficient: the efficient allocation at each.
        reports: what reports lead to; none where time ran out before that was known.
        cut: whether more would have been drawn if there had been time.
        searched: what was found of joint lies by searches that had time enough, by the transfers: no rule of the market
            matters to them.
    """

    economy: Economy
    profiles: Profiles
    efficient: EfficientAllocation
    reports: Reports | None
    cut: bool = False
    searched: dict[TransferRule, JointMisreportCheck | None] = field(default_factory=dict, init=False, repr=False)

    @property
    def tables(self) -> ReportTables:
        """What every report of every player leads to.

        Raises:
            DeadlinePassedError: there was no time to find out.
        """
        return self._reports.tables

    @property
    def externalities(self) -> FloatArray:
        """What each type's report leads the others to expect, ``(types of all players,)``, numeraire.

        As :func:`~marketgame.mechanisms.contracts.transfers.balanced_externalities` takes it.

        Raises:
            DeadlinePassedError: there was no time to find out.
        """
        return self._reports.externalities

    @cached_property
    def in_turn(self) -> InTurn:
        """Transfers that no coalition of liars can exploit.

        Raises:
            DeadlinePassedError: there was no time to find out what reports lead to.
            ValueError: types are correlated, or there is one player.
        """
        return in_turn(self.tables, self.profiles, self.efficient)

    @cached_property
    def price_range(self) -> PriceRange | None:
        """Between which prices every profile clears; none where that is not known."""
        return price_range(self.economy)

    @property
    def nbytes(self) -> int:
        """How many bytes its arrays take."""
        held: list[object] = [self.profiles, self.efficient]
        if self.reports is not None:
            held += [self.reports, *self.reports.tables.tables.values()]
        arrays = (getattr(each, one.name) for each in held for one in fields(each))  # type: ignore[arg-type]
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))

    @property
    def _reports(self) -> Reports:
        if self.reports is None:
            raise DeadlinePassedError(OUT_OF_TIME)
        return self.reports


@dataclass(frozen=True, eq=False)
class Reports:
    """What reports lead to.

    Attributes:
        tables: for who reports.
        externalities: what each type's report leads the others to expect, ``(types of all players,)``, numeraire.
    """

    tables: ReportTables
    externalities: FloatArray


def sampled(economy: Economy, deadline: Deadline = NO_DEADLINE, listing: Listing | None = None) -> SampledEconomy:
    """Return what stands for the profiles of an economy: counts of types among replicas where these are few, or draws.

    Args:
        economy: any; the same one always has the same draws.
        deadline: after which no more draws are added to those of a first look; where there is no time for that either,
            what reports lead to is left out.
        listing: which profiles are to stand for all; what the economy allows, without it.
    """
    listing = listing_of(economy) if listing is None else listing
    if listing is not Listing.DRAWN:
        profiles, efficient = standing_for_all(economy, listing)
        tables = report_tables(economy, listing)
        return SampledEconomy(economy, profiles, efficient, Reports(tables, tables.externalities()))
    left = deadline.left
    draws = _draws(economy)
    profiles, efficient, enough = _looked_at(economy, draws, deadline)
    # What is to follow takes about as long as what came before, reports left out.
    by = deadline if left == np.inf else Deadline.after(max(2 * deadline.left - left, 0.0))
    known, whole = _tables(economy, draws, by)
    if known is None:
        return SampledEconomy(economy, profiles, efficient, None, cut=True)
    gains = economy.gains_from_goods(profiles.types, efficient.bundles)
    others_gain = (gains.sum(axis=1, keepdims=True) - gains).mean(axis=0)
    externalities = known.externalities(pooled(others_gain, known.alike))
    return SampledEconomy(economy, profiles, efficient, Reports(known, externalities), cut=not (enough and whole))


def standing_for_all(economy: Economy, listing: Listing | None = None) -> tuple[Profiles, EfficientAllocation]:
    """Return what stands for the profiles of an economy, as `sampled` does, and not what reports lead to."""
    listing = listing_of(economy) if listing is None else listing
    if listing is Listing.DRAWN:
        profiles, efficient, _ = _looked_at(economy, _draws(economy), NO_DEADLINE)
        return profiles, efficient
    profiles = exact_profiles(economy, listing)
    return profiles, efficient_allocation(economy, profiles.types)


def _draws(economy: Economy) -> Draws:
    """Return as many draws as there may be; the first are the same, however many there are."""
    return economy.prior.draws(seeded(), max(FIRST_DRAWS // 8, MOST_BUNDLES // len(economy.players)))


def _looked_at(economy: Economy, draws: Draws, deadline: Deadline) -> tuple[Profiles, EfficientAllocation, bool]:
    """Return as many of the draws as are wanted, and there is time for, and whether these are as many as are wanted."""
    left, most = deadline.left, len(draws.profiles)
    first = min(FIRST_DRAWS, most)
    profiles, efficient = _solved(economy, draws, first)
    gains = economy.gains_from_goods(profiles.types, efficient.bundles).sum(axis=1)
    error = standard_error(profiles.weights, gains)
    wanted = _wanted(first, error, PRECISION * abs(float(gains.mean())), most)
    timed = _in_time(first, wanted, left, deadline)
    if timed > first:
        profiles, efficient = _solved(economy, draws, timed)
    return profiles, efficient, timed == wanted


def _in_time(done: int, wanted: int, before: float, deadline: Deadline) -> int:
    """Return how many of the draws wanted there is time for, given how many were done since when; those at least."""
    took = before - deadline.left
    if before == np.inf or took <= 0:
        return wanted
    return max(done, min(wanted, int(done * deadline.left / took)))


def _solved(economy: Economy, draws: Draws, count: int) -> tuple[Profiles, EfficientAllocation]:
    profiles = drawn_profiles(_first(draws, count))
    return profiles, efficient_allocation(economy, profiles.types)


def _tables(economy: Economy, draws: Draws, deadline: Deadline) -> tuple[ReportTables | None, bool]:
    """Return the tables of reports from as many draws as their standard errors ask for, and whether there was time."""
    reports = sum(economy.prior.type_counts[int(player)] - 1 for player in np.unique(players_alike(economy)))
    most = min(
        max(LEAST_OTHERS, MOST_BUNDLES_OF_LIARS // (len(economy.players) * max(reports, 1))), len(draws.profiles)
    )
    first = min(FIRST_OTHERS, most)
    left = deadline.left
    try:
        tables = report_tables(economy, _first(draws, first), deadline)
        wanted = _wanted(first, largest_relative_error(tables), PRECISION_OF_LIES, most)
        timed = _in_time(first, wanted, left, deadline)
        if timed <= first:
            return tables, timed == wanted
    except DeadlinePassedError:
        try:
            return report_tables(economy, _first(draws, min(LEAST_OTHERS, most)), deadline), False
        except DeadlinePassedError:
            return None, False
    try:
        return report_tables(economy, _first(draws, timed), deadline), timed == wanted
    except DeadlinePassedError:
        return tables, False


def largest_relative_error(tables: ReportTables) -> float:
    """Return the largest standard error of what a report gains, as a share of what is at stake for who makes it."""
    largest = 0.0
    ends = tables.economy.first_rows[1:]
    stakes = np.split(tables.stakes, ends)
    nothing = [np.zeros(len(each)) for each in stakes]
    for money in (None, nothing):
        for errors, at_stake in zip(tables.standard_errors(money), stakes, strict=True):
            relative = np.where(np.isfinite(errors), errors, 0.0) / np.where(at_stake > 0, at_stake, np.inf)[:, None]
            largest = max(largest, float(relative.max()))
    return largest


def _wanted(first: int, error: float, aim: float, most: int) -> int:
    """Return how many draws bring a standard error down to an aim, somewhat more than it seems, within a limit."""
    needed = first if error <= aim else ceil(first * 1.1 * (error / aim) ** 2) if aim > 0 else most
    return min(max(first, needed), most)


def _first(draws: Draws, count: int) -> Draws:
    chances = draws.chances if len(draws.chances) == 1 else draws.chances[:count]
    return Draws(draws.profiles[:count], chances)

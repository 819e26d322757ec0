r"""A grand contract that is worked out at the profiles of reports that occur, for economies with too many to list.

What it says at a profile is a function of that profile alone, whatever was asked before: the profile with its replicas
in order of type is solved by itself, and players get what their likes get there. Transfers are those of the formula for
expected externalities, or those that no coalition of liars can exploit, of which all reveal their types in one order
(:mod:`marketgame.mechanisms.contracts.in_turn`). Expectations are exact for replicas and otherwise drawn once
(:mod:`marketgame.mechanisms.contracts.sampled`); transfers balance to rounding in any case, and what the draws leave of
a misreport's gain is known with its standard error.

What is granted for rounding is the same for replicas of whatever types, so that it tells nobody's type.

*What is believed.* Prices add up what everybody wants, and are told apart to the last digit; nothing else than the
exchange of replicas is taken to lead to the same price. So whoever has been told something considers possible all
profiles in which other replicas who were granted the same have exchanged their types. Where these are many, beliefs are
draws from them, the same for everybody who is told the same.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self, override

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, read_only
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, walrasian_payments
from marketgame.mechanisms.contracts.in_turn import refuse_turns
from marketgame.mechanisms.contracts.incentives import IncentiveCheck, judged_incentives
from marketgame.mechanisms.contracts.joint_misreports import JointMisreport, JointMisreportCheck
from marketgame.mechanisms.contracts.money_left import MoneyLeft
from marketgame.mechanisms.contracts.sampled import SampledEconomy
from marketgame.mechanisms.contracts.terms import DirectContract, OwnRecommendation, Posterior, Terms
from marketgame.mechanisms.contracts.transfers import (
    balanced_externalities,
    expected_transfers,
    least_transfers,
    numeraire_left,
    refuse_externalities,
)
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.economies.profiles import seeded
from marketgame.mechanisms.economies.walras import at_payable_prices
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal

# What was worked out is kept up to this many bundles, about a hundred megabytes.
BUNDLES_KEPT = 1 << 20
# How many draws a belief consists of.
BELIEF_DRAWS = 16
# No more pairs of players than this in all of them, where each pair is told something of its own.
PAIRS_BELIEVED = 1 << 21


@dataclass(frozen=True, eq=False)
class ContractOnDemand(DirectContract):
    """Recommendations and transfers for whatever is reported.

    Attributes:
        sample: what stands for all profiles of the economy.
        rule: which transfers: none, so that all pay the supporting price, those for expected externalities, or those
            that no coalition of liars can exploit.
        economy: whose types are reported.
        execution: of the market's orders.
        refusal: whether recommended flows may be refused.

    Raises:
        ValueError: the rule asks for other transfers, types are correlated where it asks for any, or somebody would end
            with less than no numeraire: at some profile, where transfers say so, or at one of those
            that stand for all.
    """

    sample: SampledEconomy
    rule: TransferRule
    economy: Economy = field(init=False)
    execution: Execution = Execution.UNILATERAL
    refusal: Refusal = Refusal.FREE
    _known: OrderedDict[bytes, Terms] = field(default_factory=OrderedDict, init=False, repr=False)
    _solved: dict[bytes, GrandContract] = field(default_factory=dict, init=False, repr=False)
    _told: dict[bytes, IntegerArray] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "economy", self.sample.economy)
        if self.rule is TransferRule.EXPECTED_EXTERNALITY:
            refuse_externalities(self.economy)
        if self.rule is TransferRule.COALITION_PROOF:
            refuse_turns(self.economy)
        if self.rule is TransferRule.LP:
            offered = ", ".join(repr(rule.value) for rule in TransferRule if rule is not TransferRule.LP)
            raise ValueError(
                f"{self.economy.prior.obstacle}, which transfers = {self.rule.value!r} would need; they can be one of "
                f"{offered}"
            )
        self._refuse_debt()

    @override
    def under(self, rules: MarketRules) -> Self:
        if (rules.execution, rules.refusal) == (self.execution, self.refusal):
            return self
        return replace(self, execution=rules.execution, refusal=rules.refusal)

    def _refuse_debt(self) -> None:
        economy = self.economy
        if self.rule is TransferRule.COALITION_PROOF and self.money_suffices:
            return
        if self.rule is TransferRule.NONE:
            profiles = self.sample.efficient.profiles
            held = economy.endowments(profiles)[..., -1] + walrasian_payments(economy, self.sample.efficient)
            least = held.min(axis=0)
        elif self.rule is TransferRule.COALITION_PROOF:
            looked_at = self.sample.in_turn.looked_at
            least = (economy.endowments(looked_at)[..., -1] + self.sample.in_turn.transfers).min(axis=0)
        else:
            least = numeraire_left(economy, self.sample.externalities)
        lacking = int(np.argmin(least))
        if least[lacking] < 0:
            raise ValueError(
                f"{economy.player_names[lacking]} may end with {least[lacking]:.6g} of the numeraire; endow it with at "
                f"least {-least[lacking]:.6g} more"
            )

    @cached_property
    def money_suffices(self) -> bool:
        """Whether it is proven that nobody ends with less than no numeraire, at any profile and whatever is drawn."""
        least = MoneyLeft.of(self.sample, self.rule).least
        return least is not None and bool((least >= 0).all())

    @cached_property
    def coalition_proof(self) -> bool:
        """Whether it is proven that no coalition of any size gains by lies that it obeys, whatever is drawn."""
        return self.rule is TransferRule.COALITION_PROOF and (self.sample.in_turn.exact or self.money_suffices)

    @cached_property
    @override
    def stakes(self) -> FloatArray:
        """What is at stake for each type, ``(types of all players,)``: the largest at profiles that stand for all."""
        economy = self.economy
        tables = self.sample.tables.by_player()
        paid = [np.abs(table.received).max(axis=1) for table in tables]
        if self.rule is TransferRule.EXPECTED_EXTERNALITY:
            transfers = balanced_externalities(economy, self.sample.externalities, self.sample.profiles.types)
            largest = np.zeros(len(economy.endowment_table))
            np.maximum.at(largest, economy.rows(self.sample.profiles.types), np.abs(transfers))
            paid = np.split(largest, economy.first_rows[1:])
        elif self.rule is TransferRule.COALITION_PROOF:
            paid = np.split(np.abs(self.sample.in_turn.bounds).max(axis=0), economy.first_rows[1:])
        return read_only(np.concatenate([table.stakes + most for table, most in zip(tables, paid, strict=True)]))

    @override
    def most_taken(self, player: int, report: int) -> float:
        if self.rule is TransferRule.NONE:
            return 0.0
        # Of the others the worst are taken together: what they cost in goods, as far as it was seen, and in refunds.
        earned = float(self.sample.tables.by_player()[player].received[report].max())
        row = self.economy.first_rows[player] + report
        if self.rule is TransferRule.COALITION_PROOF:
            return earned - float(self.sample.in_turn.bounds[0][row])
        return earned - float(least_transfers(self.economy, self.sample.externalities)[row])

    @override
    def terms(self, reports: IntegerArray, draws: IntegerArray | int = 0) -> Terms:
        found = [self._terms_at(profile) for profile in reports.reshape(-1, len(self.economy.players))]
        if not found:
            return self._none(reports)
        efficient = EfficientAllocation(*_joined([each.efficient for each in found], fields(EfficientAllocation)))
        return Terms(efficient, *_joined(found, self._arrays_of_terms()))

    def _arrays_of_terms(self) -> tuple[Field[Any], ...]:
        return tuple(one for one in fields(Terms)[1:] if one.name != "received" or self.refusal is Refusal.ESCROW)

    def _none(self, reports: IntegerArray) -> Terms:
        some = self._terms_at(self.sample.profiles.types[0])
        efficient = some.efficient.at(np.zeros(0, dtype=np.int64))
        return Terms(efficient, *(getattr(some, one.name)[:0] for one in self._arrays_of_terms()))

    def _terms_at(self, profile: IntegerArray) -> Terms:
        key = np.ascontiguousarray(profile).tobytes()
        if key not in self._known:
            terms = self._worked_out(profile)
            self._known[key] = terms
            self._told[_message(terms.price[0], terms.transfers[0])] = terms.efficient.profiles[0]
            if len(self._known) * len(profile) > BUNDLES_KEPT:
                _, dropped = self._known.popitem(last=False)
                self._told.pop(_message(dropped.price[0], dropped.transfers[0]), None)
        return self._known[key]

    def _worked_out(self, profile: IntegerArray) -> Terms:
        economy = self.economy
        ordered = self._in_order(profile[None])
        contract = self._in_order_solved(ordered)
        # Whoever is of a type gets what the first of its likes gets who is of that type.
        place = _first_alike(self.sample.tables.alike, ordered[0], profile)
        solved = contract.efficient
        own = EfficientAllocation(
            profile[None].copy(),
            solved.bundles[:, place],
            solved.price,
            solved.lowest_price,
            solved.value_of_goods,
            economy.endowments(profile[None])[..., -1].sum(axis=-1) + solved.value_of_goods,
            solved.optimality_gap,
        )
        return Terms(
            own,
            own.price,
            contract.numeraire_transfers[:, place],
            contract.orders[:, place],
            contract.announced_endowments[:, place],
            self._purchasing_power(contract)[:, place],
            contract.allocation[:, place],
            None if contract.received is None else contract.received[:, place],
        )

    def _in_order_solved(self, ordered: IntegerArray) -> GrandContract:
        """Return the contract at a profile in order; the last one is kept, as what is believed exchanges replicas."""
        key = ordered.tobytes()
        if key not in self._solved:
            self._solved.clear()
            self._solved[key] = self._solve(ordered)
        return self._solved[key]

    def _solve(self, ordered: IntegerArray) -> GrandContract:
        efficient = efficient_allocation(self.economy, ordered)
        if self.rule is TransferRule.NONE:
            efficient = at_payable_prices(self.economy, efficient)
            payments = walrasian_payments(self.economy, efficient)
        elif self.rule is TransferRule.COALITION_PROOF:
            gains = self.economy.gains_from_goods(ordered, efficient.bundles)
            payments = self.sample.in_turn.turns.transfers(ordered[0], gains[0])[None]
        else:
            payments = balanced_externalities(self.economy, self.sample.externalities, ordered)
        return GrandContract(self.economy, efficient, payments, self.execution, self.refusal)

    def _purchasing_power(self, contract: GrandContract) -> FloatArray:
        """Return what everybody is granted where profiles are in order, ``(1, N)``, numeraire."""
        if contract.received is not None:
            return contract.transfers
        granted = _largest_among(contract.granted, self.sample.tables.alike)
        return np.asarray(contract.value_of_trades + granted)

    def _in_order(self, profiles: IntegerArray) -> IntegerArray:
        """Return profiles in which replicas are in the order of their types, ``(K, N)``."""
        alike = self.sample.tables.alike
        order = np.lexsort((profiles, np.broadcast_to(alike, profiles.shape)), axis=-1)
        ordered = np.empty_like(profiles)
        ordered[:, np.argsort(alike, kind="stable")] = np.take_along_axis(profiles, order, axis=-1)
        return ordered

    @override
    def posterior(self, player: int, own_type: int, report: int, received: OwnRecommendation) -> Posterior:
        told = self._told.get(_message(received.quotes, received.transfers))
        if told is not None and told[player] != report:
            told = self._exchanged(told, player, report, received.transfers)
        if told is not None and self._tells_pairs:
            told = self._as_ordered(told, player, received)
        if told is None or not self._says(told, player, received):
            raise ValueError(f"the contract tells player {player} this at no profile where it reports {report}")
        # Others are told apart if they are no replicas of each other, were granted different purchasing power, or are
        # to trade different amounts with the player where it is told whom to trade with.
        cells = _labels(self.sample.tables.alike, received.transfers)
        if self._tells_pairs:
            cells = _labels(cells, received.orders)
        cells[player] = -1
        _, cells = np.unique(cells, return_inverse=True)
        cells = cells.reshape(-1)
        order = np.lexsort((told, cells))
        ordered, by_cell = told[order], np.argsort(cells, kind="stable")
        base = np.empty_like(told)
        base[by_cell] = ordered
        least, most = (
            ufunc.reduceat(ordered, np.flatnonzero(np.diff(cells[by_cell], prepend=-1)))
            for ufunc in (np.minimum, np.maximum)
        )
        if (least == most).all():
            return Posterior(base[None], np.ones(1))
        # What is drawn depends on what was told, and on nothing else.
        digest = hashlib.sha256(base.tobytes() + bytes([player % 256])).digest()
        generator = seeded(player, int.from_bytes(digest[:4]))
        draws = np.empty((self._belief_draws, len(base)), dtype=np.int64)
        for draw in draws:
            mixed = np.lexsort((generator.random(len(base)), cells[by_cell]))
            draw[by_cell] = ordered[mixed]
        return Posterior(draws, np.full(len(draws), 1 / len(draws)), sampled=True)

    @property
    def _belief_draws(self) -> int:
        """How many draws a belief consists of: where orders are matched, each takes a number for every pair."""
        if not self._tells_pairs:
            return BELIEF_DRAWS
        return max(1, min(BELIEF_DRAWS, PAIRS_BELIEVED // len(self.economy.players) ** 2))

    @property
    def _tells_pairs(self) -> bool:
        """Whether players are told from whom to order what."""
        return self.execution is Execution.MATCHED and self.refusal is Refusal.FREE

    def _as_ordered(self, reports: IntegerArray, player: int, received: OwnRecommendation) -> IntegerArray:
        """Return reports in which replicas have exchanged their types so that they trade with a player as it is told.

        What they trade with it says what each is to order from everybody, exactly.
        """
        by_type = self._terms_at(reports).orders[0]
        wanted = by_type[player] - received.orders
        cells = _labels(self.sample.tables.alike, received.transfers)
        cells[player] = -1
        have, want = (np.lexsort((*each.T, cells)) for each in (by_type, wanted))
        exchanged = np.empty_like(reports)
        exchanged[want] = reports[have]
        return exchanged

    def _exchanged(self, reports: IntegerArray, player: int, report: int, transfers: FloatArray) -> IntegerArray | None:
        """Return reports in which a player has exchanged its type with a replica; none if no replica reports that."""
        alike = self.sample.tables.alike == self.sample.tables.alike[player]
        others = np.flatnonzero(alike & (transfers == transfers[player]) & (reports == report))
        if not others.size:
            return None
        exchanged = reports.copy()
        exchanged[[player, others[0]]] = reports[[others[0], player]]
        return exchanged

    def _says(self, reports: IntegerArray, player: int, received: OwnRecommendation) -> bool:
        """Say whether a player is told something at a profile of reports."""
        terms = self._terms_at(reports)
        told, orders = terms.orders[0], terms.orders[0, player]
        if self._tells_pairs:
            orders = orders - told
        return bool(
            (orders == received.orders).all()
            and (terms.announced_endowments[0, player] == received.announced_endowment).all()
        )


def check_on_demand(contract: ContractOnDemand) -> IncentiveCheck:
    """Return interim utilities, all misreport gains and the worst misreport of a contract, with their standard errors.

    Standard errors are those of what these transfers bring; that other draws would have made other transfers is no
    error of the contract. Of coalition-proof transfers it is part of the errors, as gains are those of exact ones; that
    truth is best under these, drawn after the reports, is a theorem.

    Source:
        Giraud and Rochon, Definition 4, with the transfers of the announced profile.
    """
    economy, tables = contract.economy, contract.sample.tables
    money = None
    if contract.rule is TransferRule.EXPECTED_EXTERNALITY:
        money = np.split(expected_transfers(economy, contract.sample.externalities), economy.first_rows[1:])
    errors = None if tables.exact else tables.standard_errors(money)
    if contract.rule is TransferRule.COALITION_PROOF:
        money, errors = contract.sample.in_turn.expected, contract.sample.in_turn.errors_of_lies
    check = judged_incentives(economy, tables.reported(money), contract.stakes, errors)
    return replace(check, incentive_compatible=True, theorem=True) if contract.coalition_proof else check


def check_joint_misreports_on_demand(contract: ContractOnDemand, alone: IncentiveCheck) -> JointMisreportCheck | None:
    """Return what a theorem says of coalitions' lies; none where the transfers are none of which one speaks.

    Args:
        contract: the contract.
        alone: what its players gain by lies of their own.
    """
    if contract.rule is not TransferRule.COALITION_PROOF:
        return None
    known, players, lie = contract.sample.in_turn, len(contract.economy.players), alone.worst
    worst = None
    if lie is not None:
        worst = JointMisreport((lie.player,), (lie.true_type,), (lie.reported_type,), lie.gain)
    return JointMisreportCheck(
        worst,
        1,
        players,
        alone.incentive_compatible is not False,
        standard_error=0.0 if lie is None else lie.standard_error,
        theorem=contract.coalition_proof,
        error_a_member=known.error_a_member if known.turns.draws is not None and alone.incentive_compatible else None,
    )


def _labels(cells: IntegerArray, told: FloatArray) -> IntegerArray:
    """Return numbers ``(N,)`` that are the same where cells ``(N,)`` and what is told ``(N, ...)`` are."""
    _, place = np.unique(told, axis=0, return_inverse=True)
    return np.asarray(cells * len(cells) + place.reshape(-1))


def _joined(parts: Sequence[Any], arrays: Sequence[Field[Any]]) -> Iterator[Any]:
    for one in arrays:
        yield np.concatenate([getattr(each, one.name) for each in parts])


def _message(price: FloatArray, transfers: FloatArray) -> bytes:
    """Return what everybody hears, as a key."""
    return np.ascontiguousarray(price.reshape(-1, price.shape[-1])[0]).tobytes() + transfers.tobytes()


def _largest_among(values: FloatArray, alike: IntegerArray) -> FloatArray:
    """Return the largest of the values ``(N,)`` of replicas, for each of them."""
    largest = np.full(len(values), -np.inf)
    np.maximum.at(largest, alike, values)
    return largest[alike]


def _first_alike(alike: IntegerArray, ordered: IntegerArray, profile: IntegerArray) -> IntegerArray:
    """Return for each player of a profile the first replica with its type where replicas are in order, ``(N,)``."""
    first: dict[tuple[int, int], int] = {}
    for place, key in enumerate(zip(alike.tolist(), ordered.tolist(), strict=True)):
        first.setdefault(key, place)
    return np.array([first[key] for key in zip(alike.tolist(), profile.tolist(), strict=True)], dtype=np.int64)

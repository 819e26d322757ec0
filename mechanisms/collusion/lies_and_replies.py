r"""Lies followed by whatever suits the liars, alone or together: Giraud and Rochon's Definition 4' for coalitions.

The members of S tell each other their types :math:`t_S`, report :math:`r_S`, hear what is then recommended to each of
them, and answer it jointly: with other quotes, other orders to any of the players, other announcements, and transfers
among themselves that add up to zero. They pool what they know and what they own, so what counts is the sum of their
utilities, and nothing binds their reply to one recommendation to that to another:

.. math:: \sum_b \max_a E\Big[\sum_{i \in S} u_i(a, t) ; b \,\Big|\, t_S, r_S\Big]
    - E\Big[\sum_{i \in S} u_i(t) \,\Big|\, t_S\Big]

over recommendations b. The truth is one of the reports, and a coalition of one is a player alone. What follows a lie is
a situation like any other (:mod:`marketgame.mechanisms.deviations.situation`) but that members' types are not those
they were recommended something for, so that the bounds, constructions and search for deviations apply to it.

Where flows are executed out of deposits and further orders need both sides there is a bound without any search
(:func:`gain_beyond_deposits`), by the proof of Theorem 8 (c) in ``docs/collusion.md``: zero for transfers that
coalitions of liars cannot exploit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import prod

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.collusion.side_contracts.constructions import constructed_menu
from marketgame.mechanisms.contracts.communication_equilibrium import JUST_BELOW, affordable, variants_of_trades
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.deviations import premises
from marketgame.mechanisms.deviations.bounds import least_bound, within_matched_flows
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict, together
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation, profit_tolerance
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Reaction,
    Situation,
    obedient,
    settled_gains,
    stacked,
)
from marketgame.mechanisms.economies.coalitions import Coalition, kinds_of_coalitions
from marketgame.mechanisms.economies.joint_allocation import allocate_jointly
from marketgame.mechanisms.economies.separable_allocation import allocate_good_by_good
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import Coverage, Execution, MarketRules, Refusal, Solvency

# Entries of the tables from which the bound by deposits is read, summed over coalitions, beyond which it is not.
MOST_ENTRIES = 50_000_000
# How hard replies are searched for where a bound leaves room and no construction fills it.
EFFORT = Effort(quote_vectors=6, local_rounds=1, seconds_per_program=2.0)
# How many lies, counted once for each profile of the others' types, are looked at among coalitions of one size.
MOST_LIES = 20_000


@dataclass(frozen=True)
class Lie:
    """What a coalition reports; it may be the truth.

    Attributes:
        coalition: who reports, ascending.
        true_types: the members' types, in that order.
        reported_types: what they report, in that order.
    """

    coalition: Coalition
    true_types: tuple[int, ...]
    reported_types: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Heard:
    """What the members face after a lie and one of the recommendations that may follow.

    Attributes:
        numbers: of what would be recommended after the truth wherever they hear it, ``(K,)``.
        probability: that they hear it, given their types.
        situation: what they then face, with their true types and what they believe then.
    """

    numbers: IntegerArray
    probability: float
    situation: Situation


@dataclass(frozen=True, eq=False)
class LieWithReplies:
    """A lie, and what is played after each recommendation that may follow.

    Attributes:
        lie: who reports what.
        replies: to each recommendation that may follow: the numbers of what the truth would bring where it is heard,
            and what the members do then.
        gain: the members' in sum, expected given their types, numeraire.
        bound: no replies to this lie bring more.
    """

    lie: Lie
    replies: tuple[tuple[IntegerArray, JointAction], ...]
    gain: float
    bound: float

    @property
    def by_profile(self) -> JointAction:
        """What the members play wherever they may be, in the order of profiles and draws, a batch of joint actions.

        Orders to oneself, which mean nothing, are zero.
        """
        numbers = np.concatenate([heard for heard, _ in self.replies])
        played = [action for heard, action in self.replies for _ in heard]
        batch, members = stacked([played[place] for place in np.argsort(numbers)]), self.lie.coalition
        orders = batch.orders.copy()
        orders[:, range(len(members)), members] = 0.0
        return replace(batch, orders=orders)


@dataclass(frozen=True, eq=False)
class LiesAndReplies:
    """What is known of lies that are followed by disobedience.

    Attributes:
        alone: whether no player gains by a report and its replies; proven by bounds over all of them.
        together: whether no coalition does.
        best: the most profitable that was found, of the smallest coalitions that gain; none if none was.
    """

    alone: Verdict
    together: Verdict
    best: LieWithReplies | None = None


@dataclass(frozen=True, eq=False)
class LiesSearch:
    """How lies that are followed by disobedience are looked for. Outsiders tell the truth.

    Attributes:
        contract: that they obey.
        rules: of the market.
        reaction_to: how those outside a coalition answer misquotes. Where they do, members are only taken to quote what
            is recommended, since what is played again in a certificate is obedience of outsiders.
        deadline: after which nothing more is looked at.
        effort: of the search for replies, where neither bounds nor constructions decide.
        largest: of how many members coalitions may be; of any number without it.
        alike: for each player the first that can take its place; everybody is its own without it.
    """

    contract: GrandContract
    rules: MarketRules
    reaction_to: Callable[[Coalition], Reaction | None] = lambda _: None
    deadline: Deadline = NO_DEADLINE
    effort: Effort = EFFORT
    largest: int | None = None
    alike: tuple[int, ...] | None = None

    def run(self) -> LiesAndReplies:
        """Look for reports and replies by which some coalition gains, or prove that there are none.

        Returns:
            The verdicts. Single players are first. Once some gain, larger coalitions are not looked at: one that gains
            settles the question for all.
        """
        players = len(self.contract.economy.players)
        sizes = range(1, min(players, self.largest or players) + 1)
        verdicts: list[Verdict] = []
        for size in sizes:
            verdict, best = self.of_size(size)
            verdicts.append(verdict)
            if verdict is Verdict.REFUTED:
                return LiesAndReplies(verdicts[0], Verdict.REFUTED, best)
        everybody = [] if len(sizes) == players else [Verdict.NOT_REFUTED]
        return LiesAndReplies(verdicts[0], together([*verdicts, *everybody]))

    def of_size(self, size: int) -> tuple[Verdict, LieWithReplies | None]:
        """Return what is known of all coalitions of some size, and the most profitable lie of one that gains."""
        beyond = gain_beyond_deposits(self.contract, self.rules, size) if self.reaction_to(()) is None else None
        if beyond is not None and beyond <= GAIN_TOLERANCE:
            return Verdict.PROVEN, None
        coalitions = self._to_examine(size)
        if coalitions is None:
            return Verdict.NOT_REFUTED, None
        found = [self.of_coalition(one) for one in coalitions]
        best = max((one for _, one in found if one is not None), key=lambda one: one.gain, default=None)
        return together(verdict for verdict, _ in found), best

    def _to_examine(self, size: int) -> list[Coalition] | None:
        """Return a coalition of each kind of some size; none if they have too many lies."""
        counts = self.contract.economy.prior.type_counts
        alike = tuple(range(len(counts))) if self.alike is None else self.alike
        coalitions: list[Coalition] = []
        lies = 0
        for coalition, _ in kinds_of_coalitions(alike, size):
            reports = prod(counts[member] for member in coalition)
            lies += reports * len(self.contract.profiles) if size < len(counts) else 0
            if lies > MOST_LIES:
                return None
            coalitions.append(coalition)
        return coalitions

    def of_coalition(self, coalition: Coalition) -> tuple[Verdict, LieWithReplies | None]:
        """Return what is known of one coalition, and its most profitable lie with replies that gains."""
        if len(coalition) == len(self.contract.economy.players) and self.contract.stated is None:
            # Everybody together gets at most what an efficient allocation is worth, which is what the truth brings.
            return Verdict.PROVEN, None
        best: LieWithReplies | None = None
        left_open: list[tuple[float, Lie]] = []
        for lie in lies_of(self.contract, self.rules, coalition):
            if self.deadline.passed:
                return Verdict.NOT_REFUTED if best is None else Verdict.REFUTED, best
            replied = self._with_replies(lie)
            if replied is None:
                continue
            counts = GAIN_TOLERANCE * _stake(self.contract, lie)
            if replied.gain > counts and (best is None or replied.gain > best.gain):
                best = replied
            if replied.bound > counts:
                left_open.append((replied.bound, lie))
        if best is None and self.reaction_to(coalition) is None:
            best = self._searched([lie for _, lie in sorted(left_open, key=lambda one: -one[0])])
        if best is not None:
            return Verdict.REFUTED, best
        return Verdict.NOT_REFUTED if left_open else Verdict.PROVEN, None

    def _searched(self, lies: list[Lie]) -> LieWithReplies | None:
        """Return the first of some lies to which gainful replies are found."""
        for lie in lies:
            if self.deadline.passed:
                return None
            replied = self._with_replies(lie, replace(self.effort, deadline=self.deadline))
            if replied is not None and replied.gain > GAIN_TOLERANCE * _stake(self.contract, lie):
                return replied
        return None

    def _with_replies(self, lie: Lie, effort: Effort | None = None) -> LieWithReplies | None:
        return with_replies(self.contract, self.rules, lie, self.reaction_to(lie.coalition), effort)


def lies_of(contract: GrandContract, rules: MarketRules, coalition: Coalition) -> Iterator[Lie]:
    """Yield all that types of a coalition may report, the truth included.

    Where endowments are deposited with the report, nobody reports more of a good than it owns. Elsewhere a report is a
    word: what it says of endowments has to be shown only by who then obeys.
    """
    economy = contract.economy
    kinds = list(product(*(range(economy.prior.type_counts[member]) for member in coalition)))
    rows = [[economy.first_rows[member] + kind for member, kind in zip(coalition, one, strict=True)] for one in kinds]
    for true, owned in zip(kinds, rows, strict=True):
        for told, shown in zip(kinds, rows, strict=True):
            enough = (economy.endowment_table[owned] >= economy.endowment_table[shown]).all()
            if rules.refusal is Refusal.FREE or enough:
                yield Lie(coalition, true, told)


def after_lie(
    contract: GrandContract, rules: MarketRules, lie: Lie, reaction: Reaction | None = None
) -> tuple[Heard, ...]:
    """Return what the members of a coalition face after each recommendation that may follow their lie.

    Returns:
        Nothing if these types cannot occur, or if the transfers that follow take more than the members own where the
        rules forbid that.
    """
    contract, members = contract.under(rules), list(lie.coalition)
    economy = contract.economy
    true = (contract.profiles[:, members] == lie.true_types).all(axis=1) & (contract.probability > 0)
    numbers = np.flatnonzero(true)
    if not len(numbers):
        return ()
    profiles = contract.profiles[numbers]
    reports = profiles.copy()
    reports[:, members] = lie.reported_types
    reported = contract.numbers_of(reports, numbers // len(economy.profiles))
    likely = contract.probability[numbers] / contract.probability[numbers].sum()
    told = contract.recommended(reported)
    received = None if contract.received is None else contract.received[reported]
    owned = economy.endowments(profiles) if received is None else economy.endowments(profiles) + received
    announced = told.announced_endowments.copy()
    announced[:, members] = np.minimum(announced[:, members], owned[:, members])
    uncovered = -told.transfers[:, members] > announced[:, members, -1]
    if rules.coverage is Coverage.ANNOUNCED_NUMERAIRE and uncovered.any():
        return ()
    told = told.with_arrays(announced_endowments=announced)
    _, heard = np.unique(contract.messages[reported][:, members], axis=0, return_inverse=True)
    found = []
    for message in range(int(heard.max()) + 1):
        draws = np.flatnonzero(heard.reshape(-1) == message)
        probability = float(likely[draws].sum())
        situation = Situation(
            economy=economy,
            rules=rules,
            coalition=lie.coalition,
            probability=likely[draws] / likely[draws].sum(),
            profiles=profiles[draws],
            prescribed=told[draws],
            reaction=reaction,
            efficient=contract.efficient_at(numbers[draws]),
            received=None if received is None else received[draws],
        )
        found.append(Heard(numbers[draws], probability, situation))
    return tuple(found)


def with_replies(
    contract: GrandContract,
    rules: MarketRules,
    lie: Lie,
    reaction: Reaction | None = None,
    effort: Effort | None = None,
) -> LieWithReplies | None:
    """Return a lie with the best replies that constructions yield, or a search with some effort, and a bound on all.

    Returns:
        Nothing if the lie cannot be told.
    """
    heard = after_lie(contract, rules, lie, reaction)
    if not heard:
        return None
    promised = float(
        sum(one.probability * (one.situation.probability @ _promised(contract, one, lie.coalition)) for one in heard)
    )
    replies, obtained, most = [], 0.0, 0.0
    for one in heard:
        reply, value, bound = best_reply(one.situation, effort)
        replies.append((one.numbers, reply))
        obtained += one.probability * value
        most += one.probability * bound
    return LieWithReplies(lie, tuple(replies), obtained - promised, max(most, obtained) - promised)


def _promised(contract: GrandContract, heard: Heard, coalition: Coalition) -> FloatArray:
    return np.asarray(contract.gains[heard.numbers][:, list(coalition)].sum(axis=1))


def best_reply(situation: Situation, effort: Effort | None = None) -> tuple[JointAction, float, float]:
    """Return what members do best in a situation, as far as constructions and a search with some effort find it.

    Returns:
        The joint action, by how much all members are then better off than on their endowments in sum, and what no
        joint action exceeds, numeraire.
    """
    told, reacts = obedient(situation), situation.reaction is not None
    tried = [one for one in _constructed(situation, told) if not reacts or (one.quotes == told.quotes).all()]
    values = settled_gains(situation, stacked(tried)).sum(axis=-1)
    winner = int(values.argmax())
    reply, value = tried[winner], float(values[winner])
    start = float(situation.obedient_gains.sum())
    bound = least_bound(situation).total_gain + start
    flows = within_matched_flows(situation)
    bound = bound if flows is None else min(bound, flows)
    if premises.DEPOSITS.holds(situation.rules) and len(situation.outsiders) and not reacts:
        bound = min(bound, _worth_of_division(situation))
    if effort is not None and bound - value > profit_tolerance(situation):
        found = most_profitable_deviation(situation, Objective.TOTAL, effort)
        if found.best is not None and found.value + start > value:
            reply, value = found.best, found.value + start
    return reply, value, bound


def gain_beyond_deposits(contract: GrandContract, rules: MarketRules, size: int) -> float | None:
    r"""Return what no lie of coalitions of some size, followed by any disobedience, gains beyond, if deposits prove it.

    After reports r, members of S enjoy at most what is left of welfare when outsiders hold :math:`x_j(r)`, so that they
    expect at most :math:`E[W | t_S] + f_S(r_S)` with

    .. math:: f_S(r_S) = E\Big[\sum_{i \in S} \theta_i - \sum_{j \notin S} v_j(x_j) \,\Big|\, r_S\Big]

    and truth brings :math:`E[W | t_S] + f_S(t_S)`.

    Args:
        contract: the contract.
        rules: of the market.
        size: of the coalitions.

    Returns:
        The largest difference of two values of f, as a share of what is at stake for the coalition at least; none if
        the rules are others, types are correlated, allocations are not efficient ones, or reports too many to list.

    Source:
        ``docs/collusion.md``, Theorem 8 (c).
    """
    prior, counts = contract.economy.prior, contract.economy.prior.type_counts
    if not premises.DEPOSITS.holds(rules) or not prior.independent or contract.stated is not None:
        return None
    if len(contract.economy.profiles) * 2 ** len(counts) > MOST_ENTRIES:
        return None
    outside = contract.economy.gains_from_goods(contract.efficient.profiles, contract.efficient.bundles)
    least = [stakes.min() for stakes in np.split(contract.stakes, contract.economy.first_rows[1:])]
    # Who has one type lies about nothing, and has no part in expectations.
    uncertain = [player for player, count in enumerate(counts) if count > 1]
    largest = 0.0
    for members in combinations(range(len(counts)), size):
        others = [player for player in range(len(counts)) if player not in members]
        left = contract.numeraire_transfers[:, list(members)].sum(axis=1) - outside[:, others].sum(axis=1)
        table = left.reshape([counts[player] for player in uncertain])
        for place, player in reversed(list(enumerate(uncertain))):
            if player in others:
                table = np.tensordot(table, prior.marginal(player), axes=(place, 0))
        if others:  # Everybody together gains nothing: theirs is all welfare, and transfers balance.
            largest = max(largest, float(np.ptp(table)) / sum(least[member] for member in members))
    return largest


def _constructed(situation: Situation, told: JointAction) -> Iterator[JointAction]:
    """Yield replies that need no search, what is recommended first."""
    yield told
    rules = situation.rules
    if rules.execution is Execution.UNILATERAL and len(situation.outsiders):
        yield from _liked_at_the_price(situation, told)
        if rules.solvency is Solvency.BUDGET:
            yield from _short_sales(situation, told)
    if rules.execution is Execution.MATCHED and rules.refusal is Refusal.FREE and len(situation.outsiders):
        yield _refused_in_part(situation, told)
    if rules.execution is Execution.MATCHED and rules.refusal is Refusal.ESCROW:
        yield _divided_anew(situation)
    yield from constructed_menu(situation).actions[1:]


def _liked_at_the_price(situation: Situation, told: JointAction) -> Iterator[JointAction]:
    """Yield what is recommended with orders from all outsiders for what members like better at the quoted price.

    Of each good members buy from outsiders in proportion to what these hold after the recommended trades, at least over
    the draws, and all of that at most. Where nothing is granted for rounding, whoever pays what is not exactly what it
    buys is bankrupt, or its partner is: so there one pays a hair too much, which costs a partner whose trades stand
    nothing but its own bundle, or buys powers of two, whose price is a number.
    """
    members, outsiders, plays = situation.members, situation.outsiders, situation.prescribed
    flows = plays.orders - plays.orders.swapaxes(1, 2)
    held = np.maximum((plays.announced_endowments + flows.sum(axis=2))[:, outsiders].min(axis=0), 0.0)
    holdings = (plays.announced_endowments + flows.sum(axis=2))[0, members]
    own, prices = holdings[:, :-1], plays.quotes[0, outsiders[0], :-1]
    rows = situation.economy.rows(situation.profiles[0])[members]
    likes = situation.economy.valuations.demand(rows, np.broadcast_to(prices, own.shape))
    wanted = np.maximum(np.minimum(likes, situation.supply[0, :-1]) - own, -own)
    bought, there = np.maximum(wanted, 0.0).sum(axis=0), held[:, :-1].sum(axis=0)
    fits = np.where(bought > there, there / np.where(bought > there, bought, 1.0), 1.0)
    wanted = affordable(
        np.where(wanted > 0, wanted * fits, wanted), np.broadcast_to(prices, own.shape), holdings[:, -1]
    )
    wanted = JUST_BELOW * wanted
    shares = held / np.maximum(held.sum(axis=0), np.finfo(np.float64).tiny)
    traded = wanted[:, None] * np.where(wanted[:, None] > 0, shares[:, :-1], shares[:, -1:])
    for amounts, hair in variants_of_trades(traded, situation.rules):
        orders = told.orders.copy()
        orders[:, outsiders, :-1] += amounts
        paid = (prices * amounts).sum(axis=-1)
        orders[:, outsiders, -1] -= paid + hair * np.abs(paid)
        yield replace(told, orders=orders)


def _refused_in_part(situation: Situation, told: JointAction) -> JointAction:
    """Return what is recommended but for what members like less at the quoted price than the money for it.

    Who wants more than it is to end with delivers less, and who wants less buys less. What that is worth is refused in
    money too, pair by pair, so that budgets stay as they are; no more can be refused than flows the other way.
    """
    members, outsiders, plays = situation.members, situation.outsiders, situation.prescribed
    flows, prices = plays.orders - plays.orders.swapaxes(1, 2), plays.quotes[0, outsiders[0], :-1]
    ends = (plays.announced_endowments + flows.sum(axis=2) / 2.0)[0, members, :-1]
    rows = situation.economy.rows(situation.profiles[0])[members]
    likes = situation.economy.valuations.demand(rows, np.broadcast_to(prices, ends.shape))
    wanted = np.minimum(likes, situation.supply[0, :-1]) - ends
    orders = told.orders.copy()
    for place, good in product(range(len(members)), range(len(prices))):
        trades = orders[place, outsiders]
        if prices[good] == 0.0 or wanted[place, good] == 0.0:
            continue
        # Flows of the good that take the member away from what it wants, and the money that flows the other way.
        against = np.maximum(-np.sign(wanted[place, good]) * trades[:, good], 0.0)
        paid = np.maximum(np.sign(wanted[place, good]) * trades[:, -1], 0.0) / prices[good]
        most = np.minimum(against, paid)
        can, would = float(most.sum()), abs(float(wanted[place, good]))
        refused = most * (would / can if would < can else 1.0)
        orders[place, outsiders, good] += np.sign(wanted[place, good]) * refused
        orders[place, outsiders, -1] -= np.sign(wanted[place, good]) * refused * prices[good]
    return replace(told, orders=orders)


def _short_sales(situation: Situation, told: JointAction) -> Iterator[JointAction]:
    """Yield the sale of each good by each member, far beyond what there is, for numeraire at the quoted price."""
    outsider, supply = int(situation.outsiders[0]), situation.supply[0]
    quotes = situation.prescribed.quotes[0, outsider]
    for place, good in product(range(len(situation.coalition)), range(len(supply) - 1)):
        if quotes[good] > 0:
            # A multiple of a power of two, so that what is paid for it is not rounded.
            quantity = 2.0 ** np.ceil(np.log2(4.0 * supply[good] + 4.0 * supply[-1] / quotes[good]))
            orders = told.orders.copy()
            orders[place, outsider, good] -= quantity
            orders[place, outsider, -1] += quantity * quotes[good]
            yield replace(told, orders=orders)


def _divided_anew(situation: Situation) -> JointAction:
    """Return an efficient division of what members hold: at quotes of nothing goods change hands for nothing."""
    members, count = situation.members, len(situation.coalition)
    held = situation.endowments[0, members]
    quotes = np.zeros_like(held)
    quotes[:, -1] = 1.0
    orders = np.zeros((count, *situation.prescribed.orders.shape[2:]))
    needs = _division(situation)[0][0] - held[:, :-1]
    given, taken = np.maximum(-needs, 0.0), np.maximum(needs, 0.0)
    shares = taken / np.maximum(taken.sum(axis=0), np.finfo(np.float64).tiny)
    for giver, taker in product(range(count), range(count)):
        flow = JUST_BELOW * given[giver] * shares[taker]
        orders[taker, members[giver], :-1] += flow
        orders[giver, members[taker], :-1] -= flow
    return JointAction(quotes, orders, held, np.zeros(count))


def _division(situation: Situation) -> tuple[FloatArray, FloatArray]:
    """Return how members divide best what they hold, ``(K, S, G)``, units, and prices that support that, ``(K, G)``."""
    table = situation.economy.valuations
    rows = situation.economy.rows(situation.profiles)[:, situation.members]
    allocate = allocate_good_by_good if table.separable else allocate_jointly
    bundles, prices = allocate(table, rows, situation.endowments[:, situation.members, :-1].sum(axis=1))
    return bundles, np.maximum(prices, 0.0)


def _worth_of_division(situation: Situation) -> float:
    """Return what members can gain at most who divide anew what they hold, over their endowments, numeraire."""
    _, prices = _division(situation)
    members, economy = situation.members, situation.economy
    rows = economy.rows(situation.profiles)[:, members]
    held, reference = situation.endowments[:, members], economy.reference_goods[rows]
    each = np.broadcast_to(prices[:, None], reference.shape)
    limit = np.broadcast_to(held[..., :-1].sum(axis=1, keepdims=True), reference.shape)
    surplus = economy.valuations.select(rows).indirect_gain(reference, each, limit)
    gain = surplus + (each * (held[..., :-1] - reference)).sum(axis=-1)
    if situation.received is not None:
        gain = gain + situation.received[:, members, -1]
    return float(situation.probability @ gain.sum(axis=1))


def _stake(contract: GrandContract, lie: Lie) -> float:
    rows = [contract.economy.first_rows[one] + kind for one, kind in zip(lie.coalition, lie.true_types, strict=True)]
    return float(contract.stakes[rows].sum())

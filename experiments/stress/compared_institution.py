"""Trading posts and the call market as institutions: the same questions, on the same economies.

Types are reported to them as to the contract of the market game. All lies are enumerated; what one player sends instead
is bounded, and the bound met or missed by what is found; coalitions of two are searched. Every "no" has a certificate
that is replayed. Leaving is asked about where everybody pays a supporting price: nobody gains by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from marketgame.experiments.certificate_files.files import certificate_text
from marketgame.experiments.stress.benchmarks import NINETY_FIVE, certified, interval
from marketgame.experiments.stress.compared_play import careless_welfare, learned_welfare
from marketgame.experiments.stress.institution import Known
from marketgame.experiments.stress.proven import proven_by
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.ruling import Answered, Certainty, Evidence, Measure, Measured, Ruling
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.compared_market import ComparedMarketCertificate, certify_compared_market
from marketgame.mechanisms.certificates.compared_welfare import certify_compared_welfare
from marketgame.mechanisms.certificates.plain.instance import Instance
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, gains_from, obeyed_trades
from marketgame.mechanisms.comparison_markets.kept_agreements import best_kept_agreement, can_be_searched
from marketgame.mechanisms.comparison_markets.lies import MOST_LIES, ComparedLie, ReportedMarket, sampled_lies
from marketgame.mechanisms.comparison_markets.pair_deviations import best_pair
from marketgame.mechanisms.comparison_markets.post_deviations import PostDeviation, ToldPosts
from marketgame.mechanisms.comparison_markets.residual_supply import CallDeviation, best_schedule
from marketgame.mechanisms.contracts.incentives import SURE
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.assumptions import endowments_depend_on_types
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.profiles import Listing, Profiles, seeded
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE, counts_as_gain, stakes_by_type
from marketgame.mechanisms.incentive_efficiency.welfare import first_best_gains
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.simulation.scenario.established_contract import sample_of
from marketgame.simulation.scenario.market_scenario import MarketScenario

# Draws of the others' types for lies where there are too many to list, and the stream that draws them.
DRAWS, STREAM = 32, 16
# Of profiles that are drawn so many are played for welfare.
MOST_PLAYED = 64
# A pair that gains more than this share of the gains from trade is found; no better one is looked for.
WORTH_FINDING = 1e-3
TOO_MANY = "profiles are too many to list"

AT_SUPPORTING_PRICES = (ComparedMarket.CALL, ComparedMarket.PRICE_TAKERS)
"""Markets in which everybody who obeys pays a supporting price, wherever money suffices."""

type Deviation = CallDeviation | PostDeviation


@dataclass(frozen=True)
class ComparedInstitution:
    """A market to compare with, and what it tells traders to send.

    Attributes:
        market: which.
    """

    market: ComparedMarket

    @property
    def name(self) -> str:
        """What it is called."""
        return self.market.value

    @property
    def described(self) -> Mapping[str, str]:
        """Where traders meet, and what they send."""
        where, _, sent = self.market.value.partition(", ")
        return {"market": where, "traders send": sent or "true schedules"}

    @property
    def transfers(self) -> str:
        """None: everybody pays the price."""
        return "none"

    def can_be_asked(self, inquiry: Inquiry, scenario: MarketScenario) -> bool:
        """Say whether an inquiry makes sense of it on the scenario's economy, whatever time there is."""
        return inquiry is not Inquiry.LEAVING or self.market in AT_SUPPORTING_PRICES

    def answer(self, inquiry: Inquiry, scenario: MarketScenario, known: Known, deadline: Deadline) -> Answered:
        """Return what an inquiry answers; see `marketgame.experiments.stress.institution`."""
        economy = scenario.economy
        if inquiry is Inquiry.WELFARE:
            return Answered(welfare={Measure.PLAYED: _welfare(economy, self.market, deadline)})
        if inquiry is Inquiry.CARELESS:
            return careless_welfare(economy, self.market, scenario.seed, deadline)
        if inquiry is Inquiry.LEARNING:
            return learned_welfare(economy, self.market, scenario.seed, deadline)
        if economy.prior.obstacle:
            return Answered(_sampled(economy, self.market, inquiry, deadline))
        subject = _subject(economy, self.market)
        ways: Mapping[Inquiry, Callable[[], dict[Question, Ruling]]] = {
            Inquiry.REPORTS: lambda: _reports(subject, deadline),
            Inquiry.ORDERS: lambda: {Question.ONE: _alone(subject, deadline, lies=False)},
            Inquiry.REPLIES_ALONE: lambda: {Question.DISOBEYS: _after_reports(subject, known, deadline)},
            Inquiry.COALITIONS: lambda: _coalitions(subject, known, deadline),
            Inquiry.REPLIES: lambda: {Question.DISOBEY: _together(known)},
            Inquiry.LEAVING: lambda: {Question.LEAVING: _leaving(subject)},
        }
        return Answered(ways[inquiry]())


COMPARED = tuple(ComparedInstitution(market) for market in ComparedMarket)
"""All of them, in the order of the table."""


def _sampled(economy: Economy, market: ComparedMarket, inquiry: Inquiry, deadline: Deadline) -> dict[Question, Ruling]:
    """Return what is known where profiles are too many to list: what single lies gain on average, which is no proof."""
    rulings = {question: Ruling(Verdict.NOT_REFUTED, TOO_MANY) for question in inquiry.questions}
    if inquiry is not Inquiry.REPORTS or not economy.prior.independent:
        return rulings
    sample = sample_of(economy)
    scale = sample.profiles.expected(first_best_gains(economy, sample.efficient)).value
    draws = economy.prior.draws(seeded(STREAM), DRAWS).profiles
    lies = sampled_lies(economy, market, draws, deadline)
    if lies and scale > 0:
        worst, name = lies[0], economy.player_names[lies[0].player]
        gain, half = worst.gain / scale, NINETY_FIVE * worst.standard_error / scale
        because = f"the best lie asked about, of {name}, gains {gain:.2g} ± {half:.1g} of the gains from trade"
        verdict = (
            Verdict.SAMPLED if all(lie.gain + SURE * lie.standard_error <= 0 for lie in lies) else Verdict.NOT_REFUTED
        )
        asked = str(len({lie.player for lie in lies}))
        premises = (("players asked who are not alike", asked), ("draws of the others' types", str(DRAWS)))
        rulings[Question.ONE_LIAR] = Ruling(verdict, because, uncertainty=half, premises=premises)
    return rulings


@dataclass(frozen=True, eq=False)
class _Subject:
    """A market of an economy whose profiles are listed.

    Attributes:
        reported: what it brings everybody after every profile of reports.
        stakes: of every type, ``(types of all players,)``, numeraire.
        scale: of which gains are shares: the gains from trade expected before types are drawn, or what is at stake.
    """

    reported: ReportedMarket
    stakes: FloatArray
    scale: float

    @property
    def economy(self) -> Economy:
        """Its economy."""
        return self.reported.economy

    @property
    def market(self) -> ComparedMarket:
        """Which it is."""
        return self.reported.market

    def counts(self, gain: float, coalition: Iterable[int], types: Iterable[int]) -> bool:
        """Say whether a gain of some types together counts as one."""
        rows = self.economy.first_rows[list(coalition)] + np.array(list(types))
        return bool(counts_as_gain(np.array(gain), np.array(self.stakes[rows].sum())))

    def refuted(self, because: str, certificate: ComparedMarketCertificate, bound: float) -> Ruling:
        """Return a "no" with its certificate."""
        shares = certificate.gains / self.scale
        names = tuple(self.economy.player_names[member] for member in certificate.coalition)
        return Ruling(
            Verdict.REFUTED,
            because,
            names,
            gain=float(shares.min()),
            total_gain=float(shares.sum()),
            bound=bound / self.scale,
            money=certificate.total_gain,
            evidence=Evidence(f"{because.replace(' ', '-')}.json", certificate_text(certificate)),
        )


@lru_cache(maxsize=8)
def _subject(economy: Economy, market: ComparedMarket) -> _Subject:
    """Return what is asked about, computed once in a process.

    Raises:
        ValueError: somebody does not own what it is told to send.
        UnansweredError: it is not known what is to be sent, or the market does not clear.
    """
    efficient = efficient_allocation(economy)
    stakes = stakes_by_type(economy, efficient)
    gains = float(economy.prior.probability @ first_best_gains(economy, efficient))
    scale = gains if gains > 0 else float(stakes.max())
    return _Subject(ReportedMarket.of(economy, market), stakes, scale)


def _reports(subject: _Subject, deadline: Deadline) -> dict[Question, Ruling]:
    """Return whether one liar, and whether liars together, gain by other reports and obedience."""
    if max(subject.economy.prior.type_counts) == 1:
        nobody = proven_by(Theorem.NO_OTHER_TYPE, Instance(subject.economy))
        assert nobody is not None
        return {Question.ONE_LIAR: nobody, Question.LIARS: nobody}
    one = _worst_lie(subject, [1], deadline)
    if one.verdict is Verdict.REFUTED:
        # One liar is a coalition too; two may gain more.
        return {Question.ONE_LIAR: one, Question.LIARS: _worst_lie(subject, [2], deadline, otherwise=one)}
    sizes = range(1, len(subject.economy.players) + 1)
    return {Question.ONE_LIAR: one, Question.LIARS: _worst_lie(subject, sizes, deadline)}


def _worst_lie(subject: _Subject, sizes: Iterable[int], deadline: Deadline, otherwise: Ruling | None = None) -> Ruling:
    """Return the ruling on coalitions of some sizes, the smallest first."""
    asked = 0
    for size in sizes:
        count = subject.reported.number_of_lies(size)
        if count > MOST_LIES or (asked and deadline.passed):
            return otherwise or Ruling(
                Verdict.NOT_REFUTED, f"none of up to {asked} members pays", cut=count <= MOST_LIES
            )
        asked = size
        lie = subject.reported.best_lie(size)
        if lie is not None and subject.counts(lie.gain, lie.coalition, lie.true_types):
            return _lie(subject, lie)
    if otherwise is not None:
        return otherwise
    theorem = Theorem.EVERY_LIE_COSTS if asked == 1 else Theorem.EVERY_JOINT_LIE_COSTS
    try:
        found = proven_by(theorem, Instance(subject.economy, market=subject.market), deadline)
    except DeadlinePassedError:
        return Ruling(Verdict.NOT_REFUTED, "none pays, but time was over before that was derived twice", cut=True)
    return found or Ruling(Verdict.NOT_REFUTED, "none pays, but for rounding that may count to somebody")


def _lie(subject: _Subject, lie: ComparedLie) -> Ruling:
    types = (lie.true_types, lie.reported_types)
    certificate = certify_compared_market(subject.economy, subject.market, lie.coalition, types)
    return subject.refuted("lie" if len(lie.coalition) == 1 else "joint lie", certificate, lie.gain)


def _alone(subject: _Subject, deadline: Deadline, *, lies: bool) -> Ruling:
    """Return whether one player gains by messages of its own, after the truth or after any report."""
    found: list[Deviation] = []
    players = range(len(subject.economy.players))
    posts = None if subject.market is ComparedMarket.CALL else ToldPosts.of(subject.economy, subject.market)
    if posts is None and not subject.economy.valuations.separable:
        return Ruling(Verdict.NOT_REFUTED, "schedules of goods that bear on each other are not searched")
    if lies and subject.market is ComparedMarket.ALL_OFFERED and endowments_depend_on_types(subject.economy):
        return Ruling(Verdict.NOT_REFUTED, "whoever hides goods does not offer everything, which is not searched")
    types = [(player, kind) for player in players for kind in range(subject.economy.prior.type_counts[player])]
    done = 0
    for player, kind in types:
        if deadline.passed:
            break
        done += 1
        if posts is None:
            best_of = best_schedule(subject.economy, player, kind)
            found += [] if best_of is None else [best_of]
        elif kind == 0:
            found += posts.replies(player, lies=lies)
    if not found:
        raise DeadlinePassedError
    best, bound = max(found, key=lambda one: one.gain), max(one.bound for one in found)
    if subject.counts(best.gain, (best.player,), (best.true_type,)):
        return _deviation(subject, best)
    complete = done == len(types)
    if complete and not any(subject.counts(one.bound, (one.player,), (one.true_type,)) for one in found):
        return _bounded(subject, bound, deadline, lies=lies)
    return Ruling(Verdict.NOT_REFUTED, "none found", bound=bound / subject.scale, cut=not complete)


def _bounded(subject: _Subject, bound: float, deadline: Deadline, *, lies: bool) -> Ruling:
    """Return the ruling on one player whose gain is bounded by nothing, with its certificate."""
    if subject.market is ComparedMarket.CALL:
        # The supply that the others leave is found in floating point, and not derived a second time.
        return Ruling(Verdict.NOT_REFUTED, "bounded by nothing, but derived once only", bound=bound / subject.scale)
    theorem = Theorem.NO_REPORT_AND_MESSAGE_PAYS if lies else Theorem.NO_MESSAGE_PAYS
    try:
        found = proven_by(theorem, Instance(subject.economy, market=subject.market), deadline)
    except DeadlinePassedError:
        return Ruling(
            Verdict.NOT_REFUTED, "bounded by nothing, but time was over before that was derived twice", cut=True
        )
    return found or Ruling(Verdict.NOT_REFUTED, "none gains, but for rounding that may count to somebody")


def _after_reports(subject: _Subject, known: Known, deadline: Deadline) -> Ruling:
    """Return whether one player gains by any report and messages; in the call market a schedule is both."""
    alone = known.get(Question.ONE)
    if subject.market is ComparedMarket.CALL and alone is not None and not alone.cut:
        return alone
    return _alone(subject, deadline, lies=True)


def _deviation(subject: _Subject, best: Deviation) -> Ruling:
    if isinstance(best, CallDeviation):
        types = ((best.true_type,), (best.true_type,))
        certificate = certify_compared_market(subject.economy, subject.market, (best.player,), types, best.steps)
        return subject.refuted("schedule", certificate, best.bound)
    types = ((best.true_type,), (best.reported_type,))
    sent = (best.bids[:, None], best.offers[:, None])
    certificate = certify_compared_market(subject.economy, subject.market, (best.player,), types, sent)
    lied = "lie and messages" if best.true_type != best.reported_type else "messages"
    return subject.refuted(lied, certificate, best.bound)


def _coalitions(subject: _Subject, known: Known, deadline: Deadline) -> dict[Question, Ruling]:
    """Return whether coalitions gain: whoever gains alone is one, and nobody in it breaks what it does itself."""
    alone = known.get(Question.ONE)
    if alone is not None and alone.verdict is Verdict.REFUTED:
        return {Question.CONSISTENT: alone, Question.ANY: alone}
    if subject.market is ComparedMarket.CALL:
        opened = Ruling(Verdict.NOT_REFUTED, "agreements that their parts keep are not searched")
        lied = known.get(Question.LIARS)
        if lied is not None and lied.verdict is Verdict.REFUTED:
            # What is reported to the call market are schedules: who gains by lying together gains by sending them.
            return {Question.CONSISTENT: opened, Question.ANY: lied}
        return {Question.CONSISTENT: opened, Question.ANY: Ruling(Verdict.NOT_REFUTED, "joint schedules: not searched")}
    opened = _kept_agreement(subject, deadline)
    if opened.verdict is Verdict.REFUTED:
        return {Question.CONSISTENT: opened, Question.ANY: opened}
    found = best_pair(subject.economy, subject.market, deadline, WORTH_FINDING * subject.scale)
    if found is None or not subject.counts(found.gain, found.coalition, found.types):
        none = Ruling(Verdict.NOT_REFUTED, "none found among pairs", cut=deadline.passed)
        return {Question.CONSISTENT: opened, Question.ANY: none}
    types = (found.types, found.types)
    certificate = certify_compared_market(
        subject.economy, subject.market, found.coalition, types, (found.bids, found.offers)
    )
    return {Question.CONSISTENT: opened, Question.ANY: subject.refuted("messages of two", certificate, found.gain)}


def _kept_agreement(subject: _Subject, deadline: Deadline) -> Ruling:
    """Return whether two players agree at trading posts on what neither breaks alone."""
    if not can_be_searched(subject.economy):
        return Ruling(Verdict.NOT_REFUTED, "agreements that their parts keep are only searched where types are known")
    found = best_kept_agreement(subject.economy, subject.market, deadline, WORTH_FINDING * subject.scale)
    if found is not None and subject.counts(found.gain, found.coalition, found.types):
        types, sent = (found.types, found.types), (found.bids, found.offers)
        certificate = certify_compared_market(
            subject.economy, subject.market, found.coalition, types, sent, kept_by_both=True
        )
        tempted = np.array(np.inf if certificate.temptation is None else certificate.temptation)
        stakes = subject.stakes[subject.economy.first_rows[list(found.coalition)] + np.array(found.types)]
        if not counts_as_gain(tempted, stakes.min()):
            return subject.refuted("kept messages of two", certificate, found.gain)
    if subject.market is ComparedMarket.ALL_OFFERED and subject.economy.valuations.separable:
        return Ruling(Verdict.NOT_REFUTED, "none without a lot is kept; lots are not searched", cut=deadline.passed)
    return Ruling(Verdict.NOT_REFUTED, "none kept by both found among pairs", cut=deadline.passed)


def _together(known: Known) -> Ruling:
    """Return whether coalitions gain by reports and messages: what less already refutes."""
    for question in (Question.DISOBEYS, Question.LIARS, Question.ANY, Question.ONE, Question.ONE_LIAR):
        if question in known and known[question].verdict is Verdict.REFUTED:
            return known[question]
    return Ruling(Verdict.NOT_REFUTED, "messages after joint lies are not searched")


def _leaving(subject: _Subject) -> Ruling:
    """Return whether coalitions gain by leaving a market that ends at the efficient allocation, at its price."""
    best = first_best_gains(subject.economy, efficient_allocation(subject.economy))
    missed = best - subject.reported.truthful.sum(axis=-1)
    if (missed > GAIN_TOLERANCE * subject.stakes.sum()).any():
        return Ruling(Verdict.NOT_REFUTED, "money keeps some profile from the first best")
    found = proven_by(Theorem.AT_THE_PRICE, Instance(subject.economy, market=subject.market))
    return found or Ruling(Verdict.NOT_REFUTED, "somebody would rather trade otherwise at the price")


def _welfare(economy: Economy, market: ComparedMarket, deadline: Deadline) -> Measured:
    """Return what those who obey gain over living at home, in sum, expected before types are drawn."""
    if not economy.prior.obstacle:
        gains = _subject(economy, market).reported.truthful.sum(axis=-1)
        value = float(economy.prior.probability @ gains)
        found = Measured(value, low=value, high=value)
        return certified(found, "obedience", lambda by: certify_compared_welfare(economy, market, by), deadline)
    # What is missed of the first best is expected over the profiles of that, so that luck with types is the same.
    sample = sample_of(economy)
    best, profiles = first_best_gains(economy, sample.efficient), sample.profiles
    some = slice(0, MOST_PLAYED if profiles.listing is Listing.DRAWN else None)
    gains = gains_from(economy, profiles.types[some], obeyed_trades(economy, market, profiles.types[some])).sum(axis=-1)
    expected, weights = profiles.expected(best), profiles.weights[some] / profiles.weights[some].sum()
    missed = Profiles(profiles.listing, profiles.types[some], weights).expected(best[some] - gains)
    found = interval(expected.value - missed.value, float(np.hypot(expected.standard_error, missed.standard_error)))
    return replace(found, because=TOO_MANY) if found.certainty is Certainty.EXACT else found

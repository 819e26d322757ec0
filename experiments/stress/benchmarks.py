"""What an economy could achieve, whatever the institution: computed once, and not a line of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from marketgame.experiments.certificate_files.files import certificate_text
from marketgame.experiments.stress.institution import Known
from marketgame.experiments.stress.question import Inquiry
from marketgame.experiments.stress.ruling import Answered, Certainty, Evidence, Measure, Measured
from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.certificates.compared_welfare import ComparedWelfareCertificate
from marketgame.mechanisms.certificates.examination import GRACE
from marketgame.mechanisms.certificates.second_best import SecondBestCertificate, certify_second_best
from marketgame.mechanisms.certificates.welfare import FirstBestCertificate, ObedienceCertificate, certify_first_best
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.stakes import UndecidableError, stakes_by_type
from marketgame.mechanisms.incentive_efficiency.benchmarks import incentive_benchmarks
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import SecondBest
from marketgame.mechanisms.incentive_efficiency.welfare import IncentiveBenchmark, UnknownBenchmark, first_best_gains
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.simulation.scenario.established_contract import sample_of
from marketgame.simulation.scenario.market_scenario import MarketScenario

NAME = "benchmarks"
type WelfareCertificate = (
    FirstBestCertificate | SecondBestCertificate | ObedienceCertificate | ComparedWelfareCertificate
)
# A bound no farther than this share of the value above it is reached.
REACHED = 1e-6
# Gains from trade of less than this share of what is at stake are none.
NOTHING = 1e-9
# Half the width of a 95% interval, in standard errors.
NINETY_FIVE = 1.96
EFFICIENT = {
    Participation.NONE: Measure.EFFICIENT,
    Participation.INDIVIDUAL: Measure.EFFICIENT_WILLING,
}


@dataclass(frozen=True)
class Benchmarks:
    """What the first best and incentives allow."""

    name: str = NAME
    transfers: str = "none"

    @property
    def described(self) -> Mapping[str, str]:
        """No rules."""
        return {}

    def can_be_asked(self, inquiry: Inquiry, _scenario: MarketScenario) -> bool:
        """Say whether it is about welfare."""
        return inquiry is Inquiry.WELFARE

    def answer(self, _inquiry: Inquiry, scenario: MarketScenario, _known: Known, deadline: Deadline) -> Answered:
        """Return the first best and what incentives allow; see `marketgame.experiments.stress.institution`."""
        economy, seconds = scenario.economy, deadline.left if isfinite(deadline.left) else None
        if economy.prior.obstacle:
            sample = sample_of(economy, deadline)
            first = sample.profiles.expected(first_best_gains(economy, sample.efficient))
            best = interval(first.value, first.standard_error)
        else:
            sample = None
            efficient = efficient_allocation(economy)
            gains = float(economy.prior.probability @ first_best_gains(economy, efficient))
            if gains <= NOTHING * float(stakes_by_type(economy, efficient).max()):
                gains = 0.0  # What rounding leaves where nobody has anything to gain.
            best = Measured(gains, low=gains, high=gains)
        best = with_first_best(best, economy, deadline)
        found = incentive_benchmarks(economy, seconds=seconds, sample=sample)
        by_willingness = {EFFICIENT[one.participation]: _with_mechanism(one, economy, deadline) for one in found}
        return Answered(welfare={Measure.FIRST_BEST: best, **by_willingness})


def with_first_best(found: Measured, economy: Economy, deadline: Deadline) -> Measured:
    """Return a first best that is exact with its certificate, or without one and why there is none."""
    if found.certainty is not Certainty.EXACT:
        return found
    return certified(found, "first-best", lambda by: certify_first_best(economy, by), deadline)


def certified(
    found: Measured, name: str, certify: Callable[[Deadline], WelfareCertificate], deadline: Deadline
) -> Measured:
    """Return a welfare as its certificate says it, which is given a moment in any case, or why there is none."""
    try:
        proof = certify(Deadline.after(max(deadline.left, GRACE)))
    except DeadlinePassedError:
        return replace(found, because="there was no time to derive it twice")
    except (ValueError, UnansweredError) as reason:
        return replace(found, because=str(reason))
    evidence = Evidence(f"{name}.json", certificate_text(proof))
    if isinstance(proof, ObedienceCertificate | ComparedWelfareCertificate):
        return Measured(proof.gains, low=proof.gains, high=proof.gains, evidence=evidence)
    sure = Certainty.EXACT if proof.bound - proof.gains <= REACHED * abs(proof.gains) else Certainty.BOUND
    return Measured(proof.gains, sure, proof.gains, proof.bound, evidence=evidence)


def interval(value: float, error: float) -> Measured:
    """Return a mean with its 95% interval, exact where its standard error is zero."""
    if error <= 0:
        return Measured(value, low=value, high=value)
    return Measured(value, Certainty.INTERVAL, value - NINETY_FIVE * error, value + NINETY_FIVE * error)


def _with_mechanism(benchmark: IncentiveBenchmark, economy: Economy, deadline: Deadline) -> Measured:
    """Return what incentives allow with the certificate of a mechanism that reaches it, or why there is none."""
    found = _measured(benchmark)
    if found.certainty not in {Certainty.EXACT, Certainty.BOUND} or not isinstance(benchmark, SecondBest):
        return found
    mechanism, willing = benchmark.mechanism, benchmark.participation is Participation.INDIVIDUAL
    if mechanism is None:
        return replace(found, because="no mechanism is stated profile by profile")

    def certify(by: Deadline) -> SecondBestCertificate:
        proof, missed = certify_second_best(economy, mechanism, benchmark.payments, willing=willing, deadline=by)
        if missed:
            raise UndecidableError(missed[0])
        return proof

    return certified(found, "incentive-efficient-willing" if willing else "incentive-efficient", certify, deadline)


def _measured(benchmark: IncentiveBenchmark) -> Measured:
    if isinstance(benchmark, UnknownBenchmark):
        return Measured(None, Certainty.UNKNOWN, because=benchmark.reason)
    assert isinstance(benchmark, SecondBest)
    if not np.isfinite(benchmark.gains):
        return Measured(None, Certainty.UNKNOWN, high=float(benchmark.bound_on_gains), because="no mechanism was found")
    value, bound = float(benchmark.gains), float(benchmark.bound_on_gains)
    if benchmark.standard_error > 0 or not np.isfinite(bound):
        return interval(value, benchmark.standard_error)
    if bound - value <= REACHED * abs(value):
        return Measured(value, low=value, high=bound)
    return Measured(value, Certainty.BOUND, value, bound)

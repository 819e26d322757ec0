"""What incentives allow is proven from both sides in rational numbers, and forgeries are refused."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.certificate_files.played import recomputed, verify
from marketgame.experiments.certificate_files.replay import replay_document, replayed
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.plain import welfare
from marketgame.mechanisms.certificates.plain.second_best import _of_quadratics, _of_separable
from marketgame.mechanisms.certificates.second_best import (
    SecondBestCertificate,
    certify_second_best,
    verify_second_best,
)
from marketgame.mechanisms.certificates.welfare import certify_first_best
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import (
    Abatement,
    DiagonalQuadratic,
    Exponential,
    Linear,
    Logarithmic,
    Power,
    Quadratic,
)
from marketgame.mechanisms.incentive_efficiency.benchmarks import incentive_benchmarks
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.incentive_efficiency.second_best import SecondBest
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from tests.field_changes import with_fields
from tests.mechanisms.certificates.test_certificates import nudged
from tests.mechanisms.certificates.test_joint_truth import restated
from tests.mechanisms.incentive_efficiency.test_second_best import economy_of, trader, two_sided_trade


def solved(economy: Economy, participation: Participation) -> SecondBest:
    (found,) = incentive_benchmarks(economy, (participation,))
    assert isinstance(found, SecondBest)
    return found


def certified(
    economy: Economy, participation: Participation = Participation.INDIVIDUAL
) -> tuple[SecondBestCertificate, SecondBest]:
    found = solved(economy, participation)
    assert found.mechanism is not None
    willing = participation is Participation.INDIVIDUAL
    proof, missed = certify_second_best(economy, found.mechanism, found.payments, willing=willing)
    assert not missed
    return proof, found


@cache
def proof() -> SecondBestCertificate:
    return certified(two_sided_trade(6))[0]


def of_two(seed: int, family: str) -> Economy:
    """Who owns a good and who owns none, of two types each."""
    generator = np.random.default_rng(seed)

    def one(low: float, high: float) -> FloatArray:
        return generator.uniform(low, high, 1)

    def kind() -> Valuation:
        match family:
            case "quadratic":
                return Quadratic(one(1, 3), np.array([[0.2]]))
            case "own slopes":
                return DiagonalQuadratic(one(1, 3), one(0.1, 1))
            case "logarithmic":
                return Logarithmic(one(0.5, 3), one(0.3, 1))
            case "power":
                return Power(one(0.5, 3), one(0.3, 1), np.array([0.5]))
            case "exponential":
                return Exponential(one(0.5, 3), one(0.3, 1))
            case _:
                return Abatement(one(0.1, 0.5), one(0.1, 1), np.array([2.0]))

    return economy_of(trader("s", (1.5, 90.0), [kind(), kind()]), trader("b", (0.5, 90.0), [kind(), kind()]))


@pytest.mark.parametrize(("points", "gains"), [(5, 0.16), (10, 0.1512)])
def test_the_published_second_best_gains_of_two_sided_trade_are_proven_from_both_sides(
    points: int, gains: float
) -> None:
    """Myerson and Satterthwaite (1983), with uniform values on the midpoints of a partition."""
    found, _ = certified(two_sided_trade(points))
    assert found.gains == pytest.approx(gains, abs=1e-12)
    assert found.bound == pytest.approx(gains, abs=1e-12)
    assert verify(found).confirmed


@pytest.mark.parametrize("participation", Participation)
@pytest.mark.parametrize("family", ["quadratic", "own slopes", "logarithmic", "power", "exponential", "abatement"])
def test_multipliers_prove_of_every_family_what_the_engine_claims(family: str, participation: Participation) -> None:
    economy = of_two(7, family)
    found, engine = certified(economy, participation)
    assert verify(found).confirmed
    assert found.gains == pytest.approx(engine.gains, rel=1e-8)
    assert engine.gains - 1e-9 <= found.bound <= engine.bound_on_gains + 1e-6 * engine.gains
    first = certify_first_best(economy).bound
    assert found.bound <= first
    if participation is Participation.NONE:
        assert found.gains == pytest.approx(first, rel=1e-8)


@given(st.lists(st.floats(0.0, 0.3), min_size=4, max_size=4), st.booleans())
@settings(max_examples=3, deadline=None)
def test_no_multipliers_exclude_what_a_mechanism_gains(multipliers: list[float], willing: bool) -> None:
    """Weak duality: whatever they are, the bound is above what the best mechanism reaches."""
    stored = certified_of_own_slopes(willing=willing)
    one, other, third, last = multipliers
    tables = (np.array([[0.0, one], [other, 0.0]]), np.array([[0.0, third], [last, 0.0]]))
    again = recomputed(replace(stored, multipliers=tables))
    assert isinstance(again, SecondBestCertificate)
    assert again.bound >= stored.gains - 1e-9


@cache
def certified_of_own_slopes(*, willing: bool) -> SecondBestCertificate:
    participation = Participation.INDIVIDUAL if willing else Participation.NONE
    return certified(of_two(7, "own slopes"), participation)[0]


def one(value: float) -> FloatArray:
    return np.array([value])


CURVED: tuple[tuple[Valuation, Valuation], ...] = (
    (Logarithmic(one(2.0), one(0.5)), Logarithmic(one(1.5), one(0.2))),
    (Power(one(2.0), one(0.5), one(0.5)), Power(one(1.9), one(0.1), one(0.7))),
    (Exponential(one(2.0), one(1.0)), Linear(one(1.0))),
    (Abatement(one(0.5), one(0.4), one(1.5)), Abatement(one(0.2), one(0.6), one(2.5))),
    (DiagonalQuadratic(one(3.0), one(0.5)), DiagonalQuadratic(one(2.0), one(1.5))),
)


@pytest.mark.parametrize(("own", "other"), CURVED, ids=[type(pair[0]).__name__ for pair in CURVED])
@pytest.mark.parametrize("weight", [0.3, 0.9, 2.0])
def test_a_difference_of_valuations_concave_or_not_is_bounded_by_its_largest_value(
    own: Valuation, other: Valuation, weight: float
) -> None:
    price, most = 0.7, 2.0
    quantities = np.linspace(0.0, most, 20_001)[:, None]

    def worth(of: Valuation) -> FloatArray:
        return np.asarray(of.value(of.dispose(quantities)))

    values = (1 + weight) * worth(own) - weight * worth(other) - price * quantities[:, 0]
    exactly = (Fraction(1 + weight), own), (Fraction(-weight), other)
    found = _of_separable(exactly, [Fraction(price)], [Fraction(most)], Fraction(1, 10**9))
    assert found is not None
    assert values.max() - 1e-9 <= float(found) <= values.max() + 1e-6


def test_quadratic_goods_are_bounded_together_as_long_as_their_difference_is_concave() -> None:
    own = Quadratic(np.array([3.0, 2.0]), np.array([[1.0, 0.3], [0.3, 1.0]]))
    other = Quadratic(np.array([2.0, 2.5]), np.array([[0.8, -0.2], [-0.2, 0.8]]))
    price, limit = [Fraction(1, 2)] * 2, [Fraction(2)] * 2
    grid = np.stack(np.meshgrid(*[np.linspace(0, 2, 401)] * 2), axis=-1).reshape(-1, 2)
    for weight, concave in ((0.4, True), (5.0, False)):
        values = (1 + weight) * own.value(grid) - weight * other.value(grid) - grid.sum(axis=-1) / 2
        near = [Fraction(float(q)) for q in grid[values.argmax()]]
        found = _of_quadratics(((Fraction(1 + weight), own), (Fraction(-weight), other)), price, limit, near)
        assert (found is not None) is concave
        if found is not None:
            assert values.max() - 1e-12 <= float(found) <= values.max() + 0.05


def test_another_unit_of_money_changes_nothing_else() -> None:
    economy = of_two(7, "quadratic")
    found, _ = certified(economy)
    other, _ = certified(restated(economy, unit=1024.0))
    assert other.gains == pytest.approx(1024.0 * found.gains, rel=1e-9)
    assert other.bound == pytest.approx(1024.0 * found.bound, rel=1e-9)


def test_a_proof_is_confirmed_survives_a_file_and_comes_out_the_same_again(tmp_path: Path) -> None:
    stored = proof()
    save_certificate(stored, tmp_path / "proof.json")
    again = load_certificate(tmp_path / "proof.json")
    document = replay_document(replayed(again))
    assert document["confirmed"]
    assert document["certifies"] == "incentive-efficient"
    assert document["bound"]["recomputed"] == pytest.approx(stored.bound, rel=1e-12)
    assert verify(recomputed(again)).confirmed


def test_forged_proofs_are_refused() -> None:
    stored = proof()
    for field in ("gains", "bound"):
        wrong = verify(replace(stored, **{field: getattr(stored, field) + 1e-4}))
        assert [one.quantity for one in wrong.mismatches] == [field]
    for place in range(0, stored.payments.size, 15):
        assert not verify(replace(stored, payments=nudged(stored.payments, place))).confirmed
    # Whoever sells gets less of what it would rather keep; whoever buys would rather not say that it wants it.
    assert not verify(replace(stored, divisions=stored.divisions[::-1])).confirmed
    tables = tuple(table + 0.1 * (1 - np.eye(len(table))) for table in stored.multipliers)
    assert [one.quantity for one in verify(replace(stored, multipliers=tables)).mismatches] == ["bound"]
    free, _ = certified(two_sided_trade(6), Participation.NONE)
    assert verify(free).confirmed
    assert any("rather live on what it owns" in failure for failure in verify(replace(free, willing=True)).failures)
    rich = replace(free, payments=free.payments + 1.0)
    assert any("more than nothing" in failure for failure in verify(rich).failures)
    poor = replace(free, payments=free.payments - np.array([100.0, -100.0]))
    assert any("more than it owns" in failure for failure in verify(poor).failures)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chances", -np.ones((36, 2))),
        ("payments", np.zeros((35, 2))),
        ("divisions", np.zeros((36, 1, 2, 2))),
        ("multipliers", (np.zeros((6, 6)),)),
        ("multipliers", (-np.ones((6, 6)), np.zeros((6, 6)))),
    ],
)
def test_what_does_not_fit_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        with_fields(proof(), **{field: value})


def test_correlated_types_too_many_profiles_and_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = proof()
    with pytest.raises(DeadlinePassedError):
        verify_second_best(stored, Deadline.after(0.0))
    assert isinstance(stored.economy.prior, IndependentPrior)
    monkeypatch.setattr(welfare, "MOST_BUNDLES", 71)
    assert verify(stored).failures


@pytest.mark.parametrize("bribe", [0.0, 1.0, 1e4, 1e8])
def test_money_that_is_paid_back_elsewhere_hides_no_constraint(bribe: float) -> None:
    """What a certificate states to be paid is no measure of what may be missed."""
    rich = economy_of(
        trader("seller", (1.0, 1e10), [Linear(one(0.1)), Linear(one(0.9))]),
        trader("buyer", (0.0, 1e10), [Linear(one(0.2)), Linear(one(1.0))]),
    )
    traded = np.array([1.0, 1.0, 0.0, 1.0])
    # Nothing in expectation to anybody, whatever is reported.
    paid = 0.55 * traded + bribe * np.array([1.0, -1.0, -1.0, 1.0])
    divisions = np.stack([1 - traded, traded], axis=1)[:, None, :, None]
    nothing = (np.zeros((2, 2)), np.zeros((2, 2)))
    forged = SecondBestCertificate(
        rich, True, np.ones((4, 1)), divisions, np.stack([paid, -paid], axis=1), nothing, 0.0, 0.0
    )
    found = verify(recomputed(forged))
    assert any("rather live on what it owns" in failure for failure in found.failures)

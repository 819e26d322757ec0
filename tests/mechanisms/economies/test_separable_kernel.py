"""The compiled kernel finds what the NumPy path finds, proves it by the same measure, and leaves the rest to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies import efficiency
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation, optimality_gap
from marketgame.mechanisms.economies.separable_allocation import type_tables
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import Abatement, Exponential, Linear, Logarithmic, Power, Quadratic

kernel = pytest.importorskip("marketgame.mechanisms.economies.separable_kernel", exc_type=ImportError)

FAMILIES = ("quadratic", "logarithmic", "power", "root", "exponential", "abatement")


def valuation(family: str, generator: np.random.Generator, goods: int) -> Valuation:
    def number(low: float, high: float) -> FloatArray:
        return generator.uniform(low, high, goods)

    gamma = np.where(number(0, 1) < 0.5, number(0.3, 0.9), number(1.2, 4))
    families: dict[str, Callable[[], Valuation]] = {
        "quadratic": lambda: Quadratic(number(3, 9), np.diag(number(0.3, 2))),
        "logarithmic": lambda: Logarithmic(number(0.5, 4), number(0.2, 2)),
        "power": lambda: Power(number(0.5, 4), number(0.2, 2), gamma),
        "root": lambda: Power(number(0.5, 4), np.zeros(goods), number(0.2, 0.8)),
        "exponential": lambda: Exponential(number(1, 5), number(0.2, 2)),
        "abatement": lambda: Abatement(number(0.2, 2), number(-0.5, 1), number(2, 6)),
        "linear": lambda: Linear(number(1, 5)),
    }
    return families[family]()


def random_economy(seed: int, families: list[str], *, types: int = 5, goods: int = 1, moving: bool = False) -> Economy:
    """One family for each player; endowments depend on types if they are to move."""
    generator = np.random.default_rng(seed)
    players = []
    for number, family in enumerate(families):
        endowment = np.append(generator.uniform(0.3, 2.0, goods), 40.0)
        kinds = []
        for kind in range(types):
            owned = endowment * np.append(generator.uniform(0.4, 1.0, goods), 1.0) if moving else endowment
            kinds.append(PlayerType(f"kind {kind}", owned, valuation(family, generator, goods)))
        players.append(Player(f"player {number}", tuple(kinds)))
    names = (*(f"good {good}" for good in range(goods)), "money")
    return Economy(
        "random", names, names, tuple(players), IndependentPrior([np.full(types, 1 / types)] * len(families))
    )


def compiled(economy: Economy, monkeypatch: pytest.MonkeyPatch) -> EfficientAllocation:
    with monkeypatch.context() as patch:
        patch.setattr(efficiency, "KERNEL_PAYS_FROM", 0)
        return efficient_allocation(economy)


def left_open(economy: Economy) -> int:
    """Return how many profiles the kernel leaves to the NumPy path."""
    return len(efficiency._solve_compiled(economy, efficiency._unanswered(economy, economy.profiles)))


def assert_same(one: EfficientAllocation, other: EfficientAllocation) -> None:
    for name in ("price", "lowest_price", "value_of_goods", "welfare"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-12, atol=1e-12, err_msg=name)
    scale = np.maximum(one.bundles.sum(axis=1, keepdims=True), 1)
    assert (np.abs(one.bundles - other.bundles) <= 1e-12 * scale).all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("goods", "moving"), [(1, False), (1, True), (2, True)])
def test_both_paths_agree(family: str, goods: int, monkeypatch: pytest.MonkeyPatch, *, moving: bool) -> None:
    for seed in range(3):
        economy = random_economy(seed, [family] * 3, goods=goods, moving=moving)
        assert_same(compiled(economy, monkeypatch), efficient_allocation(economy))


@pytest.mark.parametrize("seed", range(4))
def test_players_of_different_families_meet_in_one_market(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    economy = random_economy(seed, list(FAMILIES[:5]), types=3, goods=2, moving=True)
    assert left_open(economy) < len(economy.profiles) / 4
    assert_same(compiled(economy, monkeypatch), efficient_allocation(economy))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_kernel_leaves_little_to_others(family: str) -> None:
    economy = random_economy(7, [family] * 4, types=4)
    assert left_open(economy) < len(economy.profiles) / 10


def test_its_proof_is_the_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    for family in FAMILIES:
        economy = random_economy(11, [family] * 3)
        answer = compiled(economy, monkeypatch)
        again = optimality_gap(economy, economy.profiles, answer.bundles, answer.price)
        np.testing.assert_allclose(answer.optimality_gap, again, atol=1e-13)
        assert (np.abs(answer.optimality_gap) <= 1e-13).all()


def test_prices_are_exact_to_the_last_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everybody buying, a market of straight lines has a price in closed form."""
    generator = np.random.default_rng(5)
    intercepts, slopes = generator.uniform(8, 9, (3, 5)), generator.uniform(0.5, 2, (3, 5))
    players = tuple(
        Player(
            f"p{i}",
            tuple(
                PlayerType(f"t{k}", np.array([2.0, 9.0]), Quadratic(intercepts[i, k : k + 1], slopes[i, k, None, None]))
                for k in range(5)
            ),
        )
        for i in range(3)
    )
    economy = Economy("lines", ("good", "money"), ("", ""), players, IndependentPrior([np.full(5, 0.2)] * 3))
    answer = compiled(economy, monkeypatch)
    assert (answer.bundles > 0).all()
    a, b = (
        np.take_along_axis(table[None], economy.profiles[..., None], axis=2)[..., 0] for table in (intercepts, slopes)
    )
    price = ((a / b).sum(axis=1) - 6) / (1 / b).sum(axis=1)
    np.testing.assert_allclose(answer.price[:, 0], price, rtol=1e-14)


def test_an_interval_of_prices_is_found_also_in_large_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    rich = tuple(PlayerType(f"t{k}", np.array([0.1, 9.0]), Quadratic(np.array([9.0 + k]), np.eye(1))) for k in range(4))
    poor = tuple(PlayerType(f"t{k}", np.array([0.4, 9.0]), Quadratic(np.array([k / 4]), np.eye(1))) for k in range(4))
    players = (Player("a", rich), Player("b", poor), Player("c", poor))
    economy = Economy("corner", ("good", "money"), ("", ""), players, IndependentPrior([np.full(4, 0.25)] * 3))
    answer = compiled(economy, monkeypatch)
    np.testing.assert_allclose(answer.price[:, 0], 9.0 + economy.profiles[:, 0] - 0.9)
    np.testing.assert_allclose(answer.lowest_price[:, 0], economy.profiles[:, 1:].max(axis=1) / 4)
    assert_same(answer, efficient_allocation(economy))


@pytest.mark.parametrize("supply", [0.0, 60.0])
def test_nothing_to_share_and_more_than_anybody_wants(supply: float, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    endowment = np.array([supply / 3, 9.0])
    players = tuple(
        Player(f"p{i}", tuple(PlayerType(f"t{k}", endowment, valuation("quadratic", generator, 1)) for k in range(4)))
        for i in range(3)
    )
    economy = Economy("extreme", ("good", "money"), ("", ""), players, IndependentPrior([np.full(4, 0.25)] * 3))
    answer = compiled(economy, monkeypatch)
    assert_same(answer, efficient_allocation(economy))
    assert (answer.price[:, 0] == 0).all() == (supply > 0)


def answers(economy: Economy, profiles: IntegerArray) -> list[FloatArray]:
    """Return all that the kernel fills in for the profiles."""
    answer = efficiency._unanswered(economy, profiles)
    efficiency._solve_compiled(economy, answer)
    return [answer.bundles, answer.price, answer.value_of_goods, answer.welfare, answer.optimality_gap]


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_do_not_depend_on_the_number_of_cores(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    economy = random_economy(5, [family] * 3, types=8, goods=2)
    monkeypatch.setattr(kernel, "PIECE", 100)
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(kernel.os, "cpu_count", lambda cores=cores: cores)
        found.append(answers(economy, economy.profiles))
    for one, *others in zip(*found, strict=True):
        for other in others:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("moving", [False, True])
def test_on_lines_a_profile_is_solved_as_if_it_were_alone(*, moving: bool) -> None:
    economy = random_economy(6, ["quadratic"] * 3, types=7, goods=2, moving=moving)
    shuffled = np.random.default_rng(0).permutation(len(economy.profiles))
    together, apart = answers(economy, economy.profiles), answers(economy, economy.profiles[shuffled])
    assert np.isfinite(together[-1]).mean() > 0.5
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_array_equal(one[shuffled], other)


def test_profiles_may_be_numbers_of_any_size() -> None:
    economy = random_economy(9, ["quadratic"] * 3)
    for one, other in zip(
        answers(economy, economy.profiles), answers(economy, economy.profiles.astype(np.int8)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_lines_of_few_players_and_of_many_are_solved_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    economy = random_economy(8, ["quadratic"] * 3, types=7, goods=2, moving=True)
    few = answers(economy, economy.profiles)
    monkeypatch.setattr(kernel, "MOST_IN_REGISTERS", 2)
    monkeypatch.setattr(kernel, "_solver_of_lines", None)  # not called
    for one, other in zip(few, answers(economy, economy.profiles), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("families", [["linear"] * 3, ["quadratic", "linear", "power"]])
def test_families_it_does_not_know_are_left_to_others(families: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    economy = random_economy(1, families)
    assert type_tables(economy) is None
    assert_same(compiled(economy, monkeypatch), efficient_allocation(economy))


def test_a_player_whose_types_are_of_different_families_is_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = random_economy(1, ["quadratic"] * 3), random_economy(2, ["power"] * 3)
    mixed = Player("mixed", one.players[0].types[:3] + other.players[0].types[3:])
    economy = Economy("mixed", one.goods, one.units, (mixed, *one.players[1:]), one.prior)
    assert type_tables(economy) is None
    assert_same(compiled(economy, monkeypatch), efficient_allocation(economy))


def test_large_batches_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def solve_nothing(*arguments: Any) -> None:
        seen.append(arguments)
        arguments[2][-1].fill(np.nan)

    monkeypatch.setattr(efficiency, "KERNEL_PAYS_FROM", 125)
    monkeypatch.setattr(kernel, "solve", solve_nothing)
    economy = random_economy(1, ["quadratic"] * 3)
    efficient_allocation(economy, economy.profiles[:124])
    assert not seen
    answer = efficient_allocation(economy)
    assert len(seen) == 1
    assert (answer.optimality_gap <= 1e-12).all()  # what the kernel does not prove is solved without it

"""The incentive-efficient benchmark of exchange economies."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.coalitional_games.grid_game import game_on_grid
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import autarky_welfare, efficient_allocation
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import Exponential, Linear, Logarithmic, Quadratic
from marketgame.mechanisms.incentive_efficiency.search import IncentiveEfficient, Participation, incentive_efficient
from marketgame.mechanisms.incentive_efficiency.second_best import Money, SecondBest, second_best
from marketgame.mechanisms.linear_program import RESIDUAL_LIMIT, Status
from tests.examples import drawn
from tests.mechanisms.economies.test_walras import FAMILIES, some_valuation
from tests.mechanisms.ex_post_programs import gains_on_grid


def trader(name: str, endowment: tuple[float, ...], valuations: list[Valuation]) -> Player:
    kinds = (PlayerType(str(number), np.array(endowment), v) for number, v in enumerate(valuations))
    return Player(name, tuple(kinds))


def economy_of(*players: Player) -> Economy:
    counts = [len(player.types) for player in players]
    prior = IndependentPrior([np.full(count, 1 / count) for count in counts])
    return Economy("test", ("good", "money"), ("unit", "euro"), players, prior)


def two_sided_trade(points: int) -> Economy:
    """One unit, values uniform on the midpoints of a partition of [0, 1] on both sides."""
    values: list[Valuation] = [Linear(np.array([(k + 0.5) / points])) for k in range(points)]
    return economy_of(trader("seller", (1.0, 9.0), values), trader("buyer", (0.0, 9.0), values))


def expected_autarky(economy: Economy) -> float:
    return float(economy.prior.probability @ autarky_welfare(economy))


def expected_first_best(economy: Economy) -> float:
    return float(economy.prior.probability @ efficient_allocation(economy).welfare)


@pytest.mark.parametrize(("points", "gains"), [(5, 0.16), (10, 0.1512)])
def test_two_sided_trade_has_the_published_second_best_gains(points: int, gains: float) -> None:
    economy = two_sided_trade(points)
    answer = second_best(economy, Participation.INDIVIDUAL)
    assert answer.welfare - expected_autarky(economy) == pytest.approx(gains, abs=1e-9)
    assert answer.bound - answer.welfare <= 1e-9


def test_second_best_gains_of_two_sided_trade_fall_towards_nine_sixty_fourths() -> None:
    """Myerson and Satterthwaite (1983): 9/64 with uniform values on both sides."""
    gains = []
    for points in (10, 20, 30):
        economy = two_sided_trade(points)
        gains.append(second_best(economy, Participation.INDIVIDUAL).welfare - expected_autarky(economy))
    distances = np.array(gains) - 9 / 64
    assert (distances > 0).all()
    assert (np.diff(distances) < 0).all()
    assert distances[-1] < 0.5 * distances[0]


@settings(max_examples=drawn(15), deadline=None)
@given(seed=st.integers(0, 10_000))
def test_without_participation_the_first_best_is_incentive_efficient(seed: int) -> None:
    """Expected-externality transfers reach it under independent types."""
    generator = np.random.default_rng(seed)

    def kind() -> Valuation:
        if generator.random() < 0.5:
            return Logarithmic(generator.uniform(0.5, 3, 1), generator.uniform(0.2, 1, 1))
        return Quadratic(generator.uniform(1, 6, 1), generator.uniform(0.5, 2, (1, 1)))

    players = [trader(f"p{i}", (float(generator.uniform(0, 2)), 9.0), [kind(), kind()]) for i in range(3)]
    economy = economy_of(*players)
    answer = second_best(economy)
    first_best = expected_first_best(economy)
    assert answer.welfare == pytest.approx(first_best, rel=1e-7)
    assert answer.binding == ()


@settings(max_examples=drawn(15), deadline=None)
@given(seed=st.integers(0, 10_000))
def test_participation_never_raises_welfare_and_leaves_every_type_its_autarky(seed: int) -> None:
    generator = np.random.default_rng(seed)

    def kind() -> Valuation:
        return Quadratic(generator.uniform(0.5, 3, 1), np.eye(1))

    economy = economy_of(trader("s", (1.5, 9.0), [kind(), kind()]), trader("b", (0.0, 9.0), [kind(), kind()]))
    free, held = second_best(economy), second_best(economy, Participation.INDIVIDUAL)
    assert held.welfare <= free.welfare + 1e-9
    assert min(gains.min() for gains in held.interim_gains) >= -1e-8
    assert held.residuals is not None
    assert held.residuals.largest <= RESIDUAL_LIMIT
    assert held.bound - held.welfare <= 1e-6


def test_enumerating_finer_and_finer_divisions_approaches_pricing_without_a_grid_from_below() -> None:
    """The independent twin enumerates every division of the good on a grid."""
    sellers: list[Valuation] = [Quadratic(np.array([b]), np.array([[0.1]])) for b in (0.6, 1.3)]
    buyers: list[Valuation] = [Quadratic(np.array([b]), np.array([[0.05]])) for b in (0.7, 1.4)]
    economy = economy_of(trader("s", (1.0, 9.0), sellers), trader("b", (0.0, 9.0), buyers))
    exact = second_best(economy, Participation.INDIVIDUAL).welfare - expected_autarky(economy)
    assert exact < expected_first_best(economy) - expected_autarky(economy) - 1e-3
    values = []
    for parts in (4, 16, 64):
        answer = incentive_efficient(game_on_grid(economy, parts), participation=Participation.INDIVIDUAL)
        assert isinstance(answer, IncentiveEfficient)
        values.append(answer.value)
    assert values == sorted(values)
    assert exact - 1e-3 <= values[-1] <= exact + 1e-9


def test_correlated_types_are_refused_by_name_of_the_reason() -> None:
    kinds: list[Valuation] = [Linear(np.array([1.0])), Linear(np.array([2.0]))]
    players = (trader("s", (1.0, 9.0), kinds), trader("b", (0.0, 9.0), kinds))
    prior = CorrelatedPrior(np.array([[0.4, 0.1], [0.1, 0.4]]))
    economy = Economy("test", ("good", "money"), ("unit", "euro"), players, prior)
    with pytest.raises(ValueError, match="types are correlated"):
        second_best(economy)


def test_endowments_that_give_types_away_are_refused_by_name() -> None:
    kinds = (
        PlayerType("poor", np.array([1.0, 9.0]), Linear(np.array([1.0]))),
        PlayerType("rich", np.array([2.0, 9.0]), Linear(np.array([1.0]))),
    )
    economy = economy_of(Player("ann", kinds), trader("b", (0.0, 9.0), [Linear(np.array([2.0]))]))
    with pytest.raises(ValueError, match="the endowment of ann depends on its type"):
        second_best(economy)


def no_money_two_sided(money: float = 0.0, cash: str = "both") -> Economy:
    """A seller of one divisible unit and a buyer, each eager or reluctant: ``two-sided-divisible`` with other money."""
    sellers: list[Valuation] = [Quadratic(np.array([b]), np.array([[0.05]])) for b in (0.4, 1.3)]
    buyers: list[Valuation] = [Quadratic(np.array([b]), np.array([[0.05]])) for b in (0.6, 1.6)]
    return economy_of(
        trader("seller", (1.0, money if cash != "buyer" else 0.0), sellers),
        trader("buyer", (0.0, money if cash != "seller" else 0.0), buyers),
    )


@cache
def plain_second_best(money: float) -> SecondBest:
    """Return what several claims compare others with: both own that much money, and may stay away."""
    return second_best(no_money_two_sided(money), Participation.INDIVIDUAL)


def assert_nobody_pays_what_it_does_not_own(economy: Economy, found: SecondBest) -> None:
    owned = economy.endowments(economy.profiles)[..., -1]
    scale = float(np.abs(found.payments).max())
    assert (owned + found.payments >= -1e-9 * scale).all()
    assert (found.payments.sum(axis=1) <= 1e-9 * scale).all()


def test_without_money_and_another_good_nothing_is_traded_by_the_willing() -> None:
    """The buyer has nothing to give, and no type of the seller gives anything for nothing."""
    economy = no_money_two_sided()
    found = second_best(economy, Participation.INDIVIDUAL)
    assert found.gains == pytest.approx(0, abs=1e-9)
    assert found.bound_on_gains <= 1e-8
    assert (found.payments == 0).all()
    # With money that does not exist the published share of the gains would be had: 97.73% of 0.425.
    imagined = second_best(economy, Participation.INDIVIDUAL, money=Money.UNLIMITED)
    assert imagined.gains / 0.425 == pytest.approx(0.9773, abs=5e-5)
    assert (imagined.payments.min(axis=0) < 0).any()


def test_a_known_buyer_without_money_gets_nothing_from_a_willing_owner() -> None:
    """Water is worth 49,875 more to the town, which has nothing to pay the farms with."""
    town: list[Valuation] = [Quadratic(np.array([1000.0]), np.array([[0.05]]))]
    farms: list[Valuation] = [Quadratic(np.array([500.0]), np.array([[0.025]]))]
    economy = economy_of(trader("town", (0.0, 0.0), town), trader("farms", (100.0, 1e6), farms))
    found = second_best(economy, Participation.INDIVIDUAL)
    assert found.gains == pytest.approx(0, abs=1e-4)
    assert found.bound_on_gains <= 1e-4
    # Who need not be willing can be told to give the water away: 100 * (1000 - 2.5) - 100 * (500 - 1.25) = 49,875.
    assert second_best(economy).gains == pytest.approx(49_875)


def test_without_money_who_need_not_be_willing_is_told_to_hand_the_good_over() -> None:
    """Unpaid, no report that brings less is made: the good goes to the buyer, who likes it better on average.

    Gains are (0.6 + 1.6) / 2 - (0.4 + 1.3) / 2 = 0.25. Of lotteries a type of higher value may be given more spread for
    more of the good, but all types have the same slope, so that spread costs each the same and sorts nobody here.
    """
    found = second_best(no_money_two_sided())
    assert found.gains == pytest.approx(0.25, abs=1e-6)
    assert found.bound_on_gains <= 0.25 + 1e-6


@pytest.mark.parametrize("money", [0.05, 0.3, 0.8])
@pytest.mark.parametrize("willing", [True, False])
def test_a_program_with_payments_at_every_profile_on_a_grid_approaches_the_benchmark_from_below(
    money: float, willing: bool
) -> None:
    economy = no_money_two_sided(money)
    found = second_best(economy, Participation.INDIVIDUAL if willing else Participation.NONE)
    assert_nobody_pays_what_it_does_not_own(economy, found)
    on_grid = [gains_on_grid(economy, parts, willing=willing) for parts in (4, 16, 64)]
    assert (np.diff(on_grid) >= -1e-9).all()
    assert found.gains - 2e-3 <= on_grid[-1] <= found.gains + 1e-8
    assert found.gains <= found.bound_on_gains + 1e-12
    assert found.bound_on_gains - found.gains <= 1e-6


@settings(max_examples=drawn(12))
@given(seed=st.integers(0, 100_000), willing=st.booleans())
def test_no_mechanism_on_a_grid_gains_more_than_the_bound_and_none_much_more_than_the_benchmark(
    seed: int, willing: bool
) -> None:
    """Random economies of two or three players with one or two goods and little money, against the plain program."""
    generator = np.random.default_rng(seed)
    players, goods, parts = [(2, 1, 24), (2, 2, 5), (3, 1, 9)][seed % 3]
    family = str(generator.choice(FAMILIES))
    richness = 10.0 ** generator.uniform(-3, 0)
    traders = []
    for number in range(players):
        owned = generator.uniform(0.2, 2, goods) * (generator.random(goods) < (1.0 if number == 0 else 0.6))
        endowment = (*map(float, owned), richness * float(generator.uniform(0, 1)))
        kinds = [some_valuation(generator, family, goods) for _ in range(2)]
        traders.append(trader(f"p{number}", endowment, kinds))
    names = (*(f"good {h}" for h in range(goods)), "money")
    prior = IndependentPrior([generator.dirichlet(np.ones(2)) for _ in range(players)])
    economy = Economy("test", names, ("unit",) * (goods + 1), tuple(traders), prior)
    found = second_best(economy, Participation.INDIVIDUAL if willing else Participation.NONE)
    assert_nobody_pays_what_it_does_not_own(economy, found)
    on_grid = gains_on_grid(economy, parts, willing=willing)
    unlimited = second_best(economy, found.participation, money=Money.UNLIMITED)
    scale = unlimited.bound_on_gains
    assert on_grid <= found.bound_on_gains + 1e-7 * scale
    assert on_grid <= found.gains + 1e-3 * scale
    assert found.gains <= unlimited.bound_on_gains + 1e-8 * scale
    if willing:
        assert min(gains.min() for gains in found.interim_gains) >= -1e-7 * scale


@settings(max_examples=8)
@given(money=st.floats(2.0, 1e12), willing=st.booleans(), cash=st.sampled_from(["both", "buyer"]))
def test_money_beyond_what_is_needed_changes_nothing(money: float, willing: bool, cash: str) -> None:
    """Two units of money cover every payment of the mechanism without limits, whose gains these are."""
    economy = no_money_two_sided(money, cash)
    participation = Participation.INDIVIDUAL if willing else Participation.NONE
    free = second_best(economy, participation, money=Money.UNLIMITED)
    found = second_best(economy, participation)
    assert found.gains == pytest.approx(free.gains, rel=1e-8)
    assert_nobody_pays_what_it_does_not_own(economy, found)


def test_gains_grow_with_money_from_nothing_to_what_is_had_without_limits() -> None:
    gains = [plain_second_best(m).gains for m in (0.0, 1e-9, 1e-3, 0.2, 0.6, 2.0)]
    assert gains == sorted(gains)
    assert gains[0] == pytest.approx(0, abs=1e-9)
    # A euro buys at most what the buyer values at 1.6 and the seller at no less than 0.35: less than five times itself.
    assert gains[1] <= 5e-9 + 1e-9
    assert 0 < gains[2] <= 5e-3
    assert gains[-1] == pytest.approx(0.415339, abs=1e-6)


def test_without_money_goods_are_bartered() -> None:
    """Each owns the one good that the other wants: exchange needs no money and reaches the first best."""
    wants = [Quadratic(np.array(b), np.eye(2)) for b in ([1.0, 3.0], [3.0, 1.0])]
    players = (trader("a", (1.0, 0.0, 0.0), [wants[0]]), trader("b", (0.0, 1.0, 0.0), [wants[1]]))
    prior = IndependentPrior([np.ones(1)] * 2)
    economy = Economy("barter", ("x", "y", "money"), ("unit",) * 3, players, prior)
    found = second_best(economy, Participation.INDIVIDUAL)
    assert found.gains == pytest.approx(4.0)  # 2 * (2.5 - 0.5)


@settings(max_examples=8)
@given(
    value=st.sampled_from([1e-9, 1e-4, 1e4, 1e9]),
    size=st.sampled_from([1e-9, 1e-4, 1e4, 1e9]),
    money=st.sampled_from([0.0, 0.1, 0.5, 5.0]),
    willing=st.booleans(),
)
def test_units_of_money_and_of_the_good_rescale_gains_and_nothing_else(
    value: float, size: float, money: float, willing: bool
) -> None:
    def economy(unit: float, amount: float) -> Economy:
        kinds: list[list[Valuation]] = [
            [Quadratic(np.array([b * unit / amount]), np.array([[0.05 * unit / amount**2]])) for b in pair]
            for pair in ((0.4, 1.3), (0.6, 1.6))
        ]
        return economy_of(
            trader("seller", (amount, money * unit), kinds[0]), trader("buyer", (0.0, money * unit), kinds[1])
        )

    participation = Participation.INDIVIDUAL if willing else Participation.NONE
    plain, scaled = (second_best(economy(*units), participation) for units in ((1.0, 1.0), (value, size)))
    assert scaled.gains / value == pytest.approx(plain.gains, rel=1e-6, abs=1e-8)
    assert scaled.bound_on_gains / value == pytest.approx(plain.bound_on_gains, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("money", [0.0, 0.3, 5.0])
def test_a_useless_good_a_player_who_owns_and_wants_nothing_and_the_order_of_players_change_nothing(
    money: float,
) -> None:
    plain = plain_second_best(money)
    owners = [(1.0, 7.0, money), (0.0, 0.0, money)]
    flat = [[np.array([b, 0.0]) for b in pair] for pair in ((0.4, 1.3), (0.6, 1.6))]
    players = [
        trader(name, owned, [Exponential(np.maximum(b, 1e-300), np.array([0.1, 1.0])) for b in intercepts])
        for name, owned, intercepts in zip(("seller", "buyer"), owners, flat, strict=True)
    ]
    nobody = trader("nobody", (0.0, 0.0, 0.0), [Exponential(np.full(2, 1e-300), np.ones(2))])
    twin = [
        trader(name, (owned[0], owned[2]), [Exponential(b[:1], np.array([0.1])) for b in intercepts])
        for name, owned, intercepts in zip(("seller", "buyer"), owners, flat, strict=True)
    ]
    prior = IndependentPrior([np.ones(1), np.full(2, 0.5), np.full(2, 0.5)])
    wide = Economy("wide", ("x", "y", "money"), ("unit",) * 3, (nobody, players[1], players[0]), prior)
    found = second_best(wide, Participation.INDIVIDUAL)
    expected = second_best(economy_of(*twin), Participation.INDIVIDUAL)
    assert found.gains == pytest.approx(expected.gains, rel=1e-5, abs=1e-7)
    assert plain.gains >= 0


@pytest.mark.parametrize("money", [0.0, 0.4, 9.0])
@pytest.mark.parametrize("chance", [1e-1, 1e-3, 1e-5, 1e-7, 1e-9, 1e-12])
def test_gains_with_a_rare_type_are_those_without_it_up_to_its_chance(chance: float, money: float) -> None:
    """Every other type's conditions involve the rare type only through its chance; its own hold for itself."""
    kinds: list[Valuation] = [Quadratic(np.array([b]), np.array([[0.05]])) for b in (0.4, 1.3)]
    buyers: list[Valuation] = [Quadratic(np.array([b]), np.array([[0.05]])) for b in (0.6, 1.6, 3.0)]
    with_it = Economy(
        "rare",
        ("good", "money"),
        ("unit", "euro"),
        (trader("seller", (1.0, money), kinds), trader("buyer", (0.0, money), buyers)),
        IndependentPrior([np.full(2, 0.5), np.array([0.5 - chance, 0.5, chance])]),
    )
    found = second_best(with_it, Participation.INDIVIDUAL)
    plain = plain_second_best(money)
    assert found.status is Status.OPTIMAL
    assert found.gains == pytest.approx(plain.gains, abs=8 * chance + 1e-7)
    assert min(gains.min() for gains in found.interim_gains) >= -1e-8

"""Walrasian equilibria when nobody can spend money it does not own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.contracts.recommended_orders import GRANTED_DIFFERENCE, GRANTED_ROUNDING
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.valuation import Valuation
from marketgame.mechanisms.economies.valuations import (
    Abatement,
    Exponential,
    Linear,
    Logarithmic,
    Power,
    Quadratic,
    Steps,
)
from marketgame.mechanisms.economies.walras import (
    Equilibrium,
    WalrasianEquilibrium,
    at_payable_prices,
    walrasian_equilibrium,
)
from tests.examples import drawn

type Trader = tuple[list[float], Valuation]


def economy_of(*traders: Trader) -> Economy:
    players = tuple(
        Player(f"p{number}", (PlayerType("known", np.array(endowment), valuation),))
        for number, (endowment, valuation) in enumerate(traders)
    )
    goods = tuple(f"good {h}" for h in range(len(traders[0][0]) - 1))
    prior = IndependentPrior([np.ones(1)] * len(players))
    return Economy("test", (*goods, "money"), ("unit",) * (len(goods) + 1), players, prior)


def quadratic(intercept: float, slope: float = 1.0) -> Quadratic:
    return Quadratic(np.array([intercept]), np.array([[slope]]))


def corner(money: float, sellers_money: float = 10.0) -> Economy:
    """Two sellers of half a unit each, v' = 2 - q, and a buyer of all, v' = 9 - q: supporting prices 2 to 8."""
    seller = ([0.5, sellers_money], quadratic(2.0))
    return economy_of(seller, seller, ([0.0, money], quadratic(9.0)))


def solved(economy: Economy) -> WalrasianEquilibrium:
    return walrasian_equilibrium(economy, efficient_allocation(economy))


def assert_equilibrium(economy: Economy, found: WalrasianEquilibrium, number: int = 0, accuracy: float = 1e-7) -> None:
    """Check an equilibrium from its definition: markets clear, money suffices, and no direction improves a bundle.

    A bundle is best within its budget if its gradient is at most a common multiple, at least one, of the prices, with
    equality for goods held, and if that multiple exceeds one only where no money is left; valuations being concave.
    """
    profile = economy.profiles[number]
    owned, bundles, price = economy.endowments(profile), found.bundles[number], found.price[number, :-1]
    supply = owned[:, :-1].sum(axis=0)
    total = bundles.sum(axis=0)
    assert (bundles >= 0).all()
    assert (total <= supply * (1 + 1e-9)).all()
    assert (price * (supply - total) <= accuracy * price * supply).all()
    money = owned[:, -1] + (owned[:, :-1] - bundles) @ price
    scale = float(np.abs(price * (owned[:, :-1] - bundles)).sum())
    assert (money >= -accuracy * scale).all()
    np.testing.assert_allclose(money, owned[:, -1] + found.payments[number], atol=1e-12 * max(scale, 1e-300))
    for player, kind in enumerate(economy.players):
        gradient = kind.types[profile[player]].valuation.supergradient(bundles[player])
        spent = money[player] <= accuracy * scale
        held = bundles[player] > 0
        worths = gradient[held] / price[held] if (price[held] > 0).all() else np.ones(1)
        if held.any():
            assert worths.max() - worths.min() <= accuracy * worths.max()
            worth = max(float(worths.max()), 1.0)
            assert worth <= 1 + accuracy or spent
        else:
            worth = np.inf if spent else 1.0
        with np.errstate(invalid="ignore"):
            assert (gradient <= price * worth * (1 + accuracy)).all() or not np.isfinite(worth)


def test_the_buyers_last_dollar_clears_the_market_below_the_highest_supporting_price() -> None:
    """At p in [2, 9] sellers sell all they have, since v' <= 2, and the buyer wants 9 - p or can pay 3 / p.

    Supply is 1, so 3 / p = 1 where 9 - p > 1: p = 3. The efficient allocation, all for the buyer, is an equilibrium.
    """
    economy = corner(money=3.0)
    found = solved(economy)
    assert found.kind == (Equilibrium.EFFICIENT,)
    np.testing.assert_allclose(found.price, [[3.0, 1.0]], rtol=1e-12)
    np.testing.assert_allclose(found.payments, [[1.5, 1.5, -3.0]], rtol=1e-12)
    assert_equilibrium(economy, found)


def test_the_walrasian_contract_quotes_a_price_that_everybody_can_pay() -> None:
    contract = grand_contract(corner(money=3.0))
    np.testing.assert_allclose(contract.efficient.price, [[3.0, 1.0]], rtol=1e-12)
    np.testing.assert_allclose(contract.numeraire_transfers, [[1.5, 1.5, -3.0]], rtol=1e-12)
    # Everybody pays for its goods: nothing is granted but what rounding may take of the three dollars that are traded.
    assert (contract.transfers >= 0).all()
    assert contract.transfers.max() <= 3.0 * (GRANTED_ROUNDING + GRANTED_DIFFERENCE) * (1 + 1e-3)


def test_where_all_can_pay_the_price_is_the_highest_as_before() -> None:
    economy = corner(money=8.0)
    efficient = efficient_allocation(economy)
    assert at_payable_prices(economy, efficient) is efficient
    assert solved(economy).price[0, 0] == efficient.price[0, 0] == pytest.approx(8.0)


@settings(max_examples=drawn(40))
@given(
    buyers=st.integers(1, 3),
    money=st.floats(0.01, 9),
    other=st.sampled_from([1.0, 1 + 1e-9, 1.1]),
    value=st.floats(0, 9),
)
def test_prices_that_equal_buyers_can_pay_with_their_last_money_are_found_wherever_they_clear(
    buyers: int, money: float, other: float, value: float
) -> None:
    """Where one search finds the efficient allocation cleared at a lower price, so does the other, which skips some."""
    buyer, last = ([0.0, money], quadratic(9.0)), ([0.0, money * other], quadratic(9.0))
    economy = economy_of(([0.5, 1.0], quadratic(value)), *[buyer] * (buyers - 1), last)
    found = solved(economy)
    if found.kind == (Equilibrium.EFFICIENT,):
        payable = at_payable_prices(economy, efficient_allocation(economy)).price
        np.testing.assert_allclose(payable, found.price, rtol=1e-12)


def test_below_the_lowest_supporting_price_money_keeps_the_equilibrium_from_efficiency() -> None:
    """With 1.5 dollars the buyer gets 1.5 / p; sellers keep 2 - p each: 2 (2 - p) + 1.5 / p = 1.

    So 2 p^2 - 3 p - 1.5 = 0 and p = (3 + sqrt(21)) / 4 = 1.8956, at which each seller keeps 0.1044.
    """
    economy = corner(money=1.5)
    found = solved(economy)
    price = (3 + np.sqrt(21)) / 4
    assert found.kind == (Equilibrium.POOR,)
    np.testing.assert_allclose(found.price[0], [price, 1.0], rtol=1e-12)
    np.testing.assert_allclose(found.bundles[0, :, 0], [2 - price, 2 - price, 1.5 / price], rtol=1e-12)
    assert_equilibrium(economy, found)
    with pytest.raises(ValueError, match="would end with"):
        grand_contract(economy)


def test_who_owns_nothing_buys_nothing() -> None:
    """The owner's marginal value of all 100 is 500 - 2.5 = 497.5: there it keeps them, and nobody else can pay."""
    town = ([0.0, 0.0], quadratic(1000.0, 0.05))
    farms = ([100.0, 1e6], quadratic(500.0, 0.025))
    found = solved(economy_of(town, farms))
    assert found.kind == (Equilibrium.POOR,)
    np.testing.assert_allclose(found.bundles[0, :, 0], [0.0, 100.0], atol=1e-9)
    assert found.price[0, 0] == pytest.approx(497.5)


def test_a_player_without_money_does_not_set_a_price() -> None:
    """Ann would give 7 and has nothing; the buyer's 3 dollars still clear the market at 3, above the seller's 2."""
    economy = economy_of(([1.0, 0.0], quadratic(2.0)), ([0.0, 0.0], quadratic(7.0)), ([0.0, 3.0], quadratic(9.0)))
    found = solved(economy)
    assert found.kind == (Equilibrium.EFFICIENT,)
    np.testing.assert_allclose(found.price[0], [3.0, 1.0], rtol=1e-12)


def test_a_satiated_seller_whom_nobody_can_pay_has_no_equilibrium() -> None:
    """The seller wants 1 of its 2 units, the buyer wants some and has no money.

    At any positive price the seller offers a unit that nobody can pay for; at price zero the buyer wants it for nothing
    and more than there is: no price clears the market.
    """
    economy = economy_of(([2.0, 5.0], quadratic(1.0)), ([0.0, 0.0], quadratic(9.0)))
    found = solved(economy)
    assert found.kind == (Equilibrium.NONE,)
    assert np.isnan(found.bundles).all()
    assert "no prices clear the market" in found.obstacle


def test_an_indivisible_looking_good_is_split_where_money_buys_a_part_of_it() -> None:
    """Values 2 and 3 per unit, half a dollar: the owner is indifferent at 2, where the buyer takes a quarter."""
    economy = economy_of(([1.0, 0.5], Linear(np.array([2.0]))), ([0.0, 0.5], Linear(np.array([3.0]))))
    found = solved(economy)
    np.testing.assert_allclose(found.bundles[0, :, 0], [0.75, 0.25], rtol=1e-9)
    np.testing.assert_allclose(found.price[0], [2.0, 1.0], rtol=1e-9)


def test_the_last_dollar_divides_by_two_goods_in_proportion_to_what_they_are_worth() -> None:
    """The buyer takes all of two goods, worth 8 and 4 at the margin; with 6 dollars prices are 4 and 2."""
    both = Quadratic(np.array([9.0, 5.0]), np.eye(2))
    seller = Quadratic(np.array([1.0, 1.0]), np.eye(2))
    economy = economy_of(([1.0, 1.0, 0.0], seller), ([0.0, 0.0, 6.0], both))
    found = solved(economy)
    assert found.kind == (Equilibrium.EFFICIENT,)
    np.testing.assert_allclose(found.price[0], [4.0, 2.0, 1.0], rtol=1e-12)
    assert_equilibrium(economy, found)


def test_prices_that_all_can_pay_are_used_where_they_support_no_equilibrium() -> None:
    """Good one goes to the poor buyer at 3 or less; good two is shared, so that all who hold it value money alike.

    The buyer holds some of good two and would rather buy more of good one: no equilibrium at the efficient allocation.
    The contract may still charge 3 for it, which leaves nobody in debt.
    """
    poor = Quadratic(np.array([9.0, 3.0]), np.eye(2))
    other = Quadratic(np.array([1.0, 3.0]), np.eye(2))
    economy = economy_of(([1.0, 1.0, 0.0], other), ([0.0, 1.0, 3.0], poor))
    efficient = efficient_allocation(economy)
    assert Equilibrium.EFFICIENT not in walrasian_equilibrium(economy, efficient).kind
    payable = at_payable_prices(economy, efficient)
    assert payable.price[0, 0] == pytest.approx(3.0, abs=1e-6)
    assert payable.price[0, 1] == efficient.price[0, 1]
    contract = grand_contract(economy)
    assert (contract.allocation[..., -1] >= 0).all()


def test_a_good_that_nobody_owns_stands_beside_the_others() -> None:
    """Of good two there is nothing, at any price from the 4 on that its first unit is worth; good one clears at 3."""
    seller = Quadratic(np.array([2.0, 4.0]), np.eye(2))
    buyer = Quadratic(np.array([9.0, 1.0]), np.eye(2))
    economy = economy_of(([1.0, 0.0, 10.0], seller), ([0.0, 0.0, 3.0], buyer))
    found = solved(economy)
    assert found.kind == (Equilibrium.EFFICIENT,)
    np.testing.assert_allclose(found.price[0], [3.0, 4.0, 1.0], rtol=1e-12)
    assert_equilibrium(economy, found)


FAMILIES = ("quadratic", "logarithmic", "power", "exponential", "abatement")


def some_valuation(generator: np.random.Generator, family: str, goods: int) -> Valuation:
    first, second = generator.uniform(0.5, 4, goods), generator.uniform(0.3, 2, goods)
    match family:
        case "quadratic":
            off = generator.uniform(-0.2, 0.2, (goods, goods))
            return Quadratic(first + 2, np.diag(second + 0.5) + (off + off.T) / 2 * (1 - np.eye(goods)))
        case "logarithmic":
            return Logarithmic(first, second)
        case "power":
            return Power(first, second, np.full(goods, generator.choice([0.5, 2.0, 3.0])))
        case "exponential":
            return Exponential(first, second)
    return Abatement(second, generator.uniform(0, 1, goods), first + 1)


@settings(max_examples=drawn(120))
@given(seed=st.integers(0, 100_000), goods=st.integers(1, 3), family=st.sampled_from(FAMILIES))
def test_whatever_is_called_an_equilibrium_is_one(seed: int, goods: int, family: str) -> None:
    generator = np.random.default_rng(seed)
    richness = 10.0 ** generator.uniform(-2, 2)

    def trader() -> Trader:
        endowment = [*generator.uniform(0, 2, goods), richness * generator.uniform(0, 1)]
        return endowment, some_valuation(generator, family, goods)

    economy = economy_of(*(trader() for _ in range(3)))
    found = solved(economy)
    if found.kind[0] in (Equilibrium.EFFICIENT, Equilibrium.POOR):
        assert_equilibrium(economy, found)
    assert found.kind[0] is not Equilibrium.NOT_FOUND or goods > 1


@settings(max_examples=40)
@given(
    seed=st.integers(0, 100_000),
    money_unit=st.sampled_from([1e-9, 1e-3, 1e3, 1e9]),
    unit=st.sampled_from([1e-9, 1e-3, 1e3, 1e9]),
)
def test_units_of_money_and_goods_change_prices_and_nothing_else(seed: int, money_unit: float, unit: float) -> None:
    generator = np.random.default_rng(seed)
    intercepts, money = generator.uniform(1, 9, 3), generator.uniform(0, 2, 3) * (generator.random(3) < 0.7)
    goods = generator.uniform(0, 1, 3) * (generator.random(3) < 0.7)

    def solve(value: float, size: float) -> WalrasianEquilibrium:
        # v(q) = value * w(q / size): intercepts are measured per unit, slopes per unit squared.
        traders = [
            ([q * size, m * value], quadratic(b * value / size, value / size**2))
            for q, m, b in zip(goods, money, intercepts, strict=True)
        ]
        return solved(economy_of(*traders))

    plain, scaled = solve(1.0, 1.0), solve(money_unit, unit)
    assert plain.kind == scaled.kind
    np.testing.assert_allclose(scaled.price[0, 0] / money_unit * unit, plain.price[0, 0], rtol=1e-6)
    np.testing.assert_allclose(scaled.bundles / unit, plain.bundles, rtol=1e-6, atol=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 100_000))
def test_one_goods_demand_within_the_budget_is_what_direct_search_finds(seed: int) -> None:
    """The independent twin maximises v(q) - p q over the budget by golden section, player by player."""
    generator = np.random.default_rng(seed)
    family = str(generator.choice(FAMILIES))
    traders = [
        ([float(generator.uniform(0, 2)), float(generator.uniform(0, 1))], some_valuation(generator, family, 1))
        for _ in range(3)
    ]
    economy = economy_of(*traders)
    found = solved(economy)
    if found.kind[0] is Equilibrium.NONE:
        return
    price = float(found.price[0, 0])
    for player, (endowment, valuation) in enumerate(traders):
        budget = endowment[0] + endowment[1] / price if price > 0 else 10.0

        def loss(quantity: float, valuation: Valuation = valuation) -> float:
            bundle: FloatArray = np.array([quantity])
            return price * quantity - float(valuation.value(valuation.dispose(bundle)))

        best = minimize_scalar(loss, bounds=(0.0, min(budget, 50.0)), method="bounded", options={"xatol": 1e-10}).fun
        assert loss(float(found.bundles[0, player, 0])) <= best + 1e-7 * (1 + abs(best))


def test_where_blocks_end_a_lower_price_supports_the_same_and_a_poor_buyer_can_pay_it() -> None:
    """Of two units of each of two goods the seller values the second at 1, the buyer the first at 3: prices 1 to 3.

    A buyer with 4 can pay 2 for each; with 1.5 not even 1, and no other equilibrium of blocks is looked for.
    """
    seller = Steps(np.array([[4.0, 1.0]] * 2), np.ones((2, 2)))
    buyer = Steps(np.array([[3.0, 0.5]] * 2), np.ones((2, 2)))
    for money, rich in ((4.0, True), (1.5, False)):
        economy = economy_of(([2.0, 2.0, 9.0], seller), ([0.0, 0.0, money], buyer))
        efficient = efficient_allocation(economy)
        assert (efficient.price[0, :2].tolist(), efficient.lowest_price[0, :2].tolist()) == ([3, 3], [1, 1])
        found = walrasian_equilibrium(economy, efficient)
        if rich:
            assert found.kind == (Equilibrium.EFFICIENT,)
            np.testing.assert_array_equal(found.bundles, efficient.bundles)
            assert found.payments[0, 1] == pytest.approx(-money, rel=1e-6)
            assert ((found.price[0, :2] >= 1) & (found.price[0, :2] <= 3)).all()
        else:
            assert found.kind != (Equilibrium.EFFICIENT,)

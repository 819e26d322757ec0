"""What ``docs/collusion.md``, Theorem 22, says of three members: each row of its program, and what follows from all."""

from __future__ import annotations

from itertools import combinations, permutations, product

import numpy as np
import pytest
from scipy.optimize import linprog

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.side_contracts.three_members import Facts, _two_in_debt, three_may_agree
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.bounds import least_bound
from marketgame.mechanisms.deviations.situation import JointAction, gains, played, situation_of, stacked
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import autarky_welfare, efficient_allocation
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Solvency
from tests.mechanisms.collusion.test_level_laws import rescaled
from tests.mechanisms.strategies import economy_of, line, one_type

BOUGHT_OUT = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND)
TRIOS = ((0, 1, 2), (0, 2, 3))


def four_traders(seed: int) -> Economy:
    """Traders of one good, with money enough."""
    drawn = np.random.default_rng(seed).uniform((0.5, 14.0), (3.0, 17.0), (4, 2))
    return economy_of([one_type(f"{place}", [owned, 60.0], line(wants)) for place, (owned, wants) in enumerate(drawn)])


def by_themselves(economy: Economy, members: tuple[int, ...]) -> float:
    """Return the most that members enjoy of what they own: the welfare of the economy without the others."""
    alone = economy_of([economy.players[member] for member in members])
    if len(members) == 1:
        return float(autarky_welfare(alone)[0])
    return float(efficient_allocation(alone).welfare[0])


def random_actions(made: GrandContract, trio: tuple[int, ...], generator: np.random.Generator) -> JointAction:
    """Return plays in which members owe each other, and quote as the contract does or a dear price.

    Amounts are multiples of powers of two, so that budgets may be met exactly.
    """
    whole = situation_of(made, 0, trio, BOUGHT_OUT)
    owned, told, tried = made.endowments[0], made.recommend(made.economy.profiles[0]), []
    for _ in range(400):
        rich, poor, third = generator.permutation(3)
        owed = np.zeros(3)
        owed[poor], owed[third] = 8.0 * generator.integers(-16, 1), 8.0 * generator.choice([0, 0, -8, -1, 1])
        owed[rich] = -owed.sum()
        dear = np.array([float(generator.choice([128.0, 16384.0])), 1.0])
        quotes = np.where(generator.random((3, 1)) < 0.4, told.quotes[list(trio)], dear)
        orders = np.zeros((3, 4, 2))
        orders[:, whole.outsiders] = told.orders[whole.outsiders][:, list(trio)].swapaxes(0, 1)
        if generator.random() < 0.8:
            orders[rich, trio[poor]] = -owed[poor] / dear[0], 0.0
        for one, other in combinations(range(3), 2):
            money = generator.choice([0.0, 0.0, 8.0, -4.0])
            orders[one, trio[other]] += np.array([-money / dear[0], money])
        for place in range(3):
            if generator.random() < 0.3:
                orders[place, whole.outsiders] += generator.choice([1.0, 0.5]) * (1 - 1e-9) * owned[whole.outsiders]
        tried.append(JointAction(quotes, orders, owned[list(trio)], owed))
    return stacked(tried)


@pytest.mark.parametrize("seed", range(3))
def test_who_quotes_otherwise_is_by_itself_and_nobody_else_outspends_its_wealth(seed: int) -> None:
    economy, trio = four_traders(seed), (0, 1, 3)
    made = grand_contract(economy)
    whole, price = situation_of(made, 0, trio, BOUGHT_OUT), made.efficient.price[0]
    actions = random_actions(made, trio, np.random.default_rng(seed))
    alive = ~played(whole, actions).bankrupt[:, 0][:, list(trio)]
    obeying = whole.obedient_gains + economy.reference_utility[list(trio)]
    enjoyed = gains(whole, actions) + obeying
    usual, wealth = (
        (actions.quotes == price).all(axis=-1),
        made.endowments[0, list(trio)] @ price + actions.side_transfers,
    )
    poor = alive & (wealth < 0.0)
    assert poor.any()
    assert not (poor & usual).any()
    assert (np.where(alive & usual, enjoyed - obeying - actions.side_transfers, 0.0) <= 1e-7).all()
    for size in range(1, 4):
        for group in combinations(range(3), size):
            there = (usual == ~np.isin(np.arange(3), group)).all(axis=1)
            most = by_themselves(economy, tuple(trio[place] for place in group))
            assert (enjoyed[there][:, list(group)].sum(axis=1) <= most + 1e-7).all()
            rich = alive & ~usual & (actions.side_transfers >= 0.0)
            assert rich[there & poor.any(axis=1)].any(axis=1).all()
    assert ((enjoyed - obeying).sum(axis=1)[alive.all(axis=1)] <= 1e-7).all()


def plays_of_roles(made: GrandContract, trio: tuple[int, ...], roles: tuple[int, ...], owed: float) -> FloatArray:
    """Return what members gain, ``(R, P, T, S)``, by parts of a rich one, one that owes it, and a third.

    The rich one obeys, buys all that outsiders own, whether the third trades or not, takes also what the third has,
    pays its debtor back, with its money or without, or sits out; the debtor takes part at the dear price, sits out
    there or at the usual one; the third obeys, sits out, or orders what nobody expects of the rich one.
    """
    whole = situation_of(made, 0, trio, BOUGHT_OUT)
    rich, poor, third = roles
    owned, told, out = made.endowments[0], made.recommend(made.economy.profiles[0]), whole.outsiders
    usual, dear = told.quotes[0], np.array([2.0**20, 1.0])
    wants = made.net_trades[0, trio[third]]
    # The third trades with outsiders alone, so that it is as well off whether the rich one is there or not.
    calm = -told.orders[trio[rich], trio[third]]
    everything, received = (1 - 1e-9) * owned[out], told.orders[out][:, trio[rich]] - told.orders[trio[rich]][out]

    def part(
        place: int, quote: FloatArray, more: dict[int, FloatArray], *, obeys: bool = False
    ) -> tuple[FloatArray, ...]:
        orders = told.orders[trio[place]].copy() if obeys else np.zeros((4, 2))
        if quote is usual and not obeys:
            orders[out] = told.orders[out][:, trio[place]]
        for other, amount in more.items():
            orders[other] = orders[other] + amount
        return quote, orders

    bought = dict(zip(out.tolist(), everything + received - wants, strict=True)) | {trio[third]: calm}
    without_third = {trio[third]: calm} | dict(zip(out.tolist(), everything + received, strict=True))
    taken = bought | {
        trio[third]: calm + (1 - 1e-9) * (made.efficient.bundles[0, trio[third], 0] * np.array([1.0, 0.0]))
    }
    paid, money = np.array([owed / dear[0], 0.0]), np.array([2.0**-20, -1.0]) * 56.0
    parts = {
        rich: [
            part(rich, usual, {}, obeys=True),
            part(rich, usual, bought, obeys=True),
            part(rich, usual, without_third, obeys=True),
            part(rich, usual, taken, obeys=True),
            part(rich, dear, {trio[poor]: paid}),
            part(rich, dear, {trio[poor]: paid + money}),
            part(rich, dear, {}),
        ],
        poor: [part(poor, dear, {}), part(poor, dear, {trio[rich]: -money}), part(poor, usual, {})],
        third: [
            part(third, usual, {}, obeys=True),
            part(third, usual, {int(out[0]): wants}),
            part(third, 2.0 * dear - np.array([0.0, 1.0]), {}),
            part(third, usual, {int(out[0]): wants, trio[rich]: np.array([0.0, 1e6])}),
        ],
    }
    side = np.zeros(3)
    side[rich], side[poor] = owed, -owed
    tried = []
    for chosen in product(*(parts[role] for role in roles)):
        quotes, orders = np.zeros((3, 2)), np.zeros((3, 4, 2))
        for role, (quote, ordered) in zip(roles, chosen, strict=True):
            quotes[role], orders[role] = quote, ordered
        tried.append(JointAction(quotes, orders, owned[list(trio)], side))
    return gains(whole, stacked(tried)).reshape(*(len(parts[role]) for role in roles), 3)


def most_gained(brought: FloatArray, roles: tuple[int, ...], *, obeyed: bool) -> float:
    """Return what a lottery over the plays gains at most if nobody loses, and nobody prefers another of its parts."""
    shape, rows = brought.shape[:3], []
    for axis, role in enumerate(roles if obeyed else ()):
        own = np.moveaxis(brought[..., role], axis, 0)
        for told, instead in permutations(range(shape[axis]), 2):
            row = np.zeros_like(own)
            row[told] = own[instead] - own[told]
            rows.append(np.moveaxis(row, 0, axis).ravel())
    rows += [-brought[..., role].ravel() for role in roles]
    size = int(np.prod(shape))
    total = brought.sum(axis=-1).ravel()
    found = linprog(-total, A_ub=rows, b_ub=np.zeros(len(rows)), A_eq=np.ones((1, size)), b_eq=[1.0], method="highs")
    return -np.inf if found.status == 2 else -float(found.fun or 0.0)


@pytest.mark.parametrize(("seed", "trio"), [(28, (0, 2, 3)), (34, (0, 1, 2))])
def test_what_three_can_gain_is_gained_by_no_lottery_that_each_obeys(seed: int, trio: tuple[int, ...]) -> None:
    made = grand_contract(four_traders(seed))
    whole = situation_of(made, 0, trio, BOUGHT_OUT)
    assert least_bound(whole).total_gain > 20.0
    assert not three_may_agree(made, 0, trio, BOUGHT_OUT)
    improved = 0
    for roles in permutations(range(3)):
        brought = plays_of_roles(made, trio, roles, 128.0)
        improved += most_gained(brought, roles, obeyed=False) > 1.0
        assert most_gained(brought, roles, obeyed=True) <= 1e-6
    assert improved > 1


UNITS = ((1.0, 1.0), (1e-9, 7.0), (3e8, 1e-5))


@pytest.mark.parametrize("seed", [1, 4])
def test_whether_three_may_agree_does_not_depend_on_units(seed: int) -> None:
    economy = four_traders(seed)
    found = [
        [three_may_agree(grand_contract(rescaled(economy, *unit)), 0, trio, BOUGHT_OUT) for trio in TRIOS]
        for unit in UNITS
    ]
    assert found == [found[0]] * len(UNITS)


@pytest.mark.parametrize("unit", UNITS)
def test_what_outsiders_are_granted_counts_by_its_share_of_what_is_at_stake(unit: tuple[float, float]) -> None:
    made = grand_contract(rescaled(four_traders(1), *unit))
    stake = situation_of(made, 0, (0, 1, 2), BOUGHT_OUT).stake
    for share, counts in ((0.0, False), (1e-10, False), (1e-8, True), (1e-3, True)):
        payments = made.numeraire_transfers + share * stake * np.array([[-1.0, 0.0, 0.0, 1.0]])
        facts = Facts(grand_contract(made.economy, payments), 0, (0, 1, 2), BOUGHT_OUT)
        kinds = _two_in_debt(facts, poor=0, rich=1, owing=2).most
        lives = [most for members, most in kinds[0] if members == (2,)]
        assert (lives[0] > 0.0) is counts

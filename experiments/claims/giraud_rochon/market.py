"""Evidence about the market game: what it hands out, who can break the grand contract in it, and who cannot."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from marketgame.experiments import HOME
from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.files.economy_file import load_economy
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.deviations.bounds import wealth_beyond
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.random_economies import EconomyLaw, ValuationLaw
from marketgame.mechanisms.economies.valuations import Logarithmic, Quadratic
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import (
    PAPER_RULES,
    Bankruptcy,
    Coverage,
    MarketRules,
    Pricing,
    Solvency,
    Timing,
)
from marketgame.mechanisms.market_game.settle import settle

ECONOMIES = HOME / "economies"
NO_SHORT_SALES = MarketRules(solvency=Solvency.NO_SHORT_SALES)
LAWS = tuple(
    EconomyLaw((each,), players=(3, 5), goods=(1, 2), types=(1, 2), money=(300.0, 600.0))
    for each in (
        ValuationLaw(Quadratic, {"intercept": (14.0, 20.0), "slope": (0.4, 0.9)}),
        ValuationLaw(Logarithmic, {"weight": (3.0, 9.0), "shift": (0.3, 1.5)}),
    )
)
# How many plays are tried in each economy.
PLAYS = 100
# A share of what is at stake below which a gain is rounding.
ROUNDING = 1e-9


def four_rules(pricing: Pricing, timing: Timing) -> MarketRules:
    """Return the four rules of Theorem 2 of docs/collusion.md."""
    return MarketRules(
        pricing=pricing,
        solvency=Solvency.NO_SHORT_SALES,
        bankruptcy=Bankruptcy.UNWIND,
        coverage=Coverage.ANNOUNCED_NUMERAIRE,
        timing=timing,
    )


def drawn(effort: Effort, search: str) -> list[Economy]:
    """Return economies that are drawn for a search."""
    return [LAWS[own.integers(len(LAWS))].economy("drawn", own) for own in generators(effort, search)]


def best_short_sale(contract: GrandContract, rules: MarketRules = PAPER_RULES) -> float:
    """Return the most that some player gains at some profile by selling one good short to another, settled.

    It sells ten times all there is of a good to one other player, for what that is worth at the contract's prices:
    nobody's budget changes.
    """
    economy, found = contract.economy, -np.inf
    numbers = np.arange(len(contract.profiles))
    told = contract.recommended(numbers)
    obeyed = economy.utility(contract.profiles, settle(told, rules).allocation)
    supply = economy.endowments(contract.profiles).sum(axis=1)
    for seller in range(len(economy.players)):
        buyer = (seller + 1) % len(economy.players)
        for good in range(len(economy.goods)):
            sold = 10.0 * supply[:, good]
            # Whoever sells the numeraire short buys the first good for it.
            other = -1 if good < len(economy.goods) - 1 else 0
            orders = np.array(told.orders)
            orders[:, seller, buyer, good] -= sold
            orders[:, seller, buyer, other] += sold * contract.price[:, good] / contract.price[:, other] * (1 - 1e-12)
            play = told.with_arrays(orders=orders)
            ends = economy.utility(contract.profiles, settle(play, rules).allocation)
            found = max(found, float((ends - obeyed)[:, seller].max()))
    return found


def walrasian_is_nash(effort: Effort) -> Finding:
    """Recompute the smallest counterexample by hand, and let somebody sell short in economies that are drawn."""
    gain, (intercept, owned, money) = smallest_short_sale()
    smallest = best_short_sale(grand_contract(load_economy(ECONOMIES / "three-equal-traders.toml")))
    contracts = [grand_contract(each) for each in drawn(effort, "short sales")]
    broken = sum(_gains(each, best_short_sale(each)) for each in contracts)
    kept = sum(not _gains(each, best_short_sale(each, NO_SHORT_SALES)) for each in contracts)
    alone = [
        _random_plays(each, own, 1, NO_SHORT_SALES)
        for each, own in zip(contracts, generators(effort, "any plays of one"), strict=True)
    ]
    gained = sum(alone)
    found = (
        f"Of equal traders in whole numbers the smallest one of whom breaks the contract own {owned} of the good and "
        f"{money} of money and value it at {intercept}q - q^2/2: one who sells money short at the price of the "
        f"contract has all of the good, and gains {gain}; {smallest:.6f} in the market. A short sale pays somebody in "
        f"{broken} of {len(contracts)} economies drawn; where short sales bankrupt, in {len(contracts) - kept}, and "
        f"one alone gains in {gained} of {len(contracts) * PLAYS} plays drawn, with any quotes and orders."
    )
    shipped = (intercept, owned, money) == (4, 1, 1) and abs(smallest - float(gain)) < ROUNDING
    agrees = shipped and broken > 0 and kept == len(contracts) and gained == 0
    return Finding(
        agrees,
        found,
        (
            Frequency(
                "economies drawn, one player alone breaks the grand contract by a short sale", broken, len(contracts)
            ),
            Frequency("the same where short sales bankrupt, nobody gains by one", kept, len(contracts)),
        ),
    )


def smallest_short_sale() -> tuple[Fraction, tuple[int, int, int]]:
    """Return the gain of one of the smallest three equal traders in whole numbers who gains by a short sale, and them.

    They value the good at a q - q^2/2, with a marginal value that is positive up to all there is, and own w of it and
    m of money. Whoever sells money short has all of the good, and who sells the good short all the money. Least is the
    sum of the three numbers a, w and m, then a, then w.
    """
    found = []
    for intercept, owned, money in product(range(1, 12), range(1, 4), range(1, 6)):
        alone = Fraction(intercept * owned) - Fraction(owned) ** 2 / 2 + money
        all_goods = Fraction(3 * intercept * owned) - Fraction(9 * owned**2, 2)
        gain = max(all_goods, Fraction(3 * money)) - alone
        if intercept > 3 * owned and gain > 0:
            found.append((intercept + owned + money, (intercept, owned, money), gain))
    _, numbers, gain = min(found)
    return gain, numbers


def _gains(contract: GrandContract, gain: float) -> bool:
    return gain > ROUNDING * float(contract.stakes.max())


def pair_that_sacrifices(effort: Effort) -> Finding:
    """Ask in economies that are drawn whether two players improve by drawing lots, and whether four rules stop it."""
    economies = drawn(effort, "sacrifice")
    contracts = [grand_contract(each) for each in economies]
    paid = sum(_sacrifice_pays(each) for each in contracts)
    safe = sum(_nobody_beyond_wealth(each) for each in contracts)
    plays = [
        _random_plays(each, own, 2, four_rules((Pricing.VOID, Pricing.SPREAD)[own.integers(2)], Timing.PRICES_FIRST))
        for each, own in zip(contracts, generators(effort, "any plays"), strict=True)
    ]
    gained = sum(plays)
    found = (
        f"Where short sales bankrupt and nothing else is changed, some two gain by sacrificing one of them drawn by "
        f"lot in {paid} of {len(contracts)} economies drawn (Theorem 5). Under the four rules no coalition gains in "
        f"{safe} of {len(contracts)}, at either timing and pricing (Theorem 2), and in {gained} of "
        f"{len(contracts) * PLAYS} plays of two members drawn, with any quotes and orders, they gain in sum."
    )
    return Finding(
        paid > 0 and safe == len(contracts) and gained == 0,
        found,
        (
            Frequency("economies drawn, some two improve where only short sales bankrupt", paid, len(contracts)),
            Frequency("economies drawn, no coalition gains under the four rules", safe, len(contracts)),
        ),
    )


def _random_plays(contract: GrandContract, generator: np.random.Generator, many: int, rules: MarketRules) -> int:
    """Return in how many plays of one member or two, drawn without any theory, they gain in sum."""
    economy, players = contract.economy, len(contract.economy.players)
    number = int(generator.integers(len(contract.profiles)))
    told = contract.recommended(np.full(PLAYS, number))
    members = generator.choice(players, many, replace=False)
    quotes = np.array(np.broadcast_to(told.quotes, (PLAYS, *told.quotes.shape[1:])))
    odd = contract.price[number, :-1] * generator.choice([0.0, 0.5, 1.0, 1.1, 20.0], (PLAYS, 1, quotes.shape[-1] - 1))
    own = contract.price[number, :-1] * generator.choice([0.0, 0.9, 1.0, 5.0], (PLAYS, many, quotes.shape[-1] - 1))
    quotes[:, members, :-1] = np.where(generator.integers(0, 2, (PLAYS, 1, 1)), odd, own)
    orders = np.array(np.broadcast_to(told.orders, (PLAYS, players, players, quotes.shape[-1])))
    size = np.abs(orders).max() * 10.0 ** generator.integers(-2, 4, (PLAYS, 1, 1, 1))
    drawn_orders = generator.normal(size=(PLAYS, many, players, quotes.shape[-1])) * size
    # Half of the time what is ordered from outsiders stays as it is, so that these live.
    outside = ~np.isin(np.arange(players), members)
    kept = generator.integers(0, 2, (PLAYS, 1, 1, 1)).astype(bool) & outside[None, None, :, None]
    orders[:, members] = np.where(kept, orders[:, members], drawn_orders)
    announced = np.array(np.broadcast_to(told.announced_endowments, (PLAYS, *told.announced_endowments.shape[1:])))
    transfers = np.array(np.broadcast_to(told.transfers, (PLAYS, players)))
    # No more is moved between two than the money that covers it.
    room = announced[0, members, -1] + transfers[0, members]
    moved = generator.uniform(-room[-1], room[0], PLAYS)
    if many > 1:
        transfers[:, members] += np.stack([-moved, moved], axis=1)
    profiles = contract.profiles[np.full(PLAYS, number)]
    obeyed = economy.utility(profiles[:1], settle(told[:1], rules).allocation)[0, members].sum()
    ends = economy.utility(profiles, settle(Play(quotes, orders, announced, transfers), rules).allocation)[:, members]
    return int((ends.sum(axis=1) > obeyed + ROUNDING * float(contract.stakes.max())).sum())


def _sacrifice_pays(contract: GrandContract) -> bool:
    """Say whether Theorem 5 of docs/collusion.md gives two players an improvement at some profile."""
    economy, profiles = contract.economy, contract.profiles
    supply = economy.endowments(profiles).sum(axis=1)
    obeyed = economy.utility(profiles, contract.allocation)
    for winner in range(len(economy.players)):
        holds = np.array(supply)
        # The others' first good is left to them.
        holds[:, 0] = contract.endowments[:, winner, 0]
        wins = economy.utility(profiles, np.repeat(holds[:, None], len(economy.players), axis=1))[:, winner]
        nothing = economy.utility(profiles, np.zeros_like(contract.allocation))
        for loser in set(range(len(economy.players))) - {winner}:
            better = wins + nothing[:, loser] - obeyed[:, winner] - obeyed[:, loser]
            left = contract.allocation[:, winner, -1] > 0
            if (left & (better > ROUNDING * float(contract.stakes.max()))).any():
                return True
    return False


def _nobody_beyond_wealth(contract: GrandContract) -> bool:
    most = float(contract.stakes.max())
    for pricing in (Pricing.VOID, Pricing.SPREAD):
        for timing in Timing:
            beyond = wealth_beyond(contract, four_rules(pricing, timing))
            if beyond is None or (beyond > ROUNDING * most).any():
                return False
    return True


def exchange_improves(effort: Effort) -> Finding:
    """State contracts at bundles that are inside and not efficient, and let one player trade a little more."""
    broken = among = 0
    for own in generators(effort, "inefficient contracts"):
        economy = LAWS[own.integers(len(LAWS))].economy("drawn", own)
        profiles = economy.profiles[own.integers(len(economy.profiles))][None]
        owned = economy.endowments(profiles)[0]
        players = len(owned)
        shares = own.dirichlet(np.full(players, 4.0), owned.shape[1]).T
        bundles = shares * owned.sum(axis=0)
        price = np.append(own.uniform(1.0, 15.0, owned.shape[1] - 1), 1.0)
        among += 1
        broken += _one_exchanges(economy, profiles, owned, bundles, price)
    found = (
        f"Of {among} contracts drawn that hand out something inside, at any prices, one player breaks {broken} by "
        f"ordering a little more or less of a good from "
        "another at the price that all quote."
    )
    return Finding(
        broken == among,
        found,
        (Frequency("contracts drawn that are inside and not efficient, one player breaks them", broken, among),),
    )


def _one_exchanges(
    economy: Economy, profiles: np.ndarray, owned: FloatArray, bundles: FloatArray, price: FloatArray
) -> bool:
    players, trades = len(owned), bundles - owned
    orders = np.repeat(trades[:, None] / players, players, axis=1)
    granted = trades @ price + 1e-9
    quotes = np.repeat(price[None], players, axis=0)
    obeyed = economy.utility(profiles, settle(Play(quotes, orders, owned, granted)).allocation[None])[0]
    for who in range(players):
        for good in range(owned.shape[1] - 1):
            for much in (1e-3, -1e-3):
                asked = np.array(orders)
                amount = much * bundles[:, good].min()
                asked[who, (who + 1) % players, good] += amount
                asked[who, (who + 1) % players, -1] -= amount * price[good]
                ends = economy.utility(profiles, settle(Play(quotes, asked, owned, granted)).allocation[None])[0]
                if ends[who] > obeyed[who] + 1e-8:
                    return True
    return False


def feasible(effort: Effort) -> Finding:
    """Settle plays of any size and sign: is what is handed out there, and has whoever is in the red nothing?"""
    short, red, none, waste, own_price = 0, 0, 0, 0, 0
    for generator in generators(effort, "any play"):
        play = _any_play(generator)
        ended = settle(play)
        handed, there = ended.allocation.sum(axis=0), play.announced_endowments.sum(axis=0)
        short += bool((handed > there * (1 + 1e-12)).any() or (ended.allocation < 0).any())
        held_back = (ended.claim <= 0).all(axis=-1)
        red += int(held_back.sum())
        none += int((ended.allocation[held_back] == 0).all(axis=-1).sum())
        waste += bool(ended.bankrupt.any() and (ended.wasted > 0).any())
        other = np.array(play.quotes)
        other[0, :-1] = generator.uniform(0, 9, other.shape[1] - 1)
        own_price += bool(settle(play.with_arrays(quotes=other)).bankrupt[0] == ended.bankrupt[0])
    among = effort.economies
    found = (
        f"In {among} plays of any sizes and signs more was handed out than announced, or less than nothing, {short} "
        f"times; of {red} claims without anything positive {none} got nothing; in {waste} plays somebody failed and "
        f"something went to nobody; in {own_price} a player's own quote did not decide whether it failed."
    )
    agrees = short == 0 and red == none and waste > 0 and own_price == among
    return Finding(
        agrees, found, (Frequency("plays drawn in which somebody fails and something is wasted", waste, among),)
    )


def _any_play(generator: np.random.Generator) -> Play:
    players, goods = int(generator.integers(2, 6)), int(generator.integers(2, 4))
    quotes = np.concatenate([generator.uniform(0, 9, (players, goods - 1)), np.ones((players, 1))], axis=1)
    orders = generator.normal(size=(players, players, goods)) * 10.0 ** generator.integers(-2, 4)
    return Play(quotes, orders, generator.uniform(0, 5, (players, goods)), generator.normal(size=players) * 5)


def two_projections(effort: Effort) -> Finding:
    """Project claims once, as defined, and in two steps, as the paper says that one may."""
    claims, supply = np.array([[-1.0], [2.0]]), np.array([1.0])
    once, twice = _projected(claims, supply), _in_two_steps(claims, supply)
    smallest = once.tolist() == [[0.0], [1.0]] and twice.tolist() == [[0.0], [2.0]]
    differ = beyond = 0
    for generator in generators(effort, "projections"):
        players, goods = int(generator.integers(2, 6)), int(generator.integers(1, 4))
        drawn_claims, there = generator.normal(size=(players, goods)) * 4, generator.uniform(0.5, 5, goods)
        exact, steps = _projected(drawn_claims, there), _in_two_steps(drawn_claims, there)
        differ += not np.allclose(exact, steps)
        beyond += bool((steps.sum(axis=0) > there + 1e-9).any())
    found = (
        f"Claims -1 and 2 on a supply of 1: the projection gives {once.ravel().tolist()}, the two steps "
        f"{twice.ravel().tolist()}, which is more than there is. They differ in {differ} of {effort.economies} cases "
        f"drawn, and hand out too much in {beyond}."
    )
    return Finding(
        smallest and differ > 0,
        found,
        (Frequency("claims drawn, the two steps are not the projection", differ, effort.economies),),
    )


def _projected(claims: FloatArray, supply: FloatArray) -> FloatArray:
    """Return the feasible allocation nearest to claims ``(N, L)``, by trying how many are left something."""
    ranked = -np.sort(-claims, axis=0)
    ration = [(ranked[:many].sum(axis=0) - supply) / many for many in range(1, len(claims) + 1)]
    return np.maximum(claims - np.maximum(np.max(ration, axis=0), 0.0), 0.0)


def _in_two_steps(claims: FloatArray, supply: FloatArray) -> FloatArray:
    over = np.maximum(claims.sum(axis=0) - supply, 0.0) / len(claims)
    return np.maximum(claims - over, 0.0)


def arbitrageurs_orders(effort: Effort) -> Finding:
    """Add up the orders that the proof of Theorem 1 prints for the arbitrageur."""
    twice = 0
    for generator in generators(effort, "arbitrageur"):
        players = int(generator.integers(3, 7))
        owned = [Fraction(int(each)) for each in generator.integers(1, 9, players)]
        all_there, passed_on = sum(owned), Fraction(int(generator.integers(1, 1000)))
        arbitrageur, cheap, dear = generator.permutation(players)[:3]
        orders = {k: owned[k] for k in range(players) if k not in {arbitrageur, cheap, dear}}
        orders[cheap] = passed_on + all_there - owned[arbitrageur] + owned[cheap]
        orders[dear] = -passed_on + owned[dear]
        printed = sum(orders.values())
        claimed = all_there - owned[arbitrageur]
        twice += bool(printed == 2 * claimed and printed - (all_there - owned[arbitrageur]) == claimed)
    found = (
        f"Nobody else orders anything. In {twice} of {effort.economies} economies drawn what is printed adds up to "
        f"twice what is claimed, and to just that without the "
        "aggregate endowment less its own in the order to the cheap side."
    )
    return Finding(
        twice == effort.economies,
        found,
        (Frequency("economies drawn, printed orders are twice what is claimed", twice, effort.economies),),
    )


def money_matters(effort: Effort) -> Finding:
    """Give three equal traders more money: does one of them break the contract then, and not before?"""
    poor, rich = (_all_the_money(money) for money in (2.0, 3.0))
    found = (
        f"Three equal traders who value a tonne at log(1 + 100 q): the best short sale brings {poor:.4f} with 2 euro "
        f"each, and {rich:.4f} with 3 euro each."
    )
    del effort  # there is one case
    return Finding(poor < 0 < rich, found)


def _all_the_money(money: float) -> float:
    """Return the most that one of three equal traders gains alone, by the closed form of docs/collusion.md."""
    one, all_three = float(np.log1p(100.0)), float(np.log1p(300.0))
    return max(3 * money, all_three) - (one + money)


def transfers_with_the_draw(effort: Effort) -> Finding:
    """Settle the two plays of Proposition 30 of docs/collusion.md, and the bounds on agreements without the draw."""
    economy = load_economy(ECONOMIES / "one-to-sacrifice.toml")
    rules = MarketRules(pricing=Pricing.VOID, solvency=Solvency.NO_SHORT_SALES, bankruptcy=Bankruptcy.UNWIND)
    contract = grand_contract(economy)
    told = contract.recommended(np.arange(1))[0]
    ann, bob, dan = range(3)
    obeyed = economy.utility(contract.profiles, settle(told, rules).allocation[None])[0]
    # All that flowed otherwise is undone, and Ann takes all but a speck of what Bob owns; Dan is charged 38.
    orders = np.array(told.orders)
    orders[ann, bob] = orders[bob, ann] + economy.endowment_table[bob] * (1 - 1e-9)
    orders[ann, dan], orders[dan, bob] = orders[dan, ann], orders[bob, dan]
    sacrifice = told.with_arrays(orders=orders, transfers=np.array([38.0, 0.0, -38.0]))
    gift = np.array(told.orders)
    # A little less than is granted, for rounding; Ann is granted more than that for it.
    gift[dan, ann, -1] += 4.5 - 1e-11
    both = told.with_arrays(orders=gift, transfers=told.transfers + np.array([-4.5, 0.0, 4.5]))
    ends = [economy.utility(contract.profiles, settle(play, rules).allocation[None])[0] for play in (sacrifice, both)]
    expected = (ends[0] + ends[1]) / 2
    gains = expected[[ann, dan]] - obeyed[[ann, dan]]
    # Without the draw: what a pair can have if one of them owes more than it is worth, from the proof.
    have = Fraction(837, 8) + 4
    without = (2 * Fraction(7, 2) - 2 + 34, Fraction(5) - Fraction(1, 2) + 104)
    survived = sum(_dan_fails(contract, generator, rules) for generator in generators(effort, "debtors"))
    found = (
        f"By lot Ann expects {expected[ann]:.4f} rather than {obeyed[ann]:.4f}, and Dan {expected[dan]:.4f} rather "
        f"than {obeyed[dan]:.4f}. Transfers without the draw leave the two at most {max(without)} where Ann owes more "
        f"than she is worth, less than the {have} that they have; Dan failed in {survived} of {effort.economies} "
        f"plays drawn in which he does."
    )
    agrees = bool((gains > 0).all()) and max(without) < have and survived == effort.economies
    return Finding(agrees, found)


def _dan_fails(contract: GrandContract, generator: np.random.Generator, rules: MarketRules) -> bool:
    """Say whether Dan fails, whatever he and Ann quote and order, if he owes more than all his money."""
    told = contract.recommended(np.arange(1))[0]
    quotes, orders = np.array(told.quotes), np.array(told.orders)
    quotes[[0, 2], 0] = generator.choice([3.5, *generator.uniform(0, 50, 2)], 2)
    if generator.integers(2):
        quotes[2] = quotes[0]
    orders[[0, 2]] = generator.normal(size=orders[[0, 2]].shape) * 10.0 ** generator.integers(-1, 3)
    owed = generator.uniform(4.01, 60)
    play = told.with_arrays(quotes=quotes, orders=orders, transfers=np.array([owed, 0.0, -owed]))
    return bool(settle(play, rules).bankrupt[2])


def true_profile_transfers(effort: Effort) -> Finding:
    """Ask Definition 4 as printed, and as meant, of contracts whose transfers are drawn."""
    lying_pays = printed = 0
    for own in generators(effort, "definition 4"):
        economy = LAWS[own.integers(len(LAWS))].economy("drawn", own)
        drawn_payments = 4 * own.normal(size=(len(economy.profiles), len(economy.players)))
        contract = grand_contract(economy, drawn_payments - drawn_payments.mean(axis=1, keepdims=True))
        if check_incentives(contract).incentive_compatible:
            continue
        lying_pays += 1
        printed += _compatible_as_printed(contract)
    found = (
        f"In {lying_pays} of {effort.economies} contracts drawn some lie pays; what is printed calls {printed} of "
        f"these incentive compatible, as the liar or somebody else fails "
        "by what the true profile grants."
    )
    frequency = Frequency(
        "contracts drawn under which some lie pays, incentive compatible as printed", printed, lying_pays
    )
    return Finding(printed > 0 or not lying_pays, found, (frequency,))


def _compatible_as_printed(contract: GrandContract) -> bool:
    """Say whether no type gains by a lie if transfers are those of the true profile."""
    economy = contract.economy
    told_truly = contract.recommended(np.arange(len(contract.profiles)))
    obeyed = economy.utility(contract.profiles, settle(told_truly).allocation)
    least = ROUNDING * float(contract.stakes.max())
    for player, who in enumerate(economy.players):
        beliefs = economy.prior.beliefs(player)
        for true in range(len(who.types)):
            possible = np.flatnonzero(contract.profiles[:, player] == true)
            told = contract.profiles[possible].copy()
            for report in set(range(len(who.types))) - {true}:
                told[:, player] = report
                play = contract.recommended(contract.numbers_of(told))
                play = play.with_arrays(transfers=contract.transfers[possible])
                ends = economy.utility(contract.profiles[possible], settle(play).allocation)[:, player]
                if beliefs[true, possible] @ (ends - obeyed[possible, player]) > least:
                    return False
    return True


def printed_flows(effort: Effort) -> Finding:
    """Add up flows as Definition 2 prints them, without what others order, and as section 2.2 does."""
    reached = meant = 0
    economies = drawn(effort, "definition 2")
    for economy in economies:
        contract = grand_contract(economy)
        trades = contract.net_trades
        orders = contract.recommended(np.arange(len(trades))).orders
        own = np.eye(len(economy.players), dtype=bool)[None, :, :, None]
        ordered = np.where(own, 0.0, orders)
        scale = float(np.abs(trades).max())
        reached += bool(np.abs(ordered.sum(axis=2) - trades).max() <= 1e-6 * scale)
        meant += bool(np.abs((ordered - np.swapaxes(ordered, 1, 2)).sum(axis=2) - trades).max() <= 1e-6 * scale)
    found = (
        f"Nobody orders from itself. Without what others order the contract's orders add up to its trades in "
        f"{reached} of {len(economies)} economies drawn, with it in {meant}."
    )
    return Finding(reached == 0 and meant == len(economies), found)


def interim_implies_ex_post(effort: Effort) -> Finding:
    """Improve allocations at some profiles, and see whether some type's expectation falls."""
    falls = strict = among = 0
    for economy in drawn(effort, "ex post"):
        generator = np.random.default_rng(len(economy.profiles))
        odds = economy.prior.probability
        better = generator.uniform(0, 1, (len(economy.profiles), len(economy.players)))
        better *= generator.integers(0, 2, better.shape)
        if not better.any():
            continue
        among += 1
        expected = [economy.prior.beliefs(player) @ better[:, player] for player in range(len(economy.players))]
        falls += any((each < 0).any() for each in expected)
        strict += any((each > 0).any() for each in expected) and bool((odds > 0).all())
    found = (
        f"Of {among} ex post improvements drawn {falls} lower what a type expects, and {strict} raise what some type "
        f"expects."
    )
    return Finding(falls == 0 and strict == among, found)


def either_timing(effort: Effort) -> Finding:
    """Bound what coalitions gain under the four rules if orders are placed with the quotes."""
    safe = 0
    contracts = [grand_contract(each) for each in drawn(effort, "timing")]
    for contract in contracts:
        beyond = wealth_beyond(contract, four_rules(Pricing.SPREAD, Timing.SIMULTANEOUS))
        safe += beyond is not None and bool((beyond <= ROUNDING * float(contract.stakes.max())).all())
    found = (
        f"Orders placed with the quotes: under the four rules no coalition gains in {safe} of {len(contracts)} "
        f"economies drawn."
    )
    frequency = Frequency(
        "economies drawn, simultaneous play, no coalition gains under the four rules", safe, len(contracts)
    )
    return Finding(safe == len(contracts), found, (frequency,))

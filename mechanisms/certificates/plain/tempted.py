r"""That some member of every coalition is tempted to break whatever it agrees on: premises, in rational numbers.

The proofs are in ``docs/collusion.md``: Proposition 4 (arbitrage), Theorems 15, 22 and 27 (buying out), 20 (outbidding)
and 21 (selling dear). All of them are about contracts that recommend efficient allocations at prices that support them,
under rules that each names, and need that everybody is told enough to know the profile, wants more of every good
wherever it holds no more than there is, and has some wealth; outsiders do what they were told, whatever is quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations, permutations

import numpy as np

from marketgame.mechanisms.certificates.plain.bounds import PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.instance import Checked, Instance
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.certificates.plain.three import three_may_agree_exactly
from marketgame.mechanisms.deviations.premises import ARBITRAGE, BUYING_OUT, OUTBIDDING, SELLING_DEAR, Premise
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.valuation import SeparableValuation, Valuation
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.linear_program.deadline import Deadline

# A wealth of less than this share of what is owned and of what is transferred may be none.
LEAST_WEALTH = Fraction(1, 10**12)
# A difference of less than this share of a player's wealth may be none.
ROUNDING = Fraction(1, 10**9)
PAIR, TRIO, MOST_PLAYERS = 2, 3, 5


def by_arbitrage(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check the premises of Proposition 4."""
    yield from _tempted(instance, ARBITRAGE, deadline, _nothing_more)


def by_buying_out(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check the premises of Theorem 15, and of 22 and 27 where there are more than three traders."""
    yield from _tempted(instance, BUYING_OUT, deadline, _only_pairs)


def by_outbidding(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check the premises of Theorem 20."""
    yield from _tempted(instance, OUTBIDDING, deadline, _outbid)


def by_selling_dear(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check the premises of Theorem 21."""
    yield from _tempted(instance, SELLING_DEAR, deadline, _sell_dear)


type More = Callable[[Instance, Deadline], Iterator[Checked]]


def _tempted(instance: Instance, premise: Premise, deadline: Deadline, more: More) -> Iterator[Checked]:
    rules = premise.holds(instance.rules_given)
    yield Checked("rules", "of the theorem" if rules else "of no theorem", rules)
    contract = instance.contract
    efficient = contract.contract.stated is None
    yield Checked("recommended", "efficient allocations" if efficient else "something stated", efficient)
    if not (rules and efficient):
        return
    doubts = list(contract.doubts())
    yield Checked("allocations", doubts[0] if doubts else "worth most at every profile", not doubts)
    knows = all(len(cell) == 1 for player in _players(contract) for cell in contract.cells((player,)))
    yield Checked("the profile", "known to everybody" if knows else "not known to somebody", knows)
    wanted = _everything_is_wanted(contract)
    yield Checked("more of every good", "wanted by everybody" if wanted else "not wanted by somebody", wanted)
    yield _wealth(instance)
    bounds, players = PlainBounds(contract, deadline), _players(contract)
    most = [bounds.weakest((player,), None) for player in players] + [bounds.weakest(tuple(players), None)]
    worst = max(most, key=lambda bound: (not bound.excludes, bound.gain))
    found = "gain nothing" if worst.excludes else "might gain something"
    stake = sum(contract.stakes[worst.number], NOTHING)
    yield Checked("one player, and all together", found, worst.excludes, worst.gain, stake)
    yield from more(instance, deadline)


def _nothing_more(_: Instance, __: Deadline) -> Iterator[Checked]:
    return iter(())


def _players(contract: PlainContract) -> range:
    return range(len(contract.economy.players))


def _everything_is_wanted(contract: PlainContract) -> bool:
    """Say whether every type wants more of every good wherever it holds no more than there is."""
    most: dict[tuple[int, int], list[Fraction]] = {}
    for number, profile in enumerate(contract.profiles):
        supply = [sum(column, NOTHING) for column in zip(*contract.endowments(number), strict=True)][:-1]
        for key in enumerate(profile):
            most[key] = [max(pair) for pair in zip(most.get(key, supply), supply, strict=True)]
    players = contract.economy.players
    return all(wants_more(players[player].types[kind].valuation, limit) for (player, kind), limit in most.items())


def wants_more(valuation: Valuation, limit: list[Fraction]) -> bool:
    """Say whether a valuation increases in every good at all bundles from nothing to a limit ``(G,)``."""
    rounded = np.array([float(most) for most in limit]) * (1 + 1e-12)
    if not (valuation.least_gradient(rounded) > 0).all():
        return False
    simple = valuation.simplified()
    if isinstance(simple, Quadratic):
        # What a good is worth falls with what is held of it and of its substitutes, and is least without complements.
        slopes = [exact(row) for row in simple.slope]
        falls = (sum((max(s, NOTHING) * q for s, q in zip(row, limit, strict=True)), NOTHING) for row in slopes)
        return all(first > fall for first, fall in zip(exact(simple.intercept), falls, strict=True))
    if isinstance(simple, SeparableValuation):
        return all(marginal is None or marginal > 0 for marginal in simple.exact_tangent(limit)[1])
    return True


def _wealth(instance: Instance) -> Checked:
    """Return whether everybody's wealth is positive at every profile that can occur, by more than rounding."""
    contract, least = instance.contract, list[tuple[Fraction, Fraction]]()
    for number in instance.possible():
        price, transfers = contract.price(number), contract.play(number).transfers
        for row, transfer in zip(contract.endowments(number), transfers, strict=True):
            worth = sum((p * own for p, own in zip(price, row, strict=True)), NOTHING)
            least.append((worth + transfer, worth + abs(transfer)))
    wealth, size = min(least, key=lambda pair: pair[0])
    holds = all(wealth > LEAST_WEALTH * size for wealth, size in least)
    return Checked("least wealth of anybody", "more than nothing" if holds else "nothing or less", holds, wealth, size)


def _only_pairs(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that no three or more, but not all, have an agreement that is kept; pairs have none."""
    contract = instance.contract
    count = len(contract.economy.players)
    few = PAIR < count <= MOST_PLAYERS
    yield Checked("traders", f"{count}", few)
    if not few or count == TRIO:
        return
    bounds, examined = PlainBounds(contract, deadline), 0
    for number in instance.possible():
        for size in range(TRIO, count):
            for coalition in combinations(range(count), size):
                deadline.check()
                examined += 1
                if any(bound.excludes for bound in bounds.in_cell(coalition, [number], None)):
                    continue
                if size > TRIO or three_may_agree_exactly(contract, number, coalition):
                    names = ", ".join(contract.economy.player_names[member] for member in coalition)
                    yield Checked("three or more", f"{names} might agree", holds=False)
                    return
    yield Checked("three or more", f"none of {examined} keep an agreement, by profile", holds=True)


def _of_one_good(instance: Instance) -> Iterator[Checked]:
    """Check that three trade one good for money, own both, have concave valuations, and can pay what they owe."""
    contract = instance.contract
    shape = len(contract.economy.players) == TRIO and len(contract.economy.goods) == PAIR
    yield Checked("who trades", "three, one good for money" if shape else "others", shape)
    if not shape:
        return
    numbers = instance.possible()
    owns = all(own > 0 for number in numbers for row in contract.endowments(number) for own in row)
    yield Checked("owned", "some of both by everybody" if owns else "not some of both by everybody", owns)
    supply = np.array([max(float(sum(row[0] for row in contract.endowments(number))) for number in numbers)])
    kinds = (kind for player in contract.economy.players for kind in player.types)
    concave = all(kind.valuation.strictly_concave(supply) for kind in kinds)
    yield Checked("valuations", "strictly concave" if concave else "not known to be concave", concave)
    pays = all(
        row[-1] * (1 - ROUNDING) > -transfer
        for number in numbers
        for row, transfer in zip(contract.endowments(number), contract.play(number).transfers, strict=True)
    )
    yield Checked("owed", "less than its money by everybody" if pays else "as much as its money by somebody", pays)


def _outbid(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check, too, that each would have more if it spent another's wealth beside its own on what the third owns."""
    first = list(_of_one_good(instance))
    yield from first
    if not all(one.holds for one in first):
        return
    contract, least = instance.contract, list[tuple[Fraction, Fraction]]()
    for number in instance.possible():
        deadline.check()
        price, owned = contract.price(number), contract.endowments(number)
        wealth = [
            sum((p * own for p, own in zip(price, row, strict=True)), transfer)
            for row, transfer in zip(owned, contract.play(number).transfers, strict=True)
        ]
        supply = [sum(column, NOTHING) for column in zip(*owned, strict=True)]
        for who, other in permutations(range(TRIO), PAIR):
            valuation, wanted = contract.kind(who, number).valuation, contract.bundle(who, number)
            there, spent = (
                [all_ - gone for all_, gone in zip(supply, owned[other], strict=True)],
                wealth[who] + wealth[other],
            )
            bought = min(wanted[0], there[0])
            money = min(spent - price[0] * bought, there[1])
            usual = valuation.exact_value(wanted) + wealth[who] - price[0] * wanted[0]
            least.append((valuation.exact_value([bought]) + money - usual, spent))
    more, size = min(least, key=lambda pair: pair[0])
    holds = all(more > ROUNDING * size for more, size in least)
    found = "more than by the contract" if holds else "not always more than by the contract"
    yield Checked("what another's wealth buys besides", found, holds, more, abs(size))


def _sell_dear(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check, too, that any two's money outweighs what odd prices bring them, and their transfers."""
    first = list(_of_one_good(instance))
    yield from first
    if not all(one.holds for one in first):
        return
    contract, least = instance.contract, list[tuple[Fraction, Fraction]]()
    for number in instance.possible():
        deadline.check()
        price, owned = contract.price(number)[0], contract.endowments(number)
        marginal = []
        for player, row in enumerate(owned):
            slope = contract.kind(player, number).valuation.exact_tangent(row[:-1])[1][0]
            marginal.append(slope)
        if None in marginal:
            yield Checked("money", "less than odd prices may bring", holds=False)
            return
        dearest = max([price, *(one for one in marginal if one is not None)])
        there = sum((row[0] for row in owned), NOTHING)
        at_odds = [
            max(price * (there - row[0]), (dearest - price) * row[0]) + abs(transfer)
            for row, transfer in zip(owned, contract.play(number).transfers, strict=True)
        ]
        for one, other in combinations(range(TRIO), PAIR):
            money = min(row[-1] for row in owned)
            least.append((money * (1 - ROUNDING) - at_odds[one] - at_odds[other], money))
    left, size = min(least, key=lambda pair: pair[0])
    found = "more than odd prices bring any two" if left > 0 else "less than odd prices may bring"
    yield Checked("money", found, left > 0, left, size)

"""Evidence about what Giraud and Rochon assume of beliefs, endowments and incentives."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import product

import numpy as np

from marketgame.experiments import HOME
from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.claims.giraud_rochon import round_table
from marketgame.experiments.claims.giraud_rochon.domination import LAW
from marketgame.experiments.files.economy_file import load_economy
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.compatibility import CompatibilityHolds, check_compatibility
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.contracts.transfers import (
    IncentiveTransfers,
    NoIncentiveTransfers,
    contradiction,
    expected_externality_transfers,
    incentive_compatible_transfers,
)
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, Prior, beliefs_about_others, profiles_by_own_type
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.incentive_efficiency.efficient_improvement import needed_from_outside
from marketgame.mechanisms.linear_program import LinearProgram, Sense, Status

ECONOMIES = HOME / "economies"
# Prices of numeraire and gains below this are rounding.
ROUNDING = 1e-7
# Odds of the eight profiles of three players of two types, in fourteenths.
MISPRINTED = ((((2, 1), (1, 2)), ((2, 3), (2, 1))), 14)
# Weights of the lies of both types of each player that solve the printed equations for these odds.
PRINTED_WEIGHTS = ((1, 1), (1, 1), (Fraction(7, 12), Fraction(35, 24)))


def constant_aggregate(effort: Effort) -> Finding:
    """List all small tables of endowments with a constant aggregate, and draw large ones."""
    listed = constant = dependent = 0
    for first, second, third in product(product(range(4), repeat=2), repeat=3):
        sums = {a + b + c for a in first for b in second for c in third}
        listed += 1
        if len(sums) == 1:
            constant += 1
            dependent += any(len(set(own)) > 1 for own in (first, second, third))
    drawn = sum(_sum_varies(generator) for generator in generators(effort, "aggregate endowment"))
    found = (
        f"Of {listed} tables of endowments from 0 to 3 of three players of two types the aggregate is constant in "
        f"{constant}, and an endowment depends on its owner's type in {dependent} of these. Where somebody's "
        f"endowment does, the aggregate varies in {drawn} of {effort.economies} tables drawn."
    )
    return Finding(dependent == 0 and constant > 0 and drawn == effort.economies, found)


def _sum_varies(generator: np.random.Generator) -> bool:
    tables = [generator.integers(0, 5, int(generator.integers(2, 4))) for _ in range(int(generator.integers(3, 5)))]
    tables[0][1] = tables[0][0] + 1
    return len({sum(each) for each in product(*(map(int, own) for own in tables))}) > 1


def parity(odd: Fraction = Fraction(1, 2)) -> dict[tuple[int, ...], Fraction]:
    """Return the prior of three players of two types, 1 and -1, under which the product of all is 1 more often."""
    return {types: (1 + odd * types[0] * types[1] * types[2]) / 8 for types in product((1, -1), repeat=3)}


def consistent_and_incompatible(effort: Effort) -> Finding:
    """Refute the compatibility condition under a common prior, in rational numbers, and count where else it fails."""
    prior = parity()
    solved = _all_ones_solve(prior)
    economy = load_economy(ECONOMIES / "parity.toml")
    fails = not isinstance(check_compatibility(economy.prior), CompatibilityHolds)
    holding = sum(
        isinstance(check_compatibility(each), CompatibilityHolds) for each in _priors(effort, "compatible", (2, 2, 2))
    )
    found = (
        "Three players of types 1 and -1, profiles likelier by half whose product is 1: with all weights 1 the "
        "equations have the solution "
        f"kappa(t) = t1 t2 t3 / 4. Of {effort.economies} priors drawn with full support the condition holds for "
        f"{holding}."
    )
    return Finding(
        solved and fails,
        found,
        (Frequency("common priors of three players of two types drawn, compatible", holding, effort.economies),),
    )


def _all_ones_solve(prior: dict[tuple[int, ...], Fraction]) -> bool:
    """Say whether weights of 1 solve the (right) equations of the condition with a price that is not nothing."""
    for types in prior:
        for player in range(3):
            other = list(types)
            other[player] = -types[player]
            left = _belief(prior, player, types) - _belief(prior, player, tuple(other))
            if left != Fraction(types[0] * types[1] * types[2], 4):
                return False
    return True


def _belief(prior: dict[tuple[int, ...], Fraction], player: int, types: tuple[int, ...]) -> Fraction:
    own = sum(chance for each, chance in prior.items() if each[player] == types[player])
    return prior[types] / own


def _priors(effort: Effort, search: str, counts: tuple[int, ...]) -> Iterator[Prior]:
    for generator in generators(effort, search):
        yield CorrelatedPrior(generator.dirichlet(np.ones(int(np.prod(counts)))).reshape(counts))


def compatibility_not_needed(effort: Effort) -> Finding:
    """Look for balanced incentive-compatible transfers where the condition fails."""
    exist = among = 0
    for generator in generators(effort, "transfers without the condition"):
        drawn = _of_three(generator)
        found = incentive_compatible_transfers(drawn, efficient_allocation(drawn))
        among += 1
        exist += isinstance(found, IncentiveTransfers)
    economy = load_economy(ECONOMIES / "parity.toml")
    shipped = incentive_compatible_transfers(economy, efficient_allocation(economy))
    text = (
        f"Under that prior balanced transfers that make the truth best exist in {exist} of {among} economies drawn, "
        f"and in the one shipped."
    )
    frequency = Frequency(
        "economies drawn whose prior is not compatible, balanced incentive-compatible transfers exist", exist, among
    )
    return Finding(isinstance(shipped, IncentiveTransfers), text, (frequency,))


def _of_three(generator: np.random.Generator) -> Economy:
    economy = LAW.economy("drawn", generator)
    while economy.prior.type_counts != (2, 2, 2):
        economy = LAW.economy("drawn", generator)
    chances = np.array([float(chance) for chance in parity().values()]).reshape(2, 2, 2)
    return Economy("drawn", economy.goods, economy.units, economy.players, CorrelatedPrior(chances))


def printed_condition(effort: Effort) -> Finding:
    """Show a prior at which the printed equations and the right ones disagree, and count such priors."""
    table, parts = MISPRINTED
    shown = CorrelatedPrior(np.array(table) / parts)
    prior = {types: Fraction(table[types[0]][types[1]][types[2]], parts) for types in product((0, 1), repeat=3)}
    prices = {types: {_printed_price(prior, player, types) for player in range(3)} for types in prior}
    solved = all(len(each) == 1 for each in prices.values()) and prices[0, 0, 0] == {Fraction(1, 12)}
    printed, right = not _printed_has_price(shown), isinstance(check_compatibility(shown), CompatibilityHolds)
    apart = weaker = 0
    for generator in generators(effort, "printed condition"):
        drawn = CorrelatedPrior(_small_numbers(generator))
        as_printed = not _printed_has_price(drawn)
        as_meant = isinstance(check_compatibility(drawn), CompatibilityHolds)
        apart += as_printed != as_meant
        weaker += as_printed and not as_meant
    found = (
        f"Odds (2 1; 1 2), (2 3; 2 1) in fourteenths: the condition with the right indices holds; the printed "
        f"equations have a solution with the price 1/12 at the first profile, in rational numbers. They disagree "
        f"about {apart} of {effort.economies} priors drawn with small whole odds; the printed one held where the "
        f"right one does not for {weaker}."
    )
    frequency = Frequency(
        "priors drawn with small whole odds, printed and right condition disagree", apart, effort.economies
    )
    return Finding(solved and right and not printed, found, (frequency,))


def _printed_price(prior: dict[tuple[int, ...], Fraction], player: int, types: tuple[int, ...]) -> Fraction:
    """Return the price at a profile that the printed equation of a player gives with these weights."""
    other = list(types)
    other[player] = 1 - types[player]
    own, theirs = (
        sum(p for t, p in prior.items() if t[player] == types[player]),
        sum(p for t, p in prior.items() if t[player] == other[player]),
    )
    believed = prior[types] / own - prior[tuple(other)] / theirs
    return PRINTED_WEIGHTS[player][types[player]] * believed


def _small_numbers(generator: np.random.Generator) -> FloatArray:
    shape = [(2, 2), (2, 2, 2), (2, 2, 2), (3, 2, 2)][int(generator.integers(4))]
    odds = generator.integers(1, 4, shape).astype(float)
    return np.asarray(odds / odds.sum())


def _printed_has_price(prior: Prior) -> bool:
    """Say whether the printed equations have a solution with a price of numeraire that is not nothing.

    Solutions are a cone; if it has a direction, a random objective or its opposite finds it.
    """
    counts, direction = prior.type_counts, np.random.default_rng(0).normal(size=len(prior.probability))
    for sign in (1.0, -1.0):
        program = LinearProgram(Sense.MAXIMIZE)
        price = program.variables("price", {"profile": len(direction)}, lower=-np.inf)
        program.set_objective(price, sign * direction)
        rows = program.constraints("condition", {"player": len(counts), "profile": len(direction)}, equal_to=0.0)
        program.add(rows, price[None, :], -1.0)
        for player, count in enumerate(counts):
            weight = program.variables(f"weight {player}", {"type": count, "lie": count}, upper=1.0)
            beliefs, numbers = beliefs_about_others(prior, player), profiles_by_own_type(prior, player)
            for own, lie in product(range(count), repeat=2):
                program.add(rows[player, numbers[own]], weight[own, lie], beliefs[own] - beliefs[lie])
        solution = program.solve()
        if solution.status is Status.OPTIMAL and solution.objective > ROUNDING:
            return True
    return False


def clones(effort: Effort) -> Finding:
    """Give two types of a player the same tastes: incentives then fix a difference of utilities to nothing."""
    tight = 0
    for generator in generators(effort, "clones"):
        same = generator.uniform(20, 30)
        goods, money = generator.uniform(0.5, 3, 2), generator.uniform(-5, 5, 2)
        utility = [same * quantity - quantity**2 / 2 + paid for quantity, paid in zip(goods, money, strict=True)]
        gains = (utility[1] - utility[0], utility[0] - utility[1])
        tight += max(gains) > 0
    found = (
        "Neither of two types with one taste may envy the other's bundle, so that both are worth the same to them: "
        "the incentive-compatible "
        f"allocations lie in a surface without interior, whatever a third type strictly prefers. Of "
        f"{effort.economies} allocations drawn {tight} are not incentive compatible."
    )
    frequency = Frequency(
        "allocations drawn to a player with two types of one taste, not incentive compatible", tight, effort.economies
    )
    return Finding(tight == effort.economies, found, (frequency,))


def externalities(effort: Effort) -> Finding:
    """Check the transfers of the appendix: balance, and the truth as best report of single players."""
    truthful = balanced = 0
    economies = [LAW.economy("drawn", generator) for generator in generators(effort, "externalities")]
    for economy in economies:
        efficient = efficient_allocation(economy)
        transfers = expected_externality_transfers(economy, efficient)
        balanced += bool(np.abs(transfers.sum(axis=1)).max() <= 1e-9 * max(1.0, np.abs(transfers).max()))
        truthful += bool(check_incentives(GrandContract(economy, efficient, transfers)).incentive_compatible)
    found = (
        f"They balance in {balanced} and make the truth best in {truthful} of {len(economies)} economies drawn with "
        f"independent types."
    )
    frequency = Frequency("economies drawn with independent types, the truth is best", truthful, len(economies))
    return Finding(truthful == balanced == len(economies), found, (frequency,))


def no_solution(effort: Effort) -> Finding:
    """Check multipliers that prove that an economy has no such transfers, and count economies that have some."""
    economy = load_economy(ECONOMIES / "turning-tastes.toml")
    efficient = efficient_allocation(economy)
    none = incentive_compatible_transfers(economy, efficient)
    margin = contradiction(economy, efficient, none) if isinstance(none, NoIncentiveTransfers) else 0.0
    exist = 0
    for generator in generators(effort, "transfers"):
        drawn = LAW.economy("drawn", generator)
        prior = CorrelatedPrior(generator.dirichlet(np.ones(len(drawn.profiles))).reshape(drawn.prior.type_counts))
        drawn = Economy("drawn", drawn.goods, drawn.units, drawn.players, prior)
        exist += isinstance(incentive_compatible_transfers(drawn, efficient_allocation(drawn)), IncentiveTransfers)
    three = float(round_table.gain_of_the_next_report())
    symmetric = not list(round_table.unequal_steps())
    text = (
        f"Two traders whose tastes turn together: multipliers contradict every balanced transfer by {margin:.4f}. "
        f"Three whose types' odds depend on their sum alone: by the report of the next type valuations gain "
        f"{three:.3f} euro in sum, to which balanced transfers add nothing. Of "
        f"{effort.economies} economies of three or four players drawn with correlated priors {exist} have such "
        f"transfers."
    )
    frequency = Frequency(
        "economies of three and four players drawn with correlated priors, transfers exist", exist, effort.economies
    )
    return Finding(margin > ROUNDING and symmetric and three > 0, text, (frequency,))


def nobody_forced(effort: Effort) -> Finding:
    """Ask what it takes from outside that all take part in efficient trade between a seller and a buyer."""
    economy = load_economy(ECONOMIES / "two-sided-divisible.toml")
    lacking = needed_from_outside(economy, [np.zeros(2), np.zeros(2)])
    short = among = 0
    for generator in generators(effort, "participation"):
        drawn = LAW.economy("drawn", generator)
        needed = needed_from_outside(drawn, [np.zeros(len(player.types)) for player in drawn.players])
        among += 1
        short += needed > ROUNDING
    found = (
        f"In the economy shipped {lacking:.4f} euro are lacking. Of {among} economies drawn in which everybody owns "
        f"something, and may buy or sell, {short} lack something."
    )
    frequency = Frequency(
        "economies drawn, no efficient and incentive-compatible allocation that all accept", short, among
    )
    return Finding(lacking > ROUNDING, found, (frequency,))

"""Evidence about Lemma 1: whether supporting prices tell the type profile, inside and at corners."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from marketgame.experiments import HOME
from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.files.contract_file import load_contract
from marketgame.experiments.files.economy_file import load_economy
from marketgame.mechanisms.contracts.stating import inefficiency
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.random_economies import EconomyLaw, ValuationLaw
from marketgame.mechanisms.economies.valuations import Logarithmic, Quadratic

# Tastes alike enough that everybody holds some of everything, or so different that many hold nothing of some good.
# Assumption 1 holds throughout.
TASTES = (
    ValuationLaw(Quadratic, {"intercept": (20.0, 26.0), "slope": (1.0, 3.0)}),
    ValuationLaw(Quadratic, {"intercept": (20.0, 40.0), "slope": (0.4, 2.0)}),
    ValuationLaw(Logarithmic, {"weight": (3.0, 6.0), "shift": (0.5, 1.5)}),
    ValuationLaw(Logarithmic, {"weight": (0.5, 20.0), "shift": (0.2, 4.0)}),
)
LAWS = tuple(
    EconomyLaw((each,), players=(3, 4), goods=(1, 2), types=(1, 3), money=(200.0, 200.0), concentration=2.0)
    for each in TASTES
)
# Less than this is rounding.
ROUNDING = 1e-9
# Prices are exact to about 1e-14 of themselves.
SAME_PRICE = 1e-12
# By which share each number of an economy is moved.
NUDGE = 0.02


def lemma_1(effort: Effort) -> Finding:
    """Draw economies without regard to corners, and neighbours of one at a corner."""
    drawn = [
        LAWS[generator.integers(len(LAWS))].economy("drawn", generator) for generator in generators(effort, "lemma 1")
    ]
    told = [(everybody_holds_all(each), prices_differ(each)) for each in drawn]
    inside = [differ for holds, differ in told if holds]
    outside = [differ for holds, differ in told if not holds]
    corner = load_economy(HOME / "economies" / "grain-for-one.toml")
    near = [nudged(corner, generator) for generator in generators(effort, "lemma 1, neighbours")]
    silent = sum(one_price_supports_all(each) for each in near)
    frequencies = (
        Frequency(
            "economies drawn in which everybody holds some of everything at every profile, all prices differ",
            sum(inside),
            len(inside),
        ),
        Frequency("other economies drawn, all prices differ", sum(outside), len(outside)),
        Frequency(
            "economies within 2% of grain-for-one in each number, one price supports all profiles", silent, len(near)
        ),
    )
    found = (
        f"Inside, prices told the profile in {sum(inside)} of {len(inside)} economies drawn, with corners in "
        f"{sum(outside)} of {len(outside)}; of {len(near)} neighbours of the counterexample one price supports all "
        f"profiles in {silent}."
    )
    return Finding(all(inside) and silent == len(near), found, frequencies)


def everybody_holds_all(economy: Economy) -> bool:
    """Say whether everybody holds some of every good at every profile, where goods are divided efficiently."""
    return bool((efficient_allocation(economy).bundles > 0).all())


def prices_differ(economy: Economy) -> bool:
    """Say whether the supporting prices of any two profiles differ, by more than the rounding of prices."""
    price = efficient_allocation(economy).price[:, :-1]
    same = (np.abs(price[:, None] - price) <= SAME_PRICE * price).all(axis=-1)
    return bool(same.sum() == len(price))


def nudged(economy: Economy, generator: np.random.Generator) -> Economy:
    """Return the economy with every number of every valuation, and every endowment that is positive, moved a little.

    What types of a player own stays the same for all of them, as the paper assumes.
    """
    players = []
    for player in economy.players:
        owned = player.types[0].endowment
        owned = owned * generator.uniform(1 - NUDGE, 1 + NUDGE, owned.shape)
        types = []
        for kind in player.types:
            numbers = {
                name: getattr(kind.valuation, name) * generator.uniform(1 - NUDGE, 1 + NUDGE)
                for name in type(kind.valuation).dimensions()
            }
            types.append(replace(kind, endowment=owned, valuation=replace(kind.valuation, **numbers)))
        players.append(replace(player, types=tuple(types)))
    return replace(economy, players=tuple(players))


def one_price_supports_all(economy: Economy) -> bool:
    """Say whether some price supports the efficient allocation of every profile, with more than one profile."""
    efficient = efficient_allocation(economy)
    return len(efficient.profiles) > 1 and bool(
        (efficient.lowest_price.max(axis=0) < efficient.price.min(axis=0))[:-1].all()
    )


def proof_of_lemma_1(effort: Effort) -> Finding:
    """Show gradients of full rank at equal prices, in rational numbers, and draw more such matrices."""
    # Three traders with v = a q - q^2/2 and the supply 3; two types of the first two, (5, 6) each.
    rows = {(a, b): (Fraction(a + b + 5) - 3) / 3 for a in (5, 6) for b in (5, 6)}
    alike = rows[5, 6] == rows[6, 5]
    full = sum(
        np.linalg.matrix_rank(matrix) == min(matrix.shape)
        for matrix in (_with_two_equal_rows(generator) for generator in generators(effort, "proof of lemma 1"))
    )
    found = (
        f"Intercepts (5, 6, 5) and (6, 5, 5) with supply 3 have the price {rows[5, 6]} both; the matrix of gradients "
        f"has rank 1, the largest that a column has. {full} of {effort.economies} random matrices with two equal rows "
        f"have the largest possible rank."
    )
    return Finding(
        alike and full > 0,
        found,
        (Frequency("matrices with two equal rows that have full rank", int(full), effort.economies),),
    )


def _with_two_equal_rows(generator: np.random.Generator) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    profiles, goods = int(generator.integers(4, 9)), int(generator.integers(1, 4))
    matrix = generator.uniform(0.5, 2.0, (profiles, goods))
    matrix[0] = matrix[1]
    return matrix


def unique_price(effort: Effort) -> Finding:
    """Ask where the price that supports an efficient allocation is unique."""
    inside = outside = several_inside = several_outside = 0
    for generator in generators(effort, "unique price"):
        economy = LAWS[generator.integers(len(LAWS))].economy("drawn", generator)
        efficient = efficient_allocation(economy)
        several = bool((efficient.lowest_price < efficient.price * (1 - 1e-9)).any())
        if (efficient.bundles > 0).all():
            inside, several_inside = inside + 1, several_inside + several
        else:
            outside, several_outside = outside + 1, several_outside + several
    # Marginal values 2, 2 and 9 of a first unit, slopes 1, and one unit: whatever is from 2 to 8 supports "all to one".
    smallest = [price for price in range(12) if max(2, 2) <= price <= 9 - 1]
    found = (
        f"Inside prices were several in {several_inside} of {inside} economies drawn, with corners in "
        f"{several_outside} of {outside}. Marginal values 2, 2 and 9 and one unit: every price from {smallest[0]} to "
        f"{smallest[-1]} supports that the third has it."
    )
    frequencies = (
        Frequency(
            "economies drawn in which somebody is without some good at some profile, several prices support",
            several_outside,
            outside,
        ),
    )
    return Finding(several_inside == 0 and smallest == list(range(2, 9)), found, frequencies)


def dimension(effort: Effort) -> Finding:
    """Compare the dimension that the proof of Lemma 1 states with that of the selections of Pareto optima."""
    agree = 0
    for generator in generators(effort, "dimension"):
        players, goods, profiles = (int(generator.integers(*ends)) for ends in ((3, 6), (2, 5), (1, 9)))
        stated = profiles * (players - 1) * (goods - 1)
        # Inside, goods are what strict concavity makes them, and the numeraire may be shared in any way.
        true = profiles * (players - 1)
        agree += stated == true
    numbers = f"{agree} of {effort.economies}"
    found = (
        f"Inside, the goods of a Pareto optimum are unique, and N-1 shares of the numeraire are free at each profile: "
        f"T(N-1) dimensions, not T(N-1)(L-1). They agree in {numbers} sizes drawn, those with two goods. The rank of "
        f"the conditions at a point of three players and three goods is {_rank_of_conditions()} at each profile, of 9 "
        f"coordinates."
    )
    return Finding(_rank_of_conditions() == 7 and agree <= effort.economies, found)


def _rank_of_conditions() -> int:
    """Return the rank of feasibility and equal gradients, three players of v = a q - q^2/2 and two goods and money."""
    rows = []
    for good in range(3):  # what all hold of each good is given
        row = np.zeros((3, 3))
        row[:, good] = 1.0
        rows.append(row.ravel())
    for player in (1, 2):  # gradients in the two goods are those of the first player
        for good in range(2):
            row = np.zeros((3, 3))
            row[0, good], row[player, good] = -1.0, 1.0
            rows.append(row.ravel())
    return int(np.linalg.matrix_rank(np.array(rows)))


def without_money(effort: Effort) -> Finding:
    """Look for what all would rather have than that Ann holds all the grain, where neither she nor Bob has money."""
    contract = load_contract(HOME / "contracts" / "grain-to-ann.toml").contract
    economy, lost = contract.economy, float(inefficiency(contract).max())
    profile, held = contract.profiles[0], contract.allocation[0]
    before, better = economy.utility(profile, held), 0
    for generator in generators(effort, "without money"):
        shares = generator.dirichlet(np.full(len(held), generator.uniform(0.2, 3.0)), held.shape[1]).T
        better += bool((economy.utility(profile, shares * held.sum(axis=0)) >= before).all())
    found = (
        f"An efficient division of the grain is worth {lost:.4f} more in sum; of {effort.economies} allocations drawn "
        f"{better} leave nobody worse off."
    )
    frequency = Frequency("allocations drawn that leave nobody worse off", better, effort.economies)
    return Finding(lost > ROUNDING and better == 0, found, (frequency,))

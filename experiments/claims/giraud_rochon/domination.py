"""Evidence about Lemma 2: whether something efficient and incentive compatible dominates what is not."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np

from marketgame.experiments import HOME
from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.files.contract_file import load_contract
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.incentives import check_incentives
from marketgame.mechanisms.economies.beliefs import beliefs_about_others, profiles_by_own_type
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.random_economies import EconomyLaw, ValuationLaw
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.incentive_efficiency.efficient_improvement import needed_from_outside
from marketgame.mechanisms.linear_program import LinearProgram, Status

CONTRACTS = HOME / "contracts"
# Every unit there is is worth something to everybody, and everybody has money enough for any payment that is made.
LAW = EconomyLaw(
    (ValuationLaw(Quadratic, {"intercept": (20.0, 30.0), "slope": (0.5, 1.5)}),),
    players=(3, 4),
    goods=(1, 2),
    types=(1, 2),
    endowment=(0.5, 2.5),
    money=(1000.0, 1000.0),
    concentration=2.0,
)
# Payments that the search draws are within this.
MOST_PAID = 60.0
# Differences below this share of what is at stake are rounding.
ROUNDING = 1e-7


@dataclass(frozen=True)
class Drawn:
    """An incentive-compatible allocation that was drawn.

    Attributes:
        efficient: whether it is.
        strict: whether the truth is strictly best for some type, the paper's non-degeneracy.
        dominated: whether something efficient and incentive compatible leaves every type as well off.
    """

    efficient: bool
    strict: bool
    dominated: bool


def lemma_2(effort: Effort) -> Finding:
    """Recompute the counterexample in rational numbers, and draw incentive-compatible allocations."""
    smallest = smallest_monopoly()
    lacking = smallest.lacking
    contract = load_contract(CONTRACTS / "screened-buyer-kept-short.toml").contract
    found = check_incentives(contract)
    now = [own - before for own, before in zip(found.interim_utility, _references(contract.economy), strict=True)]
    solved = needed_from_outside(contract.economy, now)
    strict = bool((found.gains[0][0, 1] < 0) and found.incentive_compatible)
    drawn = [each for generator in generators(effort, "lemma 2") if (each := drawn_allocation(generator)) is not None]
    asked = [each for each in drawn if each.strict and not each.efficient]
    undominated = sum(not each.dominated for each in asked)
    frequencies = (
        Frequency(
            "incentive-compatible allocations drawn, not efficient, strict for some type: nothing efficient and "
            "incentive compatible dominates",
            undominated,
            len(asked),
        ),
    )
    text = (
        f"To leave every type of the screened buyer and the two others as well off, the efficient allocation lacks "
        f"{lacking} euro, in rational numbers; the linear program finds {solved:.6f}. Of {len(asked)} allocations "
        f"drawn that meet every premise {undominated} "
        "are not dominated."
    )
    shipped = smallest == Monopoly(supply=9, eagerness=3, calm=1)
    return Finding(shipped and abs(solved - lacking) < ROUNDING and strict, text, frequencies)


def _references(economy: Economy) -> list[FloatArray]:
    return list(np.split(economy.reference_utility, economy.first_rows[1:]))


@dataclass(frozen=True, order=True)
class Monopoly:
    """Three traders with v = a q - q^2/2 who own the same in whole numbers; one of them may be eager instead of calm.

    Attributes:
        supply: of the good.
        eagerness: by how much more the eager type values every unit, a whole number.
        calm: what the calm type is left, a whole number; the others share the rest.
    """

    supply: int
    eagerness: int
    calm: int

    @property
    def efficient(self) -> tuple[Fraction, Fraction]:
        """What the calm and the eager type hold where goods are divided efficiently."""
        third = Fraction(self.supply, 3)
        return third, third + Fraction(2 * self.eagerness, 3)

    @property
    def whole(self) -> bool:
        """Whether everybody holds some of the good, in whole numbers, in both cases, now and if it is efficient."""
        calm, eager = self.efficient
        held = (calm, (self.supply - calm) / 2, eager, (self.supply - eager) / 2, Fraction(self.supply - self.calm, 2))
        return all(each > 0 and each.denominator == 1 for each in held)

    @property
    def lacking(self) -> Fraction:
        """What an efficient allocation needs from outside, so that no type loses: from two inequalities, exactly.

        The eager type, as likely as the calm one, is now indifferent to the calm one's bundle and holds what is
        efficient. It must have as much more than the calm one as it enjoys more of the calm one's goods. The efficient
        allocation is worth more if the type is calm.
        """
        calm, _ = self.efficient
        premium = self.eagerness * (calm - self.calm)
        others = Fraction(self.supply - self.calm, 2)
        better = -3 * calm**2 / 2 + (Fraction(self.calm) ** 2 + 2 * others**2) / 2
        return (premium - better) / 2

    @property
    def strict(self) -> bool:
        """Whether the calm type strictly prefers its own bundle: it values what the eager one has more of by less."""
        return self.eagerness > 0 and self.efficient[1] > self.calm


def smallest_monopoly() -> Monopoly:
    """Return the smallest monopoly in whole numbers that refutes Lemma 2, of all with a supply of up to 12."""
    found = (Monopoly(*numbers) for numbers in product(range(3, 13), range(1, 9), range(1, 12)))
    return min(
        each for each in found if each.calm < each.efficient[0] and each.whole and each.strict and each.lacking > 0
    )


def drawn_allocation(generator: np.random.Generator) -> Drawn | None:
    """Draw an economy, goods for every profile, and payments that make the truth best; none if there are none."""
    economy = LAW.economy("drawn", generator)
    efficient = efficient_allocation(economy)
    if len(efficient.profiles) == 1:
        return None
    supply = economy.endowments(efficient.profiles)[..., :-1].sum(axis=1, keepdims=True)
    shares = generator.dirichlet(np.full(len(economy.players), 3.0), (len(efficient.profiles), supply.shape[-1]))
    weight = generator.uniform() ** 2
    goods = (1 - weight) * efficient.bundles + weight * np.moveaxis(shares, -1, 1) * supply
    tables = _tables(economy, goods)
    payments = _payments(economy, tables, generator)
    if payments is None:
        return None
    promised, strict = [], False
    for player, table in enumerate(tables):
        told = table + _expected(economy, player, payments[player])
        truth = np.diagonal(told)
        costs = truth[:, None] - told + np.diag(np.full(len(told), np.inf))
        strict |= len(told) > 1 and bool((costs.min(axis=1) > ROUNDING * MOST_PAID).any())
        promised.append(truth)
    best = economy.gains_from_goods(efficient.profiles, efficient.bundles).sum(axis=-1)
    lost = best - economy.gains_from_goods(efficient.profiles, goods).sum(axis=-1)
    needed = needed_from_outside(economy, promised, efficient)
    return Drawn(bool((lost <= ROUNDING * MOST_PAID).all()), strict, needed <= ROUNDING * MOST_PAID)


def _tables(economy: Economy, goods: FloatArray) -> list[FloatArray]:
    """Return per player what type t gains from goods by reporting m, entry ``[t, m]``; all own the same."""
    tables = []
    for player, who in enumerate(economy.players):
        beliefs, numbers = beliefs_about_others(economy.prior, player), profiles_by_own_type(economy.prior, player)
        table = np.empty((len(who.types), len(who.types)))
        for true, kind in enumerate(who.types):
            for report in range(len(who.types)):
                values = kind.valuation.gain(kind.endowment[:-1], goods[numbers[report], player])
                table[true, report] = beliefs[true] @ values
        tables.append(table)
    return tables


def _expected(economy: Economy, player: int, payments: FloatArray) -> FloatArray:
    """Return what type t expects to be paid by reporting m, entry ``[t, m]``."""
    beliefs, numbers = beliefs_about_others(economy.prior, player), profiles_by_own_type(economy.prior, player)
    return np.asarray(beliefs @ payments[numbers].T)


def _payments(economy: Economy, tables: list[FloatArray], generator: np.random.Generator) -> FloatArray | None:
    """Return payments, ``(N, P)``, that balance and make the truth best, a random corner of all; none if none do."""
    program = LinearProgram()
    size = {"player": len(tables), "profile": len(economy.profiles)}
    payment = program.variables("payment", size, lower=-MOST_PAID, upper=MOST_PAID)
    program.set_objective(payment, generator.normal(size=tuple(size.values())))
    balance = program.constraints("balance", {"profile": len(economy.profiles)}, equal_to=0.0)
    program.add(balance[None, :], payment, 1.0)
    for player, table in enumerate(tables):
        beliefs, numbers = beliefs_about_others(economy.prior, player), profiles_by_own_type(economy.prior, player)
        for true, lie in np.argwhere(~np.eye(len(table), dtype=bool)):
            gain = table[true, lie] - table[true, true]
            truth = program.constraints(f"truth {player} {true} {lie}", {"one": 1}, at_least=gain)
            program.add(truth[:, None], payment[player, numbers[true][None, :]], beliefs[true][None, :])
            program.add(truth[:, None], payment[player, numbers[lie][None, :]], -beliefs[true][None, :])
    solution = program.solve()
    return solution["payment"] if solution.status is Status.OPTIMAL else None


def halves_and_mean(effort: Effort) -> Finding:
    """Recompute, in rational numbers, two incentive-compatible allocations whose mean is not; and draw more."""
    # Values of the two types of one player: 27 q - q^2 and 24 q - q^2/2; their difference is largest at 3.
    gains = []
    for other in (1, 5):
        paid = _steep(3) - _steep(other)  # so that the steep type does not care
        gains.append((_steep(other) + paid - _steep(3), _flat(3) - (_flat(other) + paid)))
    both_compatible = all(steep_lies <= 0 and flat_lies < 0 for steep_lies, flat_lies in gains)
    mean_gain = _steep(3) + (2 * _steep(3) - _steep(1) - _steep(5)) / 2 - _steep(3)
    broken = sum(_mean_is_broken(generator) for generator in generators(effort, "means"))
    found = (
        f"Reports bring 3 and 1 in one allocation, 3 and 5 in the other, and the steep type does not care; in the "
        f"mean it gains {mean_gain} by the lie. Of {effort.economies} pairs of incentive-compatible allocations "
        f"drawn, {broken} have a mean that is not."
    )
    frequency = Frequency(
        "pairs of incentive-compatible allocations drawn, their mean is not", broken, effort.economies
    )
    return Finding(both_compatible and mean_gain > 0, found, (frequency,))


def _steep(quantity: int) -> Fraction:
    return 27 * Fraction(quantity) - Fraction(quantity) ** 2


def _flat(quantity: int) -> Fraction:
    return 24 * Fraction(quantity) - Fraction(quantity) ** 2 / 2


def _mean_is_broken(generator: np.random.Generator) -> bool:
    """Draw two incentive-compatible menus for two quadratic types of one player, and try their mean."""
    intercept, slope = generator.uniform(20, 30, 2), generator.uniform(0.5, 3.0, 2)

    def value(kind: int, quantity: float) -> float:
        return float(intercept[kind] * quantity - slope[kind] * quantity**2 / 2)

    menus: list[tuple[FloatArray, float]] = []
    while len(menus) < 2:
        quantities = generator.uniform(0.5, 6.0, 2)
        premium = [value(kind, quantities[0]) - value(kind, quantities[1]) for kind in (0, 1)]
        # Type 0 pays more for its bundle by something between what the two types find it better.
        if premium[0] >= premium[1]:
            menus.append((quantities, float(generator.choice([premium[0], premium[1], sum(premium) / 2]))))
    quantities, price = np.mean([menu[0] for menu in menus], axis=0), np.mean([menu[1] for menu in menus])
    premium = [value(kind, quantities[0]) - value(kind, quantities[1]) for kind in (0, 1)]
    return bool(premium[0] < price - 1e-9 or premium[1] > price + 1e-9)


def numeraire_shift(effort: Effort) -> Finding:
    """Add up what the proof of Lemma 2 hands out at profiles at which its first individual is not there."""
    unbalanced = 0
    for generator in generators(effort, "numeraire"):
        types = [int(generator.integers(1, 4)) for _ in range(int(generator.integers(3, 6)))]
        individuals, epsilon = sum(types), Fraction(1)
        there = epsilon * (len(types) - 1) - (individuals - 1) * epsilon
        away = epsilon * len(types)
        unbalanced += bool(there != 0 or (types[0] > 1 and away != 0))
    found = (
        "With individuals 1 to M, one for each type of each player, the first pays (M-1)e and each other gets e. At a "
        "profile N of the M are there: sums are (N-M)e where the first is, and Ne where another type of its player "
        "is; "
        f"not zero in {unbalanced} of {effort.economies} economies drawn."
    )
    frequency = Frequency("economies drawn, what the proof hands out does not balance", unbalanced, effort.economies)
    return Finding(unbalanced > 0, found, (frequency,))

"""Random valuations, priors and economies for property tests.

Every size is moderate: parameters within a factor of twenty, so that a property that fails does so for a reason and
not for rounding. Corner solutions, goods that satiate, substitutes and complements all occur.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies import valuations
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior, Prior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuation import SeparableValuation, Valuation
from marketgame.mechanisms.economies.valuations import (
    Abatement,
    ConstantElasticity,
    Exponential,
    FixedProportions,
    Linear,
    Logarithmic,
    Power,
    Quadratic,
    Steps,
)

NUMERAIRE = 50.0


def floats(low: float, high: float) -> st.SearchStrategy[float]:
    """Finite numbers; bounds in thousandths keep failing examples readable."""
    return st.integers(round(low * 1000), round(high * 1000)).map(lambda thousandths: thousandths / 1000)


def vectors(size: int, low: float, high: float) -> st.SearchStrategy[FloatArray]:
    return arrays(np.float64, size, elements=floats(low, high))


@st.composite
def slopes(draw: st.DrawFn, goods: int) -> FloatArray:
    """Symmetric positive definite matrices with entries of any sign off the diagonal."""
    mixing: FloatArray = draw(arrays(np.float64, (goods, goods), elements=floats(-1.5, 1.5)))
    return mixing @ mixing.T + np.diag(draw(vectors(goods, 0.2, 2.0)))


@st.composite
def quadratics(draw: st.DrawFn, goods: int) -> Quadratic:
    return Quadratic(draw(vectors(goods, -1.0, 8.0)), draw(slopes(goods)))


@st.composite
def diagonal_quadratics(draw: st.DrawFn, goods: int) -> Quadratic:
    return Quadratic(draw(vectors(goods, -1.0, 8.0)), np.diag(draw(vectors(goods, 0.2, 3.0))))


@st.composite
def logarithmics(draw: st.DrawFn, goods: int) -> Logarithmic:
    return Logarithmic(draw(vectors(goods, 0.2, 4.0)), draw(vectors(goods, 0.1, 2.0)))


@st.composite
def powers(draw: st.DrawFn, goods: int) -> Power:
    """Both kinds: with gamma below 1, where the shift may be zero, and above."""
    gamma = draw(arrays(np.float64, goods, elements=st.one_of(floats(0.2, 0.9), floats(1.1, 4.0))))
    shift = draw(vectors(goods, 0.1, 2.0))
    unshifted = draw(arrays(np.bool_, goods)) & (gamma < 1)
    return Power(draw(vectors(goods, 0.2, 4.0)), np.where(unshifted, 0.0, shift), gamma)


@st.composite
def exponentials(draw: st.DrawFn, goods: int) -> Exponential:
    return Exponential(draw(vectors(goods, 0.2, 6.0)), draw(vectors(goods, 0.2, 3.0)))


@st.composite
def abatements(draw: st.DrawFn, goods: int) -> Abatement:
    """Marginal costs that start positive, at zero, or negative, where the valuation is not concave."""
    b = draw(arrays(np.float64, goods, elements=st.one_of(floats(-1.0, 1.0), st.just(0.0))))
    return Abatement(draw(vectors(goods, 0.2, 2.0)), b, draw(vectors(goods, 0.0, 5.0)))


@st.composite
def linears(draw: st.DrawFn, goods: int) -> Linear:
    return Linear(draw(vectors(goods, -1.0, 4.0)))


@st.composite
def steps(draw: st.DrawFn, goods: int) -> Steps:
    count = draw(st.integers(1, 3))
    worth = draw(arrays(np.float64, (goods, count), elements=floats(0.0, 6.0)))
    return Steps(np.sort(worth)[:, ::-1], draw(arrays(np.float64, (goods, count), elements=floats(0.0, 2.0))))


@st.composite
def fixed_proportions(draw: st.DrawFn, goods: int) -> FixedProportions:
    worth, falling = draw(floats(0.5, 9.0)), draw(floats(0.0, 3.0))
    return FixedProportions(np.array(worth), np.array(falling), draw(vectors(goods, 0.5, 2.0)))


@st.composite
def constant_elasticities(draw: st.DrawFn, goods: int) -> ConstantElasticity:
    """Substitutes and complements."""
    rho = draw(st.one_of(floats(0.1, 0.9), floats(-3.0, -0.2)))
    scale, degree = draw(floats(1.0, 5.0)), draw(floats(0.1, 0.9))
    return ConstantElasticity(np.array(scale), draw(vectors(goods, 0.3, 3.0)), np.array(rho), np.array(degree))


@st.composite
def within_bounds(draw: st.DrawFn, goods: int, family: type[Valuation]) -> Valuation:
    """A valuation of any family, each parameter within what its field says."""
    parameters: dict[str, FloatArray] = {}
    for each in fields(family):
        low = 0.2 if "gt" in each.metadata else each.metadata.get("ge", -1.0)
        runs = each.metadata["dimensions"]
        parameters[each.name] = draw(
            slopes(goods) if runs == 2 else arrays(np.float64, (goods,) * runs, elements=floats(low, 4.0))
        )
    try:
        return family(**parameters)
    except ValueError:
        return reject()


type Families = Mapping[str, Callable[[int], st.SearchStrategy[Valuation]]]

# Families that are drawn with more care than their bounds alone take.
WITH_CARE: Mapping[type[Valuation], Callable[[int], st.SearchStrategy[Valuation]]] = {
    Quadratic: quadratics,
    Logarithmic: logarithmics,
    Power: powers,
    Exponential: exponentials,
    Abatement: abatements,
    Linear: linears,
}
# Families whose slope jumps, or is not finite where nothing is held of a good: `test_kinked_valuations` is about them.
APART = (Steps, FixedProportions, ConstantElasticity)
FAMILIES: Families = {
    "diagonal quadratic": diagonal_quadratics,
    **{
        family.name: WITH_CARE.get(family, partial(within_bounds, family=family))
        for family in valuations.FAMILIES.own
        if family not in APART
    },
}
EVERY: Families = {
    **FAMILIES,
    Steps.name: steps,
    FixedProportions.name: fixed_proportions,
    ConstantElasticity.name: constant_elasticities,
}
SEPARABLE: Families = {
    "diagonal quadratic": diagonal_quadratics,
    **{
        family.name: FAMILIES[family.name]
        for family in valuations.FAMILIES.own
        if issubclass(family, SeparableValuation) and family not in APART
    },
}
SMOOTH: Families = {name: family for name, family in SEPARABLE.items() if name != "linear"}


def any_valuation(goods: int, families: Families) -> st.SearchStrategy[Valuation]:
    return st.one_of([family(goods) for family in families.values()])


@st.composite
def independent_priors(draw: st.DrawFn, counts: tuple[int, ...]) -> IndependentPrior:
    marginals = [draw(vectors(count, 0.1, 1.0)) for count in counts]
    return IndependentPrior([marginal / marginal.sum() for marginal in marginals])


@st.composite
def correlated_priors(draw: st.DrawFn, counts: tuple[int, ...]) -> CorrelatedPrior:
    """Some profiles may be impossible; every type is possible."""
    joint = draw(arrays(np.float64, counts, elements=st.one_of(floats(0.1, 1.0), st.just(0.0))))
    # A little on the profiles that share a type number leaves no type without probability.
    for number in range(max(counts)):
        joint[tuple(min(number, count - 1) for count in counts)] += 0.1
    return CorrelatedPrior(joint / joint.sum())


TYPE_COUNTS = st.sampled_from([(1, 1), (2, 1), (2, 2), (1, 2, 2), (3, 2, 1), (2, 2, 2), (1, 1, 2, 1, 2)])
UP_TO_THREE_GOODS = st.integers(1, 3)


@st.composite
def economies(
    draw: st.DrawFn,
    *,
    families: Families = FAMILIES,
    goods: st.SearchStrategy[int] = UP_TO_THREE_GOODS,
    counts: st.SearchStrategy[tuple[int, ...]] = TYPE_COUNTS,
    priors: Callable[[tuple[int, ...]], st.SearchStrategy[Prior]] = independent_priors,
    type_dependent: bool = False,
    numeraire: float = NUMERAIRE,
) -> Economy:
    """Economies in which somebody owns something of every good."""
    kinds, others = draw(counts), draw(goods)
    players = []
    for number, count in enumerate(kinds):
        least = 0.2 if number == 0 else 0.0
        owned = draw(vectors(others, least, 3.0))
        types = []
        for kind in range(count):
            endowment = draw(vectors(others, least, 3.0)) if type_dependent else owned
            valuation = draw(any_valuation(others, families))
            types.append(PlayerType(f"type {kind}", np.append(endowment, numeraire), valuation))
        players.append(Player(f"player {number}", tuple(types)))
    return economy_of(players, draw(priors(kinds)))


def economy_of(players: list[Player], prior: Prior | None = None) -> Economy:
    """An economy of these players; types are equally likely unless a prior is given."""
    if prior is None:
        prior = IndependentPrior([np.full(len(player.types), 1 / len(player.types)) for player in players])
    goods = len(players[0].types[0].endowment) - 1
    names = (*(f"good {good}" for good in range(goods)), "money")
    return Economy("random", names, ("unit",) * (goods + 1), tuple(players), prior)


def one_type(name: str, endowment: list[float], valuation: Valuation) -> Player:
    """A player without private information."""
    return Player(name, (PlayerType("only", np.array(endowment), valuation),))


def line(intercept: float, slope: float = 1.0) -> Quadratic:
    """One good whose marginal value falls in a straight line."""
    return Quadratic(np.array([intercept]), np.array([[slope]]))


def supplies(economy: Economy) -> FloatArray:
    """How much there is of each good but money, in every profile."""
    return economy.endowments(economy.profiles)[..., :-1].sum(axis=-2)

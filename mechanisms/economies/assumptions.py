"""Which of Giraud and Rochon's assumptions an economy meets: stated, never silently assumed.

The paper asks for an aggregate endowment that does not depend on types and for a prior that gives every
profile positive probability. Together these force every player's endowment to be the same for all its types:
changing one player's type alone then keeps the profile possible and must keep the sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.economy import Economy, PlayerType

# No more of those who violate an assumption are named.
MOST_NAMED = 24
# Sums of endowments are equal when they are so up to a rounding for each of the numbers added.
ROUNDING = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Assumption:
    """One assumption, whether the economy meets it, and what decides it.

    Attributes:
        name: the assumption in words.
        source: where the paper makes it.
        holds: whether the economy meets it.
        reason: why not, naming who violates it; empty when it holds.
    """

    name: str
    source: str
    holds: bool
    reason: str = ""


def check_assumptions(economy: Economy) -> tuple[Assumption, ...]:
    """Return every assumption of the paper about the economy, met or not.

    Source:
        Giraud and Rochon, section 2.1 (Assumption 1, the prior, the aggregate endowment) and section 6.1 (the
        independence condition). The compatibility and non-degeneracy conditions concern a contract, not the
        economy, and are checked where contracts are.
    """
    most = _largest_aggregate(economy)[:-1]
    return (
        Assumption(
            "at least three players and two goods",
            "Assumption 1",
            len(economy.players) >= 3,
            "" if len(economy.players) >= 3 else f"there are {len(economy.players)} players",
        ),
        _for_every_type(
            economy,
            "every valuation is strictly concave up to the aggregate endowment",
            lambda kind: kind.valuation.strictly_concave(most),
        ),
        _for_every_type(
            economy,
            "every marginal value is positive up to the aggregate endowment",
            lambda kind: bool((kind.valuation.least_gradient(most) > 0).all()),
        ),
        _for_every_type(economy, "every endowment holds something", lambda kind: bool(kind.endowment.any())),
        _constant_aggregate_endowment(economy),
        Assumption(
            "every type profile has positive probability",
            "section 2.1",
            economy.prior.full_support,
            "" if economy.prior.full_support else "the joint prior gives some profile probability 0",
        ),
        Assumption(
            "types are independent",
            "section 6.1, independence condition",
            economy.prior.independent,
            "" if economy.prior.independent else "the joint prior is correlated",
        ),
    )


def _largest_aggregate(economy: Economy) -> FloatArray:
    """Return the most of each good that any possible profile brings to the market, ``(L,)``."""
    if not economy.prior.full_support:
        return _possible_aggregates(economy).max(axis=0)
    return np.sum([np.max([kind.endowment for kind in p.types], axis=0) for p in economy.players], axis=0)


def _possible_aggregates(economy: Economy) -> FloatArray:
    """Return what each profile of positive probability brings to the market, ``(possible profiles, L)``."""
    return economy.endowments(economy.profiles[economy.prior.probability > 0]).sum(axis=-2)


def _for_every_type(economy: Economy, name: str, holds: Callable[[PlayerType], bool]) -> Assumption:
    failing = [f"{p.name}/{kind.name}" for p in economy.players for kind in p.types if not holds(kind)]
    more = f" and {len(failing) - MOST_NAMED} more" if len(failing) > MOST_NAMED else ""
    reason = f"not for {', '.join(failing[:MOST_NAMED])}{more}" if failing else ""
    return Assumption(name, "Assumption 1", not failing, reason)


def endowments_depend_on_types(economy: Economy) -> list[str]:
    """Return the names of the players whose endowment differs between their types."""
    return [
        player.name for player in economy.players if np.ptp([kind.endowment for kind in player.types], axis=0).any()
    ]


def _constant_aggregate_endowment(economy: Economy) -> Assumption:
    name, source = "the aggregate endowment does not depend on types", "section 2.1"
    differing = endowments_depend_on_types(economy)
    if economy.prior.full_support or not differing:
        reason = f"the endowment of {', '.join(differing)} depends on its type" if differing else ""
        return Assumption(name, source, not differing, reason)
    # Where not every profile is possible, one player may own what another does not.
    aggregates = _possible_aggregates(economy)
    tolerance = ROUNDING * len(economy.players) * aggregates.max(axis=0)
    spread = np.ptp(aggregates, axis=0) > tolerance
    changing = [good for good, changes in zip(economy.goods, spread, strict=True) if changes]
    reason = f"the aggregate endowment of {', '.join(changing)} depends on the profile" if changing else ""
    return Assumption(name, source, not changing, reason)

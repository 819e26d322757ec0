r"""What some members of an agreement gain at most by breaking it together, derived in rational numbers.

Let all others play their parts, and let :math:`c_k` be what k then quotes. Nobody consumes what is not there, nor,
where flows need both sides, more than the members own and others order to them. Where two players never gain by a trade
at any common prices, and trades with the bankrupt are cancelled, what flows to the solvent of them is worth at prices p

.. math:: p \cdot \sum_{j, k} n_{jk} \le \sum_j y_j + \sum_k (p - c_k) \cdot \sum_j n_{jk}

or less, with k over the others alone: flows among the members cancel, and cost nothing or more. So it is with one of
them (:mod:`marketgame.mechanisms.certificates.plain.keeping`), but for this: they may be granted what one of them owes
that then is bankrupt. ``docs/collusion.md``, Lemma 29. Source: ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from marketgame.mechanisms.certificates.plain.bounds import NO_ARBITRAGE, PlainBounds
from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.keeping import most_by_breaking, within_wealth
from marketgame.mechanisms.certificates.plain.settlement import NOTHING, PlainPlay
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    Refusal,
    Solvency,
    Withholding,
)


def proper_parts(coalition: Sequence[int], least: int = 1) -> list[Coalition]:
    """Return all parts of a coalition but itself, of so many members at least, the small ones first."""
    return [part for size in range(least, len(coalition)) for part in combinations(coalition, size)]


def most_by_part(bounds: PlainBounds, number: int, play: PlainPlay, part: Coalition) -> Fraction | None:
    """Return what members' utilities cannot exceed in sum if all others play on, at a profile; none if not known.

    Args:
        bounds: of the contract, for what there is and how it can be shared.
        number: of the true profile.
        play: what everybody plays if nobody breaks the agreement.
        part: who may do anything else, together.
    """
    if len(part) == 1:
        return most_by_breaking(bounds.contract, number, play, part[0])
    return min(_ends(bounds, number, play, part))


def _ends(bounds: PlainBounds, number: int, play: PlainPlay, part: Coalition) -> Iterator[Fraction]:
    contract, rules = bounds.contract, bounds.contract.rules
    others = [player for player in range(len(play.quotes)) if player not in part]
    yield bounds.sharing(part, number, _reached(contract, number, play, part, others))
    if (
        rules.pricing not in NO_ARBITRAGE
        or rules.solvency is not Solvency.NO_SHORT_SALES
        or rules.bankruptcy is not Bankruptcy.UNWIND
        or rules.refusal is not Refusal.FREE
    ):
        return
    solvent = within_wealth(contract, number, play, part)
    if solvent is None:
        return
    if rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        yield solvent
    elif rules.coverage is Coverage.UNLIMITED and rules.withholding is Withholding.WASTED:
        ends = [solvent]
        for lost in part:
            # Who is bankrupt has nothing, and leaves the others what it owes but nothing of what it owns.
            rest = tuple(member for member in part if member != lost)
            left = _reached(contract, number, play, rest, others)
            ends.append(bounds.sharing(rest, number, left) + bounds.enjoying(lost, number, [NOTHING for _ in left]))
        yield max(ends)


def _reached(
    contract: PlainContract, number: int, play: PlainPlay, members: Sequence[int], others: Sequence[int]
) -> list[Fraction]:
    """Return what members can get hold of, ``[good]``, units: what all own, or they own and others order to them."""
    rules, owned = contract.rules, contract.holdings(number)
    goods = range(len(owned[0]))
    if (
        rules.execution is Execution.MATCHED
        and rules.solvency is Solvency.NO_SHORT_SALES
        and rules.bankruptcy is Bankruptcy.UNWIND
    ):
        given = [
            sum((max(-play.orders[one][member][good], NOTHING) for one in others for member in members), NOTHING)
            for good in goods
        ]
    else:
        given = [sum((owned[one][good] for one in others), NOTHING) for good in goods]
    return [sum((owned[member][good] for member in members), given[good]) for good in goods]

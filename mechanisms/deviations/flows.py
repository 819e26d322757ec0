r"""Flows between players as variables of the program: antisymmetric, priced, and cancelled with the bankrupt.

What flows to i from j is :math:`n_{ij} = z_{ij} - z_{ji}`. Under `Pricing.SPREAD` it is split into what is bought and
what is sold, with a binary that forbids both at once where quotes differ: otherwise a flow could be inflated both
ways to bankrupt an outsider.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.stage_two import StageTwo
from marketgame.mechanisms.linear_program import Block, LinearProgram, Selection


@dataclass(frozen=True, eq=False)
class Flows:
    """Flows between all pairs in all draws.

    Attributes:
        program: that they are variables of.
        stage: what the members face.
        net: what flows to i from j, ``(K, N, N, L)``.
        bought: the part of it that is positive, where prices depend on the direction; otherwise None.
    """

    program: LinearProgram
    stage: StageTwo
    net: Block
    bought: Block | None

    def add_holdings(self, rows: Selection) -> None:
        """Add net trades to rows ``(K, N, L)``."""
        self.program.add(Selection(rows.block, np.expand_dims(rows.positions, 2)), self.net, 1.0)

    def add_costs(self, rows: Selection) -> None:
        """Add costs to rows ``(K, N)``."""
        paid, received = self.stage.prices
        wide = Selection(rows.block, rows.positions[..., None, None])
        if self.bought is None:
            self.program.add(wide, self.net, paid)
        else:
            self.program.add(wide, self.bought, paid)
            self.program.add(wide, _transposed(self.bought), -received)


def stated_flows(
    program: LinearProgram, stage: StageTwo, name: str, limits: tuple[FloatArray, FloatArray], *, whole: bool
) -> Flows:
    """State antisymmetric flows within limits ``(K, N, N, L)``; ``whole`` is whether binaries must be whole."""
    shape = _dimensions(stage)
    net = program.variables(name, shape, lower=limits[0], upper=limits[1])
    first, second = np.triu_indices(stage.quotes.shape[1], 1)
    pairs = {"draw": shape["draw"], "pair": len(first), "good": shape["good"]}
    opposite = program.constraints(f"{name} opposite", pairs, equal_to=0.0)
    program.add(opposite, net[:, first, second], 1.0)
    program.add(opposite, net[:, second, first], 1.0)
    paid, received = stage.prices
    bought = None if (paid == received).all() else _split(program, stage, net, limits, whole=whole)
    return Flows(program, stage, net, bought)


def _split(
    program: LinearProgram, stage: StageTwo, net: Block, limits: tuple[FloatArray, FloatArray], *, whole: bool
) -> Block:
    """State the positive parts of flows: one of the two directions is zero where the price depends on it."""
    shape = _dimensions(stage)
    most = np.maximum(limits[1], 0.0)
    bought = program.variables(f"{net.name} bought", shape, upper=most)
    rows = program.constraints(f"{net.name} split", shape, equal_to=0.0)
    program.add(rows, net, 1.0)
    program.add(rows, bought, -1.0)
    program.add(rows, _transposed(bought), 1.0)
    paid, received = stage.prices
    first, second = np.triu_indices(stage.quotes.shape[1], 1)
    index = np.nonzero((paid != received)[:, first, second] & (most > 0)[:, first, second])
    draw, i, j, good = index[0], first[index[1]], second[index[1]], index[2]
    buys = program.variables(f"{net.name} buys", {"place": len(draw)}, upper=1.0, integer=whole)
    ahead = program.constraints(f"{net.name} buys only", {"place": len(draw)}, at_most=0.0)
    program.add(ahead, bought[draw, i, j, good], 1.0)
    program.add(ahead, buys, -most[draw, i, j, good])
    back = program.constraints(f"{net.name} sells only", {"place": len(draw)}, at_most=most[draw, j, i, good])
    program.add(back, bought[draw, j, i, good], 1.0)
    program.add(back, buys, most[draw, j, i, good])
    return bought


def standing_flows(program: LinearProgram, stage: StageTwo, ordered: Flows, solvent: Block, *, whole: bool) -> Flows:
    """State the flows left when the bankrupt players' are cancelled: what is ordered if both survive, else nothing."""
    _, high = stage.flow_limits
    least, most = stage.standing_limits
    flows = stated_flows(program, stage, "standing", (least, most), whole=whole)
    shape = _dimensions(stage)
    survives = solvent[:, :, None, None]
    # Antisymmetry makes the rows of i's survival serve as those of its counterparties.
    above = program.constraints("standing above", shape, at_most=0.0)
    program.add(above, flows.net, 1.0)
    program.add(above, survives, -most)
    below = program.constraints("standing below", shape, at_least=0.0)
    program.add(below, flows.net, 1.0)
    program.add(below, survives, -least)
    # If both survive, the flow is what was ordered; the same row with i and j exchanged is the other direction.
    reach = high - least
    same = program.constraints("standing as ordered", shape, at_most=2.0 * reach)
    program.add(same, ordered.net, 1.0)
    program.add(same, flows.net, -1.0)
    program.add(same, survives, reach)
    program.add(same, solvent[:, None, :, None], reach)
    return flows


def _transposed(block: Block) -> Selection:
    """Return the same variables with the two players exchanged."""
    return Selection(block, block.positions.swapaxes(1, 2))


def _dimensions(stage: StageTwo) -> dict[str, int]:
    draws, players, goods = stage.quotes.shape
    return {"draw": draws, "player": players, "other": players, "good": goods}

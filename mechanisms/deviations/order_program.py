r"""The members' best orders at given quotes, as a mixed-integer linear program.

Variables: what members order, announce and hand each other; who is solvent, and which test a bankrupt player failed;
the allocation. With :math:`c_i = e_i + \psi_i` for the solvent and 0 for the bankrupt, the projection on the feasible
set is, good by good,

.. math:: x_i = \max(c_i - \theta, 0), \quad \theta \ge 0, \quad \textstyle\sum_i x_i \le \sum_i e_i .

That the ration :math:`\theta` is no larger than needed must not be asked for: it only costs the members. Neither must
:math:`x_i \le \max(c_i - \theta, 0)` be asked for outsiders, whose shares only leave less to the members.

Concave utilities are bounded from above by tangents, :math:`v(q) \le v(\hat q) + \nabla v(\hat q)(q - \hat q)`, as
gains over living on the endowment, so that no constant of a valuation reaches the solver. Where goods are valued one by
one, each has its own tangents, which bound much more tightly. Valuations that are not concave or that satiate are
replaced by their least concave majorants under free disposal. Every relaxation errs upward, so the program's bound is a
bound on what members can gain at these quotes with orders inside the box, bankruptcies by a hair (`StageTwo.margins`)
aside. Under `Bankruptcy.UNWIND` the repeated test is relaxed: the survivors must pass the first test and the last,
somebody must fail the first, and who fails in between is left open.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.deviations.effort import Objective
from marketgame.mechanisms.deviations.flows import Flows, standing_flows, stated_flows
from marketgame.mechanisms.deviations.stage_two import StageTwo
from marketgame.mechanisms.economies.valuation import ValuationBatch
from marketgame.mechanisms.linear_program import Block, LinearProgram, Sense
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, Solvency, Withholding

# Side transfers are at most this many times what everything is worth.
SIDE_TRANSFER_LIMIT = 10.0
# Tangents at nothing at all may be infinitely steep; the first is drawn at this share of the supply.
_NEXT_TO_NOTHING = 1e-6
# At most so many bundles are tried where goods are not valued one by one.
_MOST_MIXED = 30


@dataclass(frozen=True, eq=False)
class Test:
    """Rows that a solvent player must satisfy, to be tightened when an answer is made safe from rounding.

    Attributes:
        rows: ``(K, N)`` or ``(K, N, L)``.
        limit: their right-hand sides.
        at_most: whether they are upper limits.
    """

    rows: Block
    limit: FloatArray
    at_most: bool


@dataclass(eq=False)
class OrderProgram:
    """The program with the blocks that are changed or read later.

    Attributes:
        stage: what the members face.
        program: the mixed-integer program.
        blocks: its variables by name.
        whole: whether binaries must be whole; if not, they are to be fixed, which leaves a linear program that the
            solver answers far more precisely.
        tests: what the solvent must satisfy.
    """

    stage: StageTwo
    objective: Objective
    weights: FloatArray
    whole: bool = True
    program: LinearProgram = field(default_factory=lambda: LinearProgram(Sense.MAXIMIZE))
    blocks: dict[str, Block] = field(default_factory=dict)
    tests: list[Test] = field(default_factory=list)

    def __post_init__(self) -> None:
        _state_choices(self)
        flows = _state_orders(self)
        _state_test(self, flows, "first")
        _state_reasons(self, flows)
        if self.unwinds:
            flows = standing_flows(self.program, self.stage, flows, self.blocks["solvent"], whole=self.whole)
            _state_test(self, flows, "last")
        if self.unwinds and self.tests_holdings:
            _state_shares(self, flows)
        else:
            _state_projection(self, flows)
        _state_utility(self)

    @property
    def unwinds(self) -> bool:
        """Whether the trades of bankrupt players are cancelled."""
        return self.stage.situation.rules.bankruptcy is Bankruptcy.UNWIND

    @property
    def tests_holdings(self) -> bool:
        """Whether short sales bankrupt."""
        return self.stage.situation.rules.solvency is Solvency.NO_SHORT_SALES

    @property
    def binaries(self) -> list[Block]:
        """All blocks of whole numbers."""
        named = ("solvent", "over budget", "short", "later", "served")
        found = [self.blocks[name] for name in named if name in self.blocks]
        stated = self.program.blocks[0]
        return found + [stated[f"{name} buys"][0] for name in ("ordered", "standing") if f"{name} buys" in stated]

    def sizes(self) -> tuple[int, int, int, int]:
        """Return the numbers of draws, members, players and goods."""
        draws, players, goods = self.stage.quotes.shape
        return draws, len(self.stage.situation.coalition), players, goods


def _state_choices(built: OrderProgram) -> None:
    """State what members choose besides orders, and who is solvent."""
    draws, members, players, goods = built.sizes()
    program, stage, blocks = built.program, built.stage, built.blocks
    owned = stage.announced[0, stage.situation.members]
    own = {"member": members, "good": goods}
    blocks["announced"] = program.variables("announced", own, upper=owned)
    reach = SIDE_TRANSFER_LIMIT if members > 1 and stage.side_transfers else 0.0
    blocks["side"] = program.variables("side", {"member": members}, lower=-reach, upper=reach)
    balance = program.constraints("side transfers balance", equal_to=0.0)
    program.add(balance, blocks["side"], 1.0)
    if stage.situation.rules.coverage is Coverage.ANNOUNCED_NUMERAIRE:
        # The numeraire is announced in shares of its supply and transferred in shares of what everything is worth.
        worth = stage.unit[-1] / stage.money
        owed = -stage.transfers[:, stage.situation.members].min(axis=0)
        covered = program.constraints("covered", {"member": members}, at_least=owed)
        program.add(covered, blocks["side"], 1.0)
        program.add(covered, blocks["announced"][:, -1], worth)
    each = {"draw": draws, "player": players}
    blocks["solvent"] = program.variables("solvent", each, upper=1.0, integer=built.whole)
    # Who cannot fail is not left to a row that the solver may violate by its tolerance.
    costly, lacking = stage.can_fail
    blocks["over budget"] = program.variables("over budget", each, upper=costly, integer=built.whole)
    if built.tests_holdings:
        blocks["short"] = program.variables("short", {**each, "good": goods}, upper=lacking, integer=built.whole)
    if built.unwinds:
        blocks["later"] = program.variables("later", each, upper=1.0, integer=built.whole)


def _state_orders(built: OrderProgram) -> Flows:
    """State what members order; what they order from outsiders is the same in all draws."""
    _, members, players, goods = built.sizes()
    program, stage = built.program, built.stage
    flows = stated_flows(program, stage, "ordered", stage.flow_limits, whole=built.whole)
    numbers = stage.situation.members
    inside = np.isin(np.arange(players), numbers)
    # What flows between two members is ordered by the first of them.
    chosen = (~inside | (numbers[:, None] < np.arange(players))) & stage.open[:, numbers]
    least, most = (np.where(chosen.any(axis=0)[..., None], limit, 0.0) for limit in stage.order_limits)
    shape = {"member": members, "player": players, "good": goods}
    order = built.blocks["order"] = program.variables("order", shape, lower=least, upper=most)
    draw, member, other = np.nonzero(chosen)
    fixed = -stage.orders[draw, other, numbers[member]]
    rows = program.constraints("ordered by members", {"place": len(draw), "good": goods}, equal_to=fixed)
    program.add(rows, flows.net[draw, numbers[member], other], 1.0)
    program.add(rows, order[member, other], -1.0)
    return flows


def _state_test(built: OrderProgram, flows: Flows, name: str) -> None:
    """State that the solvent keep to their budgets and, where short sales bankrupt, hold no negative amount."""
    draws, _, players, goods = built.sizes()
    program, stage, blocks = built.program, built.stage, built.blocks
    limits = stage.standing_limits if built.unwinds else stage.flow_limits
    spare = np.maximum(stage.cost_limits(limits)[1] - stage.transfers, 0.0)
    spare[:, stage.situation.members] += SIDE_TRANSFER_LIMIT
    limit = stage.transfers + spare
    budget = program.constraints(f"{name} budget", {"draw": draws, "player": players}, at_most=limit)
    flows.add_costs(budget[:, :])
    program.add(budget[:, stage.situation.members], blocks["side"], -1.0)
    program.add(budget, blocks["solvent"], spare)
    built.tests.append(Test(budget, limit, at_most=True))
    if not built.tests_holdings:
        return
    kept = stage.kept
    lacking = np.maximum(-stage.holding_limits(limits)[0], 0.0)
    shape = {"draw": draws, "player": players, "good": goods}
    holding = program.constraints(f"{name} holding", shape, at_least=-kept - lacking)
    flows.add_holdings(holding[:, :, :])
    program.add(holding[:, stage.situation.members], blocks["announced"], 1.0)
    program.add(holding, blocks["solvent"][:, :, None], -lacking)
    built.tests.append(Test(holding, -kept - lacking, at_most=False))


def _state_reasons(built: OrderProgram, flows: Flows) -> None:
    """State that the bankrupt fail a test of what was ordered."""
    draws, _, players, goods = built.sizes()
    program, stage, blocks = built.program, built.stage, built.blocks
    each = {"draw": draws, "player": players}
    failing = stage.transfers + stage.margins[0]
    spare = np.maximum(failing - stage.cost_limits(stage.flow_limits)[0], 0.0)
    spare[:, stage.situation.members] += SIDE_TRANSFER_LIMIT
    # The rows of those who cannot fail are true, and their tiny coefficients would only mislead the solver.
    costly, lacking = stage.can_fail
    over = program.constraints("over budget", each, at_least=np.where(costly, failing - spare, -np.inf))
    flows.add_costs(over[:, :])
    program.add(over[:, stage.situation.members], blocks["side"], -1.0)
    program.add(over, blocks["over budget"], np.where(costly, -spare, 0.0))
    reason = program.constraints("reason", each, at_least=1.0)
    for name in ("solvent", "over budget", *(["later"] if built.unwinds else [])):
        program.add(reason, blocks[name], 1.0)
    if built.tests_holdings:
        margin = stage.margins[1]
        spare_holding = np.maximum(stage.holding_limits(stage.flow_limits)[1] + margin, 0.0)
        shape = {**each, "good": goods}
        limit = np.where(lacking, spare_holding - margin - stage.kept, np.inf)
        short = program.constraints("short", shape, at_most=limit)
        flows.add_holdings(short[:, :, :])
        program.add(short[:, stage.situation.members], blocks["announced"], 1.0)
        program.add(short, blocks["short"], np.where(lacking, spare_holding, 0.0))
        program.add(reason[:, :, None], blocks["short"], 1.0)
    if built.unwinds:
        _state_later_failures(built)


def _state_later_failures(built: OrderProgram) -> None:
    """State that nobody fails a later test unless somebody else failed the first."""
    draws, _, players, _ = built.sizes()
    program, blocks = built.program, built.blocks
    after = program.constraints("later", {"draw": draws, "player": players}, at_most=0.0)
    program.add(after, blocks["later"], 1.0)
    others = 1.0 - np.eye(players)
    program.add(after[:, :, None], blocks["over budget"][:, None, :], -others)
    if "short" in blocks:
        program.add(after[:, :, None, None], blocks["short"][:, None, :, :], -others[:, :, None])


def _state_shares(built: OrderProgram, flows: Flows) -> None:
    """State the allocation where claims always add up to the survivors' endowments: nothing needs to be rationed."""
    draws, members, _, goods = built.sizes()
    program, stage, blocks = built.program, built.stage, built.blocks
    shape = {"draw": draws, "member": members, "good": goods}
    numbers = stage.situation.members
    most = np.broadcast_to(stage.announced.sum(axis=1)[:, None], (draws, members, goods))
    share = blocks["share"] = program.variables("share", shape, upper=most)
    claim = program.constraints("claim", shape, at_most=0.0)
    program.add(claim, share, 1.0)
    program.add(claim, blocks["announced"][None], -1.0)
    program.add(claim[:, :, None], flows.net[:, numbers], -1.0)
    survives = program.constraints("share of survivors", shape, at_most=0.0)
    program.add(survives, share, 1.0)
    program.add(survives, blocks["solvent"][:, numbers, None], -most)


def _state_projection(built: OrderProgram, flows: Flows) -> None:
    """State the projection of the claims on the feasible set."""
    draws, _, players, goods = built.sizes()
    program, stage, blocks = built.program, built.stage, built.blocks
    low, high = stage.holding_limits(stage.standing_limits if built.unwinds else stage.flow_limits)
    kept, numbers = stage.kept, stage.situation.members
    highest = np.maximum(high.max(axis=1), 0.0)
    ration = program.variables("ration", {"draw": draws, "good": goods}, upper=highest)
    shape = {"draw": draws, "player": players, "good": goods}
    most = stage.announced.sum(axis=1)[:, None]
    everyone = program.variables("allocation", shape, upper=np.broadcast_to(most, (draws, players, goods)))
    lifted = np.maximum(high, 0.0)
    least = program.constraints("least share", shape, at_least=kept - lifted)
    program.add(least, everyone, 1.0)
    program.add(least[:, :, None], flows.net, -1.0)
    program.add(least[:, numbers], blocks["announced"][None], -1.0)
    program.add(least, ration[:, None], 1.0)
    program.add(least, blocks["solvent"][:, :, None], -lifted)
    _state_served(built, flows, (everyone, ration), highest - low[:, numbers].swapaxes(0, 1))
    _state_supply(built, everyone)


def _state_served(built: OrderProgram, flows: Flows, allocation: tuple[Block, Block], slack: FloatArray) -> None:
    """State that a member's share is its claim less the ration, or nothing; ``slack`` is ``(S, K, L)``."""
    draws, members, _, goods = built.sizes()
    program, stage, blocks = built.program, built.stage, built.blocks
    everyone, ration = allocation
    numbers = stage.situation.members
    own = {"draw": draws, "member": members, "good": goods}
    served = blocks["served"] = program.variables("served", own, upper=1.0, integer=built.whole)
    room = slack.swapaxes(0, 1) + stage.announced.sum(axis=1)[:, None]
    most = program.constraints("most", own, at_most=room)
    program.add(most, everyone[:, numbers], 1.0)
    program.add(most[:, :, None], flows.net[:, numbers], -1.0)
    program.add(most, blocks["announced"][None], -1.0)
    program.add(most, ration[:, None], 1.0)
    program.add(most, served, room)
    nothing = program.constraints("nothing unless served", own, at_most=0.0)
    program.add(nothing, everyone[:, numbers], 1.0)
    program.add(nothing, served, -np.broadcast_to(stage.announced.sum(axis=1)[:, None], served.shape))
    solvent = program.constraints("served when solvent", own, at_most=0.0)
    program.add(solvent, served, 1.0)
    program.add(solvent, blocks["solvent"][:, numbers, None], -1.0)
    blocks["share"] = everyone


def _state_supply(built: OrderProgram, everyone: Block) -> None:
    """State that no more is handed out than was announced by those whose endowments stay."""
    draws, members, _, goods = built.sizes()
    program, stage, blocks = built.program, built.stage, built.blocks
    kept, numbers = stage.kept, stage.situation.members
    fixed = 0.0 if built.unwinds else kept.sum(axis=1)
    supply = program.constraints("supply", {"draw": draws, "good": goods}, at_most=fixed)
    program.add(supply[:, None], everyone, 1.0)
    if not built.unwinds:
        program.add(supply[:, None], blocks["announced"][None], -1.0)
        return
    program.add(supply[:, None], blocks["solvent"][:, :, None], -kept)
    own = {"draw": draws, "member": members, "good": goods}
    owned = np.broadcast_to(stage.announced[:, numbers], (draws, members, goods))
    left = program.variables("left in", own, upper=owned)
    program.add(supply[:, None], left, -1.0)
    shown = program.constraints("left in at most announced", own, at_most=0.0)
    program.add(shown, left, 1.0)
    program.add(shown, blocks["announced"][None], -1.0)
    stays = program.constraints("left in by survivors", own, at_most=0.0)
    program.add(stays, left, 1.0)
    program.add(stays, blocks["solvent"][:, numbers, None], -owned)


def _state_utility(built: OrderProgram) -> None:
    """State consumption, the variables that tangents bound, and the objective."""
    draws, members, players, goods = built.sizes()
    program, stage, blocks = built.program, built.stage, built.blocks
    numbers = stage.situation.members
    own = {"draw": draws, "member": members, "good": goods}
    owned = np.broadcast_to(stage.announced[:, numbers], (draws, members, goods))
    # Of the numeraire only what is consumed beyond the endowment counts.
    offset = np.where(np.arange(goods) == goods - 1, owned, 0.0)
    consumed = blocks["consumed"] = program.variables("consumed", own, lower=-offset)
    withheld = stage.situation.rules.withholding is Withholding.CONSUMED
    rows = program.constraints("consumption", own, equal_to=(owned if withheld else 0.0) - offset)
    share = blocks["share"]
    program.add(rows, consumed, 1.0)
    program.add(rows, share[:, numbers] if share.shape[1] == players and share.name == "allocation" else share, -1.0)
    if withheld:
        program.add(rows, blocks["announced"][None], 1.0)
    parts = goods - 1 if stage.situation.economy.valuations.separable else 1
    shape = {"draw": draws, "member": members, "part": parts}
    worth = blocks["worth"] = program.variables("worth", shape, lower=-np.inf)
    likely = stage.situation.probability[:, None] * built.weights
    money = stage.unit[-1] / stage.money
    if built.objective is Objective.TOTAL:
        program.set_objective(worth, np.broadcast_to(likely[..., None], worth.shape))
        program.set_objective(consumed[:, :, -1], likely * money)
        return
    least = program.variables("least gain", lower=-np.inf, objective=1.0)
    kept = stage.original.obedient_gains * built.weights / stage.money
    gain = program.constraints("gain", {"member": members}, at_least=kept)
    program.add(gain, least, -1.0)
    program.add(gain[None, :, None], worth, likely[..., None])
    program.add(gain[None], consumed[:, :, -1], likely * money)


def starting_points(built: OrderProgram, count: int) -> list[FloatArray]:
    """Return bundles ``(K, S, G)``, shares of supply, to draw the first tangents at."""
    draws, members, _, goods = built.sizes()
    situation = built.stage.original
    levels = np.linspace(0.0, 1.0, count) ** 1.5
    everything = np.ones((draws, members, goods - 1))
    points = [np.maximum(level, _NEXT_TO_NOTHING) * everything for level in levels]
    owned = situation.endowments[:, situation.members, :-1] / built.stage.unit[:-1]
    points.append(np.maximum(owned, _NEXT_TO_NOTHING))
    if not situation.economy.valuations.separable:
        points.extend(_mixed_bundles(built))
    return points


def _mixed_bundles(built: OrderProgram) -> list[FloatArray]:
    """Return bundles of much of some goods and little of others, which the diagonal leaves out."""
    draws, members, _, goods = built.sizes()
    levels = itertools.product((_NEXT_TO_NOTHING, 0.4, 1.0), repeat=goods - 1)
    chosen = itertools.islice((level for level in levels if len(set(level)) > 1), _MOST_MIXED)
    return [np.broadcast_to(np.array(level), (draws, members, goods - 1)) for level in chosen]


def add_tangents(built: OrderProgram, points: list[FloatArray]) -> None:
    """Bound the worth of goods by tangents at bundles ``(K, S, G)``, shares of supply."""
    for point in points:
        _add(built, point)


def _add(built: OrderProgram, point: FloatArray) -> None:
    worth, consumed = built.blocks["worth"], built.blocks["consumed"]
    intercepts, slopes = _tangent(built, point)
    number = sum(name.startswith("tangent") for name in built.program.blocks[1])
    rows = built.program.constraints(f"tangent {number}", dict(worth.dimensions), at_most=intercepts)
    built.program.add(rows, worth, 1.0)
    built.program.add(rows, consumed[:, :, :-1], -slopes)


def _tangent(built: OrderProgram, point: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return intercepts ``(K, S, parts)`` and slopes ``(K, S, G)``, money of the program."""
    stage = built.stage
    situation, units = stage.situation, stage.unit[:-1]
    valuations = situation.economy.valuations
    rows = situation.economy.rows(situation.profiles)[:, situation.members]
    traders, reference = valuations.select(rows), situation.economy.reference_goods[rows]
    touched = traders.dispose(point * units)
    slopes = traders.supergradient(touched)
    if not np.isfinite(slopes).all():
        touched = np.where(np.isfinite(slopes), touched, _NEXT_TO_NOTHING * units)
        slopes = traders.supergradient(touched)
    if valuations.separable:
        intercepts = _gains_alone(traders, reference, touched) - slopes * touched
    else:
        intercepts = (traders.gain(reference, touched) - (slopes * touched).sum(axis=-1))[..., None]
    return intercepts / stage.money, slopes * units / stage.money


def _gains_alone(traders: ValuationBatch, reference: FloatArray, bundles: FloatArray) -> FloatArray:
    """Return the gain from each good on its own, ``(K, S, G)``; summed over goods it is the gain from the bundle."""
    goods = np.arange(bundles.shape[-1])
    alone = [traders.gain(reference, np.where(goods == good, bundles, reference)) for good in goods]
    return np.stack(alone, axis=-1)

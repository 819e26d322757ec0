r"""The master program: lotteries over the menus of all cells, interim participation, and no gain from a lie.

Variables :math:`\eta_c(d, b)` for each cell c, vector of side-transfers d and joint action b. With several vectors a
binary variable chooses one for each cell. Expectations are those of
`mechanisms.collusion.side_contracts.side_contract`: a report that disagrees with the others' voids the side-contract,
so that it is worth the status quo and tempts nobody.

Source:
    Giraud and Rochon (2001), Definitions 6 and 7, restricted to finite menus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.collusion.side_contracts.cells import Knowledge
from marketgame.mechanisms.collusion.side_contracts.menu import Menu
from marketgame.mechanisms.collusion.side_contracts.side_contract import (
    Clause,
    clause_gains,
    stakes_of,
)
from marketgame.mechanisms.deviations.effort import Objective
from marketgame.mechanisms.linear_program import Block, LinearProgram, Sense, Status
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

SMALLEST_CHANCE = 1e-11
"""Joint actions that matter less than what is at stake times this probability are what the solver leaves of none."""

LITTLE = 1e-3
"""Weight of the total gain where the least gain is maximised, so that no gain is thrown away."""

SIMPLICITY = 1e-8
"""Side-transfers must bring this share of what is at stake for the coalition to be preferred to none."""

ROW_SHARE = 1.0 / 32.0
"""Rows are in this share of what is at stake for whom they are about, so that solvers keep them more precisely."""

SECONDS = 20.0
"""Wall time allowed to one program that chooses among side-transfers; its best answer by then is used."""


@dataclass(frozen=True, eq=False)
class Temptation:
    """A way in which one member would break an agreement: what it would gain from each entry of the menus.

    Attributes:
        place: of the member.
        gains: for each cell in which it can occur, its gain times the cell's probability, ``(D, B)``; zero where the
            member is not told what triggers it.
    """

    place: int
    gains: dict[int, FloatArray]


@dataclass(frozen=True, eq=False)
class Reply:
    """How one member would answer what it is told after a false report, and what that brings beyond obeying it.

    Attributes:
        place: of the member.
        truth: number of what it knows.
        report: number of what it says that it knows.
        told: which part it is told to play, equal for equal parts; empty if the agreement is void.
        gains: for each cell that it leads the others to, its gain times the probability of where they are, ``(D, B)``;
            zero where it is told something else.
        void: what it gains where the agreement is void, times the probability of that.
    """

    place: int
    truth: int
    report: int
    told: bytes
    gains: dict[int, FloatArray]
    void: float


@dataclass(frozen=True, eq=False)
class MasterAnswer:
    """The best side-contract on the menus.

    Attributes:
        clauses: for every cell.
        total_gain: sum over members of expected gains, before knowing anything, numeraire.
    """

    clauses: tuple[Clause, ...]
    total_gain: float


@dataclass(eq=False)
class Master:
    """The master program on the menus as they are.

    Attributes:
        knowledge: of the coalition.
        menus: one for each cell.
        floors: what each information of each member must at least be promised, ``(information,)`` each.
        temptations: ways of breaking agreements that must not pay.
        replies: ways of going on after false reports, which must not pay with them.
        deadline: after which no program is solved.
    """

    knowledge: Knowledge
    menus: list[Menu]
    floors: tuple[FloatArray, ...]
    temptations: list[Temptation] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    deadline: Deadline = NO_DEADLINE

    @cached_property
    def _stakes(self) -> tuple[FloatArray, ...]:
        """What is at stake for each information of each member, positive, ``(information,)`` each, numeraire."""
        stakes = stakes_of(self.knowledge)
        largest = max(float(at_stake.max()) for at_stake in stakes) or 1.0
        return tuple(np.where(at_stake > 0, at_stake, largest) for at_stake in stakes)

    @cached_property
    def _unit(self) -> float:
        """What is at stake for the coalition, numeraire."""
        return sum(float(at_stake.max()) for at_stake in self._stakes)

    @cached_property
    def _row_units(self) -> tuple[FloatArray, ...]:
        """In what rows about each information of each member are measured, ``(information,)`` each, numeraire."""
        return tuple(
            ROW_SHARE * self.knowledge.probability_of(place) * at_stake for place, at_stake in enumerate(self._stakes)
        )

    def solve(self, objective: Objective) -> MasterAnswer | None:
        """Return the best side-contract with one vector of side-transfers for each cell; none if none is allowed."""
        tables = [menu.table() for menu in self.menus]
        program, blocks = self._stated(tables, objective, whole=True)
        solution = program.solve(seconds=SECONDS, deadline=self.deadline)
        # No certificate is asked of the solver: whoever uses the answer settles every play of it again.
        if solution.status is not Status.OPTIMAL and solution.best_known is None:
            return None
        values = solution if solution.optimal else solution.incumbent
        clauses = []
        for number, (cell, menu) in enumerate(zip(self.knowledge.cells, self.menus, strict=True)):
            lottery = np.maximum(values[blocks[number].name], 0.0)
            level = int(lottery.sum(axis=1).argmax())
            weight = np.maximum(np.abs(_finite(tables[number][level])).max(axis=-1) / self._unit, 1.0)
            chosen = np.flatnonzero(lottery[level] * weight > SMALLEST_CHANCE)
            chances = lottery[level, chosen] / lottery[level, chosen].sum()
            clauses.append(Clause(cell.reports, cell.profiles, menu.batch(chosen.tolist(), level), chances))
        return MasterAnswer(tuple(clauses), self._total_gain(clauses))

    def prices(self) -> list[FloatArray] | None:
        """Return for each cell how much a unit of each member's gain is worth there, ``(|S|,)``; none if infeasible.

        The multipliers of participation say it, one more than each since the total gain is maximised.
        """
        program, _ = self._stated([menu.table() for menu in self.menus], Objective.TOTAL, whole=False)
        solution = program.solve(deadline=self.deadline)
        if solution.status is not Status.OPTIMAL:
            return None
        found = []
        for cell in self.knowledge.cells:
            worth = np.ones(len(self.knowledge.coalition))
            for place, number in enumerate(cell.reports):
                dual = float(solution.dual[f"participation of member {place}"][number])
                worth[place] += max(0.0, dual * self._unit / self._row_units[place][number])
            found.append(worth)
        return found

    def _stated(
        self, tables: list[FloatArray], objective: Objective, *, whole: bool
    ) -> tuple[LinearProgram, list[Block]]:
        program = LinearProgram(Sense.MAXIMIZE)
        total = objective is Objective.TOTAL
        least = program.variables("least gain", lower=-np.inf, objective=0.0 if total else 1.0)
        weight = 1.0 if total else LITTLE
        blocks = []
        for number, (cell, table) in enumerate(zip(self.knowledge.cells, tables, strict=True)):
            possible = np.isfinite(table).all(axis=-1)
            worth = np.where(possible[..., None], table, 0.0).sum(axis=-1) / self._unit
            worth -= SIMPLICITY * (np.arange(len(table)) > 0)[:, None]
            blocks.append(_lottery(program, number, possible, weight * cell.probability * worth, whole=whole))
        for place in range(len(self.knowledge.coalition)):
            self._state_participation(program, (blocks, least), tables, place)
            self._state_honesty(program, blocks, tables, place)
        for number, temptation in enumerate(self.temptations):
            kept = program.constraints(f"temptation {number}", at_most=0.0)
            likely = sum(self.knowledge.cells[cell].probability for cell in temptation.gains)
            unit = likely * float(self._stakes[temptation.place].max()) * ROW_SHARE
            for place, gained in temptation.gains.items():
                program.add(kept[...], blocks[place], _padded(gained, blocks[place].shape) / unit)
        return program, blocks

    def _state_participation(
        self, program: LinearProgram, columns: tuple[list[Block], Block], tables: list[FloatArray], place: int
    ) -> None:
        """Definition 6(b): no information of a member loses; the least gain is the least of all."""
        blocks, least = columns
        probability, units = self.knowledge.probability_of(place), self._row_units[place]
        floor = self.floors[place] * probability / units
        information = {"information": len(floor)}
        kept = program.constraints(f"participation of member {place}", information, at_least=floor)
        gain = program.constraints(f"gain of member {place}", information, at_least=floor)
        program.add(gain, least, -probability * self._unit / units)
        for block, table, cell in zip(blocks, tables, self.knowledge.cells, strict=True):
            number = cell.reports[place]
            for rows in (kept, gain):
                program.add(rows[number], block, cell.probability / units[number] * _finite(table[..., place]))

    def _state_honesty(self, program: LinearProgram, blocks: list[Block], tables: list[FloatArray], place: int) -> None:
        """Definition 6(a): no report of other information pays, nor with any of the replies to what is then told."""
        count = len(self.knowledge.information[place])
        for truth, report in np.ndindex(count, count):
            led = {
                number: self.knowledge.agreeing(_with(self.knowledge.cells[number].reports, place, report))
                for number in self.knowledge.cells_knowing(place, truth)
            }
            replies = [one for one in self.replies if (one.place, one.truth, one.report) == (place, truth, report)]
            if truth == report or (not replies and all(other is None for other in led.values())):
                continue
            void = [self.knowledge.cells[number] for number, other in led.items() if other is None]
            unit = float(self._row_units[place][truth])
            worth = sum(cell.probability * float(cell.situation.obedient_gains[place]) for cell in void) / unit
            worth += max((one.void for one in replies), default=0.0) / unit
            honest = program.constraints(f"honesty of member {place} knowing {truth}, not {report}", at_least=worth)
            for number, other in led.items():
                likely = self.knowledge.cells[number].probability / unit
                program.add(honest[...], blocks[number], likely * _finite(tables[number][..., place]))
                if other is not None:
                    lied = self._after_lie(number, other, place)
                    program.add(honest[...], blocks[other], -likely * lied)
            _state_replies(program, blocks, honest, replies, unit)

    def _after_lie(self, cell: int, other: int, place: int) -> FloatArray:
        """Return what a member expects in a cell from the menu of another, ``(D, B)``: the status quo if impossible."""
        situation = self.knowledge.cells[cell].situation
        table = self.menus[other].table(situation)[..., place]
        return np.where(np.isfinite(table), table, situation.obedient_gains[place])

    def _total_gain(self, clauses: list[Clause]) -> float:
        total = 0.0
        for cell, clause in zip(self.knowledge.cells, clauses, strict=True):
            total += cell.probability * float((clause_gains(cell, clause) - cell.situation.obedient_gains).sum())
        return total


def _state_replies(
    program: LinearProgram, blocks: list[Block], honest: Block, replies: Sequence[Reply], unit: float
) -> None:
    """Let a false report bring, after all that may be told then, what the best of the replies to it does."""
    for part, told in enumerate(dict.fromkeys(one.told for one in replies if one.told)):
        beyond = program.variables(f"beyond obeying part {part}: {honest.name}")
        program.add(honest[...], beyond, -1.0)
        for number, reply in enumerate(one for one in replies if one.told == told):
            above = program.constraints(f"reply {number} to part {part}: {honest.name}", at_least=0.0)
            program.add(above[...], beyond, 1.0)
            for cell, gained in reply.gains.items():
                program.add(above[...], blocks[cell], -_padded(gained, blocks[cell].shape) / unit)


def _lottery(program: LinearProgram, number: int, possible: BooleanArray, worth: FloatArray, *, whole: bool) -> Block:
    """State the lottery of a cell over side-transfers and joint actions, one vector of the former if so wanted."""
    sizes = {"side-transfers": possible.shape[0], "action": possible.shape[1]}
    block = program.variables(f"lottery {number}", sizes, upper=possible.astype(float), objective=worth)
    program.add(program.constraints(f"probability {number}", equal_to=1.0)[...], block, 1.0)
    if whole and possible.shape[0] > 1:
        levels = {"side-transfers": possible.shape[0]}
        chosen = program.variables(f"chosen {number}", levels, upper=1.0, integer=True)
        linked = program.constraints(f"one vector {number}", levels, equal_to=0.0)
        program.add(linked[:, None], block, 1.0)
        program.add(linked, chosen, -1.0)
    return block


def _finite(table: FloatArray) -> FloatArray:
    """Return a table with zero where the action is impossible, whose probability is zero anyway."""
    return np.where(np.isfinite(table), table, 0.0)


def _padded(gained: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return gains for a menu that has grown since; entries that are new are not tempting until shown to be."""
    table = np.zeros(shape)
    table[tuple(slice(size) for size in gained.shape)] = gained
    return table


def _with(reports: tuple[int, ...], place: int, report: int) -> tuple[int, ...]:
    return (*reports[:place], report, *reports[place + 1 :])

r"""Which reports of a coalition's members agree, and what the coalition faces when they are true.

What a member knows once the grand contract has spoken is a set of profiles that it cannot tell apart
(:mod:`marketgame.mechanisms.contracts.knowledge`), and it may report any. Reports of all members *agree* if they are
true together in some profile; the profiles in which they are make up a *cell*. Where prices reveal the profile, every
cell is one profile, whatever anybody reports alone disagrees with the others, and side-contracts separate by profile.

Source:
    Giraud and Rochon (2001), Definition 5, for the contract of the proof of Theorem 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.knowledge import Information, known_by
from marketgame.mechanisms.deviations.situation import Reaction, Situation, situation_among
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.market_game.rules import PAPER_RULES, MarketRules


@dataclass(frozen=True, eq=False)
class Cell:
    """Reports that agree, and what the coalition faces when they are true.

    Attributes:
        reports: number of each member's information, ``(|S|,)``.
        profiles: numbers of the contract's recommendations at which all of it is true.
        probability: of the cell, by the common prior.
        situation: one draw for each profile, with its probability given the cell.
    """

    reports: tuple[int, ...]
    profiles: tuple[int, ...]
    probability: float
    situation: Situation


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What a coalition's members know between them.

    Attributes:
        coalition: the members.
        information: what each may know, one list per member.
        cells: every combination that can be true.
    """

    coalition: Coalition
    information: tuple[tuple[Information, ...], ...]
    cells: tuple[Cell, ...]

    def cells_knowing(self, place: int, number: int) -> list[int]:
        """Return the numbers of the cells in which the member at a place has some information."""
        return [cell for cell, known in enumerate(self.cells) if known.reports[place] == number]

    def probability_of(self, place: int) -> FloatArray:
        """Return the probability of each information of the member at a place, ``(information,)``."""
        total = np.zeros(len(self.information[place]))
        for cell in self.cells:
            total[cell.reports[place]] += cell.probability
        return total

    def agreeing(self, reports: tuple[int, ...]) -> int | None:
        """Return the number of the cell with these reports, if they agree."""
        return next((number for number, cell in enumerate(self.cells) if cell.reports == reports), None)

    def mistakable(self) -> list[list[int]]:
        """Return the numbers of the cells in groups: those that false reports, one after the other, make of one."""
        groups: list[list[int]] = []
        for number, cell in enumerate(self.cells):
            near = [group for group in groups if any(_one_differs(cell, self.cells[other]) for other in group)]
            groups = [group for group in groups if group not in near]
            groups.append([*chain.from_iterable(near), number])
        return groups


def knowledge_of(
    contract: GrandContract,
    coalition: Coalition,
    rules: MarketRules = PAPER_RULES,
    reaction: Reaction | None = None,
) -> Knowledge:
    """Return what the members of a coalition know after the grand contract has spoken to all.

    Raises:
        ValueError: the coalition is not a nonempty ascending list of players.
    """
    contract = contract.under(rules)
    possible = np.flatnonzero(contract.probability > 0)
    informed = tuple(known_by(contract, member) for member in coalition)
    labels = [{number: place for place, known in enumerate(own) for number in known.profiles} for own in informed]
    together: dict[tuple[int, ...], list[int]] = {}
    for number in possible.tolist():
        together.setdefault(tuple(label[number] for label in labels), []).append(number)
    cells = tuple(
        _cell(contract, reports, numbers, (coalition, rules, reaction)) for reports, numbers in together.items()
    )
    return Knowledge(coalition, informed, cells)


def _one_differs(cell: Cell, other: Cell) -> bool:
    """Say whether a single member's report makes one cell of another."""
    return sum(one != two for one, two in zip(cell.reports, other.reports, strict=True)) == 1


def _cell(
    contract: GrandContract,
    reports: tuple[int, ...],
    numbers: list[int],
    faced: tuple[Coalition, MarketRules, Reaction | None],
) -> Cell:
    coalition, rules, reaction = faced
    probability = float(contract.probability[numbers].sum())
    situation = situation_among(contract, np.array(numbers), coalition, rules, reaction)
    return Cell(reports, tuple(numbers), probability, situation)

r"""Plans that are tenable whatever severance of a range is promised.

Severance :math:`\varepsilon_i(t_i)` is promised to each type that leaves, and stakes are
:math:`\omega_i(t) = g_i(t) - \varepsilon_i(t_i)` with what the established plan gives, :math:`g`. With :math:`q_i(r_i)`
the probability that a plan invites player i if it reports :math:`r_i`, promises add
:math:`q_i(r_i)\,\varepsilon_i(t_i)` to what type :math:`t_i` gains by the report. So

* whoever accepts and tells the truth gains by every promise, condition (10);
* whether type :math:`t_i` would rather report :math:`r_i`, condition (11), is linear in :math:`\varepsilon_i(t_i)`, and
  no other promise matters;
* the mediator pays none of it, condition (12).

**A plan that is tenable at both ends of a range is tenable at all promises in between.** That such a plan exists is a
linear program, (15) with condition (11) twice.

No range is without end: inhibitive stakes give every type at least what it can get alone, so that more than a type can
*spare*, which is what it expects beyond that, may be promised to nobody (theory, the lemma of individual
participation).

Source:
    Myerson (2006), conditions (10) to (12) and (18); the ranges are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking.coalition_limits import ALL_COALITIONS, Support
from marketgame.mechanisms.blocking.opportunities import Opportunities
from marketgame.mechanisms.blocking.plan import Invitation, replay
from marketgame.mechanisms.blocking.search import SMALLEST_PROBABILITY, leaving_market
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.linear_program import Block, LinearProgram, Sense, Solution, Status, UnverifiedAnswerError
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

type Promise = tuple[FloatArray, ...]
"""Severance of each type, whatever others report, one ``(K_i,)`` for each player, units of money."""

SMALLEST_PAYMENT = 1e-15
"""Payments of a plan below this share of its largest are what rounding leaves."""

NEGLIGIBLE = 1e-9
"""Profits below this, relative to what is at stake, count as none."""


@dataclass(frozen=True, eq=False)
class BlockedRange:
    """A range of severance, and a plan that is tenable whatever of it is promised.

    Attributes:
        least: the least severance of each type, one ``(K_i,)`` for each player, units of money.
        most: the most, one ``(K_i,)`` for each player, units of money.
        invitations: of the plan.
        payments: expected, to each type, one ``(K_i,)`` for each player, units of money.
    """

    least: Promise
    most: Promise
    invitations: tuple[Invitation, ...]
    payments: tuple[FloatArray, ...]

    def holds(self, game: CoalitionalGame, earned: FloatArray) -> bool:
        """Recompute whether the plan is tenable at both ends of the range.

        Args:
            game: with N players and P type profiles.
            earned: what the established plan gives at every profile, ``(P, N)``, units of money.

        Raises:
            ValueError: something does not fit the game.
        """
        ends = (stakes_after(game, earned, end) for end in (self.least, self.most))
        return all(replay(game, omega, self.invitations, self.payments).tenable() for omega in ends)


def stakes_after(game: CoalitionalGame, earned: FloatArray, promised: Promise) -> FloatArray:
    r"""Return the stakes :math:`g_i(t) - \varepsilon_i(t_i)`, ``(P, N)``, as in equation (18).

    Args:
        game: with N players and P type profiles.
        earned: what the established plan gives at every profile, ``(P, N)``, units of money.
        promised: to each type.
    """
    return earned - np.stack([own[game.profiles[:, i]] for i, own in enumerate(promised)], axis=1)


def expected_promise(game: CoalitionalGame, promised: Promise) -> float:
    r"""Return the expected severance, :math:`\sum_i \sum_{t_i} p_i(t_i) \varepsilon_i(t_i)`, units of money."""
    return sum(float(p @ own) for p, own in zip(game.type_probabilities, promised, strict=True))


def spare(game: CoalitionalGame, earned: FloatArray) -> Promise:
    """Return what each type expects beyond what it gets alone; negative where it would rather leave alone.

    Args:
        game: with N players and P type profiles.
        earned: what the established plan gives at every profile, ``(P, N)``, units of money.
    """
    return tuple(
        game.conditional_expectation(earned[:, player], (player,)) - alone
        for player, alone in enumerate(at_stake(game).alone)
    )


class RangeSearch:
    """Looks for plans that are tenable whatever severance of a range is promised, against one established plan.

    Attributes:
        unit: what one unit of the programs is worth, money.
    """

    def __init__(self, game: CoalitionalGame, earned: FloatArray, deadline: Deadline = NO_DEADLINE) -> None:
        self._game, self._earned = game, earned
        self._market, self.unit = leaving_market(game, earned, Support.COARSE, ALL_COALITIONS, deadline)

    @property
    def columns(self) -> int:
        """How many invitations a program chooses among."""
        return sum(part.size for part in self._market)

    def blocked(self, least: Promise, most: Promise, deadline: Deadline = NO_DEADLINE) -> BlockedRange | None:
        """Return a plan that is tenable in the whole range and was played again, if the program finds one.

        Raises:
            DeadlinePassedError: time ran out.
            UnverifiedAnswerError: the solver has no answer.
        """
        program = LinearProgram(Sense.MAXIMIZE)
        departures = self._stated(program, least, most)
        solution = program.solve(deadline=deadline)
        if solution.status is Status.TIME_LIMIT:
            deadline.check()
        if not solution.optimal:
            raise UnverifiedAnswerError(f"whether a plan is profitable was not decided: {solution.status.value}")
        if solution.objective <= NEGLIGIBLE:
            return None
        found = BlockedRange(least, most, *self._read(solution, departures))
        return found if found.holds(self._game, self._earned) else None

    def _stated(self, program: LinearProgram, least: Promise, most: Promise) -> list[Block]:
        """State program (15) with condition (11) at both ends, and return the blocks of departures."""
        probabilities = self._game.type_probabilities
        ends = [[own / self.unit for own in end] for end in (least, most)]
        acceptance, honesty = [], []
        for player, probability in enumerate(probabilities):
            count = probability.size
            payment = program.variables(f"payment {player}", {"type": count}, lower=-np.inf, objective=-probability)
            acceptance.append(program.constraints(f"acceptance {player}", {"type": count}, at_least=0.0))
            program.add(acceptance[player], payment, 1.0)
            truth, report = np.nonzero(~np.eye(count, dtype=bool))
            shape = {"end": len(ends), "type": count, "report": count}
            honesty.append(program.constraints(f"honesty {player}", shape, at_least=0.0))
            program.add(honesty[player][:, truth, report], payment[truth], 1.0)
            program.add(honesty[player][:, truth, report], payment[report], -1.0)
        size = program.constraints("size", at_most=1.0)
        departures = []
        for part in self._market:
            block = program.variables(f"departures of {part.coalition}", {"invitation": part.size})
            program.add(size, block, 1.0)
            departures.append(block)
            actions, profiles = np.indices((len(part.gains), len(part.types))).reshape(2, -1)
            for member, player in enumerate(part.coalition):
                p, named = probabilities[player], part.types_of(member)[profiles]
                gains = part.gains[actions[:, None], member, part.misreports[member][profiles]] / self.unit
                truth_told = gains[np.arange(part.size), named]
                low = ends[0][player]
                program.add(acceptance[player][named], block, (truth_told + low[named]) / p[named])
                column, other = np.nonzero(named[:, None] != np.arange(p.size))
                told = named[column]
                for number, end in enumerate(ends):
                    own = end[player]
                    truly, falsely = truth_told[column] + own[told], gains[column, other] + own[other]
                    program.add(honesty[player][number, told, other], block[column], truly / p[told])
                    program.add(honesty[player][number, other, told], block[column], -falsely / p[told])
        return departures

    def _read(
        self, solution: Solution, departures: list[Block]
    ) -> tuple[tuple[Invitation, ...], tuple[FloatArray, ...]]:
        invitations: list[Invitation] = []
        for part, block in zip(self._market, departures, strict=True):
            invitations += _invitations(part, solution[block.name])
        # Of the size of equation (9), which changes nothing else.
        size = max(sum(one.probability for one in invitations), 1.0)
        paid = [solution[f"payment {player}"] for player in self._game.grand_coalition]
        # What the solver's rounding leaves would be all that its type gains or loses.
        least = SMALLEST_PAYMENT * max(float(np.abs(own).max()) for own in paid)
        payments = (self.unit / size * np.where(np.abs(own) > least, own, 0.0) for own in paid)
        sized = (replace(one, probability=one.probability / size) for one in invitations)
        return tuple(sized), tuple(payments)


def _invitations(part: Opportunities, leaving: FloatArray) -> list[Invitation]:
    """Return a coalition's invitations, given how likely it leaves by each of them, action by action."""
    shares = leaving.reshape(len(part.gains), len(part.types)) / part.probability
    return [
        Invitation(part.coalition, tuple(part.types[profile].tolist()), int(action), float(shares[action, profile]))
        for action, profile in np.argwhere(shares > SMALLEST_PROBABILITY)
    ]

r"""Whether something efficient dominates what players expect: what it would take from outside, if not.

What players may be promised beside an efficient allocation are payments :math:`\theta_i(t)`. They have to make the
truth the best report, and to leave no type less than it expects now, :math:`u_i(t_i)`. The program minimises what has
to come from outside in expectation:

.. math:: \min E\Big[\sum_i \theta_i(t)\Big], \quad
    E[v_i(x_i^*(t), t_i) + \theta_i(t) | t_i] \ge u_i(t_i), \quad
    E[\theta_i(t) - \theta_i(m_i, t_{-i}) | t_i] \ge \hat v_i(m_i, t_i).

If the minimum is positive, nothing that is efficient and incentive compatible leaves every type as well off, provided
that everybody has money enough to pay; if it is not, what is left over can be shared. Giraud and Rochon's Lemma 2 says
that it is never positive for what is itself incentive compatible; monopoly shows that it may be.

Source:
    Giraud and Rochon (2001), Lemma 2; Holmström and Myerson (1983).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import reported_gains
from marketgame.mechanisms.economies.beliefs import beliefs_about_others, profiles_by_own_type
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation, efficient_allocation
from marketgame.mechanisms.linear_program import LinearProgram, Status, certified
from marketgame.mechanisms.linear_program.deadline import DeadlinePassedError


def needed_from_outside(
    economy: Economy, interim_gains: Sequence[FloatArray], efficient: EfficientAllocation | None = None
) -> float:
    """Return what must come from outside, expected, so that all agree to an efficient allocation, numeraire.

    Args:
        economy: types that own other goods cannot be reported by whoever does not own as much.
        interim_gains: per player, what each type expects to gain over its endowment now, ``(types,)``, numeraire.
        efficient: the efficient allocation of every profile, if it is known.

    Returns:
        The least expected subsidy; negative if something is left over.

    Raises:
        DeadlinePassedError: the solver gave up.
        UnverifiedAnswerError: the answer fails the independent check.
    """
    efficient = efficient_allocation(economy) if efficient is None else efficient
    players, profiles = len(economy.players), len(economy.profiles)
    unpaid = _gains_without_payments(economy, efficient)
    unit = float(max(np.abs(table[np.isfinite(table)]).max(initial=0.0) for table in unpaid)) or 1.0
    program = LinearProgram()
    odds = economy.prior.probability
    payment = program.variables("payment", {"player": players, "profile": profiles}, lower=-np.inf)
    program.set_objective(payment, np.broadcast_to(odds, (players, profiles)))
    for player, (table, now) in enumerate(zip(unpaid, interim_gains, strict=True)):
        beliefs, numbers = beliefs_about_others(economy.prior, player), profiles_by_own_type(economy.prior, player)
        for kind in np.flatnonzero(economy.prior.marginal(player) > 0):
            enough = program.constraints(
                f"consent {player} {kind}", {"one": 1}, at_least=(now[kind] - table[kind, kind]) / unit
            )
            program.add(enough[:, None], payment[player, numbers[kind][None, :]], beliefs[kind][None, :])
            for lie in np.flatnonzero(np.isfinite(table[kind])):
                if lie == kind:
                    continue
                truth = program.constraints(
                    f"truth {player} {kind} {lie}", {"one": 1}, at_least=(table[kind, lie] - table[kind, kind]) / unit
                )
                program.add(truth[:, None], payment[player, numbers[kind][None, :]], beliefs[kind][None, :])
                program.add(truth[:, None], payment[player, numbers[lie][None, :]], -beliefs[kind][None, :])
    solution = program.solve()
    if solution.status is Status.TIME_LIMIT:
        raise DeadlinePassedError("whether something efficient is better for everybody was not decided")
    certified(program, solution)
    return unit * float(solution.objective)


def _gains_without_payments(economy: Economy, efficient: EfficientAllocation) -> list[FloatArray]:
    """Return what each type gains over its endowment by each report if goods are divided efficiently for nothing."""
    unpaid = GrandContract(economy, efficient, np.zeros(efficient.profiles.shape))
    return [reported_gains(unpaid, player) for player in range(len(economy.players))]

r"""Blocking mediators: who can profitably be led out of the established plan, and the proof when nobody can.

A blocking mediator invites a random coalition to leave with its own actions and side-payments. A plan is tenable
when every type accepts, nobody lies, and the mediator expects a profit; stakes :math:`\omega` are inhibitive when
no plan is tenable against them.

| Concept | Source | Module |
|---|---|---|
| which coalitions can form, and what a mediator knows when it forms one | M (14), (17) | `coalition_limits` |
| what a coalition can gain by leaving | M section 4 | `opportunities` |
| a plan and its tenability | M (9)-(12) | `plan` |
| the most profitable plan | M (9)-(12) | `search` |
| a plan against every severance of a range | M (10), (11), (18); ours | `severance_range` |
| weights and multipliers that prove there is none | M Theorem 1, (17) | `proof` |

Source:
    Myerson (2006), sections 4 to 6.
"""

from marketgame.mechanisms.blocking.coalition_limits import ALL_COALITIONS, CoalitionLimits, Normalisation, Support
from marketgame.mechanisms.blocking.plan import BlockingPlan, Invitation, Tenability, replay
from marketgame.mechanisms.blocking.proof import SupportResiduals, support_residuals
from marketgame.mechanisms.blocking.search import NoBlockingPlan, find_blocking_plan, finely_inhibitive, inhibitive

__all__ = [
    "ALL_COALITIONS",
    "BlockingPlan",
    "CoalitionLimits",
    "Invitation",
    "NoBlockingPlan",
    "Normalisation",
    "Support",
    "SupportResiduals",
    "Tenability",
    "find_blocking_plan",
    "finely_inhibitive",
    "inhibitive",
    "replay",
    "support_residuals",
]

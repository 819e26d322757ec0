r"""The most profitable joint deviation of a coalition, and bounds that say how far from optimal it can be.

A coalition S faces outsiders who play on, or react to the quotes they see. It chooses quotes, orders, announced
endowments and side transfers. Quotes are searched; the orders at given quotes are optimised by a mixed-integer
program; what is found is settled by the market game itself, which is the only source of reported gains.

Two bounds come with the answer. The *proven* bound holds for every deviation whatever and alone supports the verdict
that none is profitable. The *program's* bound holds for the quotes tried and for orders within a box.

| Concept | Source | Function | Test |
|---|---|---|---|
| what a coalition faces, does and gains | GR Definitions 3, 5 | `situation_of`, `played`, `gains` | `test_deviations` |
| most profitable deviation, verdict | ours | `most_profitable_deviation` | `test_deviations` |
| best orders at given quotes | GR 2.2, equation (1) | `best_orders` | `test_deviations_program` |
| proven bounds on the total gain | ours | `proven_bounds`, `least_bound` | `test_deviations_bounds` |

GR is Giraud and Rochon (2001).
"""

from marketgame.mechanisms.deviations.bounds import Bound, BoundReason, least_bound, proven_bounds
from marketgame.mechanisms.deviations.effort import Effort, Objective, Verdict
from marketgame.mechanisms.deviations.oracle import DeviationSearch, Spent, most_profitable_deviation, profit_tolerance
from marketgame.mechanisms.deviations.order_search import OrderSearch, best_orders
from marketgame.mechanisms.deviations.quotes import quote_patterns
from marketgame.mechanisms.deviations.situation import (
    JointAction,
    Reaction,
    Replies,
    Situation,
    gains,
    obedient,
    played,
    situation_of,
    utilities,
)

__all__ = [
    "Bound",
    "BoundReason",
    "DeviationSearch",
    "Effort",
    "JointAction",
    "Objective",
    "OrderSearch",
    "Reaction",
    "Replies",
    "Situation",
    "Spent",
    "Verdict",
    "best_orders",
    "gains",
    "least_bound",
    "most_profitable_deviation",
    "obedient",
    "played",
    "profit_tolerance",
    "proven_bounds",
    "quote_patterns",
    "situation_of",
    "utilities",
]

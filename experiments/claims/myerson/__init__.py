"""The statements of Myerson (2006), Virtual Utility and the Core for Games with Incomplete Information.

| statements | module | evidence |
|---|---|---|
| sections 1 to 3: mechanisms, incentive efficiency, virtual utility | `efficiency` | `efficiency_evidence` |
| sections 4 and 6: blocking plans, inhibitive stakes | `blocking` | `blocking_evidence` |
| section 7: severance, balanced games, the core | `core` | `core_evidence` |
| sections 5 and 8: Example 1 | `first_example` | `first_example_evidence` |
| section 9: Example 2 | `second_example` | `second_example_evidence` |
| section 10: durability | `durability` | `durability_evidence` |

Games are drawn in `drawn_games`, and the paper's programs, written out without the engines, are in `textbook`; the
mechanisms that he discusses are in `examples`, and how statements are written down in `stated`.
"""

from __future__ import annotations

from marketgame.experiments.claims.claim import Claim
from marketgame.experiments.claims.myerson import (
    blocking,
    core,
    durability,
    efficiency,
    first_example,
    second_example,
)

CLAIMS: tuple[Claim, ...] = (
    *efficiency.CLAIMS,
    *blocking.CLAIMS,
    *core.CLAIMS,
    *first_example.CLAIMS,
    *second_example.CLAIMS,
    *durability.CLAIMS,
)

"""The statements of Giraud and Rochon (2001), Generic Efficiency and Collusion-Proofness in Exchange Economies.

| statements | module | evidence |
|---|---|---|
| definitions and assumptions that say something is true | `definitions` | `finite`, `market`, `conditions` |
| Lemma 1, Lemma 2, and the steps of their proofs | `lemmas` | `revelation`, `domination` |
| Theorem 1, Corollary 1, and the steps of the proof | `theorem` | `market`, `revelation` |
| remarks and examples that claim something | `remarks` | all of these |

The paper has no second theorem.
"""

from __future__ import annotations

from marketgame.experiments.claims.claim import Claim
from marketgame.experiments.claims.giraud_rochon import definitions, lemmas, remarks, theorem

CLAIMS: tuple[Claim, ...] = (*definitions.CLAIMS, *lemmas.CLAIMS, *theorem.CLAIMS, *remarks.CLAIMS)

"""The statements of Giraud and Rochon (2001), Generic Efficiency and Collusion-Proofness in Exchange Economies.

| statements | module | evidence |
|---|---|---|
| Lemma 1, Lemma 2, and the steps of their proofs | `lemmas` | `revelation` |
"""

from __future__ import annotations

from marketgame.experiments.claims.claim import Claim
from marketgame.experiments.claims.giraud_rochon import lemmas

CLAIMS: tuple[Claim, ...] = (*lemmas.CLAIMS,)

"""The ledger of claims: every numbered statement of the two papers, what became of it, and the evidence, made anew.

| what | where |
|---|---|
| what a claim, its verdict and its evidence are | `claim` |
| how often something holds among economies that are drawn | `frequency` |
| all claims, and which of them words mean | `ledger` |
| the statements of Giraud and Rochon (2001), and how each is examined | `giraud_rochon` |
| the statements of Myerson (2006), and how each is examined | `myerson` |
| what `marketgame claims` prints | `printing` |
| the page docs/claims.md | `page` |

``python -m marketgame.experiments.claims docs`` examines every claim on many economies, keeps what it found in
docs/tables/claims.csv, and writes docs/claims.md.
"""

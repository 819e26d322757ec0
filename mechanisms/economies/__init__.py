"""Exchange economies with private types: who owns, knows and wants what, and what trade could achieve.

| Concept | Source | Module |
|---|---|---|
| players, types, endowments | GR 2.1 | `economy` |
| valuations, their gradients and demands | GR 2.1 | `valuation`, `valuations`, `quadratic` |
| prior and interim beliefs, laws of correlated types | GR 2.1, Definition 2 | `beliefs`, `laws` |
| profiles that stand for all, replicas, draws | ours | `profiles` |
| laws of random economies, replicas | ours | `random_economies` |
| assumptions an economy meets | GR Assumption 1, 6.1 | `assumptions` |
| efficient allocation, supporting price, proof | GR section 4 | `efficiency` |
| its engines | ours | `separable_allocation`, `separable_kernel`, `interior_allocation` |
| profiles that are one economy | ours | `symmetry` |
| Walrasian equilibrium in which nobody owes money | GR proof of Theorem 1 | `walras` |
| what is at stake, from when on a gain counts | ours | `stakes` |

GR is Giraud and Rochon (2001).
"""

"""The market game: its rules, what is played, and how it ends.

| Concept | Source | Module |
|---|---|---|
| rules, one enumeration each | GR 2.2-2.3, ours | `rules` |
| plays: quotes, orders, announced endowments, transfers | GR 2.2-2.3 | `plays` |
| which orders are executed, who trades no further | ours | `execution` |
| at what price a trade is charged | GR 2.2, (1), ours | `prices` |
| settling | GR 2.2, (1) | `settle`; compiled: `kernel` |
| settling where one deviates from orders that are the same to everybody | ours | `one_deviates` |
| how plays end, which flows stand at what charge | GR 2.2, Definition 2 | `settlement` |
| feasible set and projection | GR 2.2 | `feasible_set` |
| decisions without rounding errors | Dekker (1971) | `exact_test`; compiled: `exact_kernel` |

GR is Giraud and Rochon (2001).
"""

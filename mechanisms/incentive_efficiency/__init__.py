"""Incentive efficiency: the most that is possible when types are private.

| Concept | Source | Module |
|---|---|---|
| virtual utility | M (3), (13) | `virtual_utility` |
| the program of incentive efficiency | M (1) | `search`, `program` |
| actions priced by virtual surplus | M (4), (7) | `column_generation`; divisions of goods: `virtual_allocation` |
| weights and multipliers that prove it | M Theorem 0 | `optimality` |
| frontier, dominance | M section 3 | `frontier`, `dominance` |
| an economy at its second best | M (1) | `second_best`, `virtual_allocation` |
| benchmarks of welfare, the first best where it is payable | GR 6.1 | `welfare`, `benchmarks` |
| what consent costs where profiles are too many to list | ours | `willing`; replicas, by counts of types: `replicas` |

M is Myerson (2006).
"""

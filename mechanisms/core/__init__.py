r"""The core of a game with incomplete information: what no blocking mediator can break.

A mechanism that is incentive compatible, on which the mediator expects no loss, achieves stakes
:math:`\omega_i(t) = x_i(t) + \sum_c \mu(c|t) u_i(c, t) - \varepsilon_i(t)` with severance
:math:`\varepsilon \ge 0`. It is in the core when no blocking plan is tenable against them.

| Concept | Source | Module |
|---|---|---|
| which core is meant | M sections 7, 8 | `variant` |
| core allocations, what they are worth | M section 7 | `allocation`, `objective`, `outcome` |
| virtual stakes, Theorem 1 in a program | M Theorem 1 | `virtual_stakes`, `program`, `type_pairs` |
| any one, the best, or the proof that there is none | M section 7 | `search` |
| its local search | ours | `descent`, `trust_region` |
| its relaxation, branch and bound | M Theorems 1, 3 | `relaxation`, `region`, `branching` |
| stakes achieved with severance and side-bets | M (13), (18), (20) | `achievability`, `severance` |
| a mechanism that is given | M section 7 | `membership` |
| the core in the plane of two payoffs | M section 8 | `projection` |
| balanced games | M Theorem 2 | `balancedness` |
| durability | M section 10 | `durability` |

Source:
    Myerson (2006), sections 7 to 9.
"""

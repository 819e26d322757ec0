"""Myerson's coalitional games with incomplete information.

| Concept | Source | Module |
|---|---|---|
| types, joint actions, payoffs | M section 2 | `game` |
| mechanisms of the grand coalition | M section 2 | `mechanism` |
| an economy as a game on a grid | M section 2 | `grid_game` |
| what is at stake | ours | `at_stake` |

M is Myerson (2006).
"""

"""The mathematics: frozen dataclasses and pure functions on arrays. No agents, no files, no data frames.

GR is Giraud and Rochon (2001), M is Myerson (2006); ``docs/reading-the-papers.md`` says where we leave them. Each
package opens with a table of its concepts, their sources and modules; tests are in the folder of ``tests/mechanisms``
of the same name.

| Package | Source |
|---|---|
| :mod:`~marketgame.mechanisms.linear_program`: the only user of HiGHS; deadlines | |
| :mod:`~marketgame.mechanisms.economies`: players, beliefs, valuations, the first best and its price | GR 2.1, 4 |
| :mod:`~marketgame.mechanisms.market_game`: rules, plays, settlement, the feasible set | GR 2.2-2.3 |
| :mod:`~marketgame.mechanisms.comparison_markets`: trading posts, the call market | |
| :mod:`~marketgame.mechanisms.contracts`: devices, the grand contract, incentives, transfers | GR 3, 4, 6.1 |
| :mod:`~marketgame.mechanisms.deviations`: what a coalition faces, its best deviation, bounds | GR 3, 5 |
| :mod:`~marketgame.mechanisms.collusion`: the definitions in finite games, side-contracts on the market | GR 5-8 |
| :mod:`~marketgame.mechanisms.coalitional_games`: games, mechanisms, an economy on a grid | M 2 |
| :mod:`~marketgame.mechanisms.incentive_efficiency`: virtual utility, the program, optimality, second best | M 3 |
| :mod:`~marketgame.mechanisms.blocking`: blocking plans and inhibitive stakes | M 4-6 |
| :mod:`~marketgame.mechanisms.core`: the core, severance, projection, balancedness, durability | M 7-10 |
| :mod:`~marketgame.mechanisms.certificates`: what is stored of an answer, and how it is checked | |
"""


class UnansweredError(Exception):
    """A question has no answer: a solver failed or hit its limit, or no independent check confirms what it says."""


SOLVER_THREAD = "a solver at work"
"""The name of threads in which a solver is run that may not stop when it is to."""

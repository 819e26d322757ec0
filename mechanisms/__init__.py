"""The mathematics: frozen dataclasses and pure functions on arrays. No agents, no files, no data frames.

GR is Giraud and Rochon (2001), M is Myerson (2006); ``docs/reading-the-papers.md`` says where we leave them.
Tests are in ``tests/mechanisms``, in the file named after the module unless the table says otherwise.

| Concept | Source | Module |
|---|---|---|
| players, types, endowments | GR 2.1 | :mod:`~mechanisms.economy` |
| valuations, their gradients and demands | GR 2.1 | :mod:`~mechanisms.valuation`, :mod:`~mechanisms.valuations` |
| prior and interim beliefs | GR 2.1, Definition 2 | :mod:`~mechanisms.beliefs` |
| assumptions an economy meets | GR Assumption 1, 6.1 | :mod:`~mechanisms.assumptions` |
| feasible set and projection | GR 2.2 | :mod:`~mechanisms.feasible_set` |
| rules and plays of the market game | GR 2.2-2.3 | :mod:`~mechanisms.market_rules`, :mod:`~mechanisms.plays` |
| settlement | GR 2.2, Definition 2 | :mod:`~mechanisms.market_game`, :mod:`~mechanisms.settlement_kernel` |
| decisions without rounding errors | Dekker (1971) | :mod:`~mechanisms.exact_test`, :mod:`~mechanisms.exact_sums` |
| what is at stake, from when on a gain counts | ours | :mod:`~mechanisms.stakes`, tests in ``test_gains`` |
| efficient allocation, supporting price, proof | GR section 4 | :mod:`~mechanisms.efficiency` |
| grand contract | GR proof of Theorem 1 | :mod:`~mechanisms.grand_contract` |
| orders that pass exact tests, what is granted for rounding | ours | :mod:`~mechanisms.recommended_orders` |
| Walrasian equilibrium in which nobody owes money | GR proof of Theorem 1 | :mod:`~mechanisms.walras` |
| misreport gains | GR Definitions 1 and 4 | :mod:`~mechanisms.incentives` |
| communication devices with transfers | GR Definitions 2-4 | :mod:`~mechanisms.contracts` |
| communication equilibrium | GR Definition 4' | :mod:`~mechanisms.communication_equilibrium` |
| incentive-compatible transfers | GR 6.1 | :mod:`~mechanisms.transfers` |
| compatibility and non-degeneracy | GR section 4 | :mod:`~mechanisms.compatibility` |
| a coalition's most profitable deviation, bounds | GR Definitions 3, 5 | :mod:`~mechanisms.deviations` |
| improvements, collusion-proof contracts, side-contracts | GR Definitions 2-8, 4'-8' | :mod:`~mechanisms.collusion` |
| what is stored of an answer, and how it is checked again | ours | :mod:`~mechanisms.certificates` |
| linear programs | the only user of HiGHS | :mod:`~mechanisms.linear_program` |
| coalitional game, mechanisms | M section 2 | :mod:`~mechanisms.coalitional_game`, :mod:`~mechanisms.mechanism` |
| virtual utility | M (3), (13) | :mod:`~mechanisms.virtual_utility` |
| incentive efficiency | M (1), Theorem 0 | :mod:`~mechanisms.incentive_efficiency`, :mod:`~mechanisms.optimality` |
| frontier, dominance | M section 3 | :mod:`~mechanisms.frontier`, :mod:`~mechanisms.dominance` |
| actions priced by virtual surplus | M (4), (7) | :mod:`~mechanisms.column_generation` |
| second-best benchmark of an economy | M (1) | :mod:`~mechanisms.second_best`, :mod:`~mechanisms.virtual_allocation` |
| blocking plans and inhibitive stakes | M sections 4-6 | :mod:`~mechanisms.blocking` |
| the core, severance, side-bets | M sections 7-9 | :mod:`~mechanisms.core` |
| balanced games | M section 7 | :mod:`~mechanisms.balancedness` |
| coalitional durability | M section 10 | :mod:`~mechanisms.durability` |
| an economy as a coalitional game on a grid | M section 2 | :mod:`~mechanisms.grid_game` |
"""

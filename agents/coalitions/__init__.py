"""Coalition organisers: who proposes side-contracts, what members know when they answer, and who breaks them.

| concept | where |
|---|---|
| which coalitions an organiser approaches | :mod:`agents.coalitions.choice` |
| a side-contract as members see it: what they may say, what it then recommends, what that is worth | \
:mod:`agents.coalitions.agreement` |
| how an organiser finds one | :mod:`agents.coalitions.finding` |
| what a member knows when it answers | :mod:`agents.coalitions.offered` |
| sub-coalitions that do better than what was agreed | :mod:`agents.coalitions.breaking` |
| the organiser, and what became of what it proposed | :mod:`agents.coalitions.organiser` |

Source: Giraud and Rochon (2001), the timing in section 1, steps 6 to 9, and Definitions 5 to 7.
"""

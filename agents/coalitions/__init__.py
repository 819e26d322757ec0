"""Coalition organisers: who proposes side-contracts, what members know when they answer, and who breaks them.

| concept | where |
|---|---|
| which coalitions an organiser approaches, and when | `choice` |
| an agreement on what to report, and who reports otherwise | `reporting` |
| a side-contract as members see it: what they may say, what it then recommends, what that is worth | \
`agreement` |
| how an organiser finds one | `finding` |
| what a member knows when it answers | `offered` |
| sub-coalitions that do better than what was agreed | `breaking` |
| the organiser, and what became of what it proposed | `organiser` |

Source: Giraud and Rochon (2001), the timing in section 1, steps 6 to 9, and Definitions 5 to 7; of agreements on
reports Laffont and Martimort (1997).
"""

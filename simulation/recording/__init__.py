"""How rounds become the tables of a run.

A column is declared in `tables`, with how it is worked out from what was measured; nothing
else has to be told of it, and a recorder that cannot give it fails when it is made.

| what | where |
|---|---|
| all tables and their columns | `tables` |
| what a column and a table are | `columns` |
| what both kinds of recorder do | `recorder` |
| rounds on a market: what is measured, trades, holdings, side-contracts | `market` |
| the same in numbers | `measures` |
| rounds of a coalitional game | `game` |
| what went out of the ordinary | `events` |
| who was invited or approached, and who formed a coalition | `coalitions` |
| what learners did, and what they regret | `learning` |
| what a run that goes on must know | `checkpoint` |
| what could have been achieved | `benchmarks` |
| the names behind the numbers | `labels` |
"""

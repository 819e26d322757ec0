"""How rounds become the tables of a run.

A column is declared in :mod:`simulation.recording.tables`, with how it is worked out from what was measured; nothing
else has to be told of it, and a recorder that cannot give it fails when it is made.

| what | where |
|---|---|
| all tables and their columns | :mod:`simulation.recording.tables` |
| what a column and a table are | :mod:`simulation.recording.columns` |
| what both kinds of recorder do | :mod:`simulation.recording.recorder` |
| rounds on a market: what is measured, trades, holdings, side-contracts | :mod:`simulation.recording.market` |
| the same in numbers | :mod:`simulation.recording.measures` |
| rounds of a coalitional game | :mod:`simulation.recording.game` |
| what went out of the ordinary | :mod:`simulation.recording.events` |
| who was invited or approached, and who formed a coalition | :mod:`simulation.recording.coalitions` |
| what could have been achieved | :mod:`simulation.recording.benchmarks` |
| the names behind the numbers | :mod:`simulation.recording.labels` |
"""

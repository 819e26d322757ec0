"""The clock: the stages of a round in the papers' order, who hears what, and what is recorded.

| concept | where |
|---|---|
| economy or game, rules, contract, who behaves how, rounds, seed | :mod:`simulation.scenario` |
| organisers, blocking mediators, departures: what happens within a round | :mod:`simulation.stages` |
| every table, column, unit and meaning; rounds turned into rows | :mod:`simulation.recording` |
| one round after another, on a market or in a coalitional game | :mod:`simulation.market`, :mod:`simulation.game` |
| a whole run, and its folder | :mod:`simulation.run` |
"""

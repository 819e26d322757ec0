"""The clock: the stages of a round in the papers' order, who hears what, and what is recorded.

| concept | where |
|---|---|
| economy or game, rules, contract, who behaves how, rounds, seed | `scenario` |
| organisers, blocking mediators, departures: what happens within a round | `stages` |
| every table, column, unit and meaning; rounds turned into rows | `recording` |
| careless and learning traders, sampled, with certificates | `market.sampled_play` |
| one round after another, on a market or in a coalitional game | `market`, `game` |
| a whole run, and its folder | `run` |
"""

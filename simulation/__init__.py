"""The clock: the stages of a round in the papers' order, who hears what, and what is recorded.

| concept | where |
|---|---|
| a scenario: economy, rules, contract, who behaves how, rounds, seed | :mod:`simulation.scenario` |
| named random streams | :mod:`simulation.streams` |
| one round after another | :mod:`simulation.market_model`, :mod:`simulation.game_model` |
| a scenario without a market: a coalitional game and its mechanism | :mod:`simulation.game_scenario` |
| who tries to lead players away, and who leaves | :mod:`simulation.blocking_stage`, :mod:`simulation.departures` |
| who proposes side-contracts, and what coalitions agree upon | :mod:`simulation.side_contract_stage` |
| every table, column, unit and meaning | :mod:`simulation.tables` |
| rounds turned into tables | :mod:`simulation.recording` |
| a whole run, and its folder | :mod:`simulation.run` |
"""

"""Who acts, on a market or in a coalitional game, and how each behaves.

| concept | where |
|---|---|
| what a trader may know, stage by stage | :mod:`agents.knowledge` |
| beliefs about the others, revised by Bayes after the recommendation | :mod:`agents.beliefs` |
| what an order is worth if the others follow their recommendations | :mod:`agents.anticipation` |
| behaviours: small frozen objects that turn knowledge into messages | :mod:`agents.behaviours` |
| the trader and the established mediator of a market | :mod:`agents.trader`, :mod:`agents.mediator` |
| those of a coalitional game | :mod:`agents.game_trader`, :mod:`agents.game_mediator` |
| which type one is, known before all else | :mod:`agents.private_type` |
| mediators that lead coalitions away | :mod:`agents.blocking` |
| organisers of side-contracts, and what members make of them | :mod:`agents.coalitions` |
| everything asked of Mesa | :mod:`agents.framework` |

Private information is structural: a behaviour is handed its own trader's knowledge and nothing else. No
object it can reach holds the profile that nature drew.
"""

"""Who acts, on a market or in a coalitional game, and how each behaves.

| concept | where |
|---|---|
| what a trader may know, stage by stage | `knowledge` |
| beliefs about the others, revised by Bayes after the recommendation | `beliefs` |
| what an order is worth if the others follow their recommendations | `anticipation` |
| behaviours: small frozen objects that turn knowledge into messages | `behaviours` |
| the trader and the established mediator of a market | `trader`, `mediator` |
| those of a coalitional game | `game_trader`, `game_mediator` |
| which type one is, known before all else | `private_type` |
| mediators that lead coalitions away | `blocking` |
| organisers of side-contracts, and what members make of them | `coalitions` |
| everything asked of Mesa | `framework` |

Private information is structural: a behaviour is handed its own trader's knowledge and nothing else. No
object it can reach holds the profile that nature drew.
"""

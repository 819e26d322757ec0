"""The stress test: which institution survives whom on an economy, and what survival costs.

| what | where |
|---|---|
| whom an institution is to survive, what is answered in one go, the cheapest first | `question` |
| what is answered: verdict, gain, certificate or proof; welfare and how sure it is | `ruling` |
| what an institution must answer to be a line of the table | `institution` |
| the institutions of the papers: rules of the market, what outsiders do, transfers | `market_institution` |
| what is played: careless and learning traders, welfare | `played` |
| institutions to compare with | `comparisons` |
| trading posts and the call market: what is proven of them, what is played | `compared_institution`, `compared_play` |
"""

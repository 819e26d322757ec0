"""Markets that are no market game of the papers, on the same economies: what institutions are compared with.

| Concept | Source | Module |
|---|---|---|
| trading posts: bids of money, offers of goods, price their ratio | SS | `trading_posts` |
| what to send to them: best reply, equilibrium, price takers' messages | SS 4, ours | `post_replies` |
| the call market: schedules, one clearing price for each good | RSW | `call_market` |

SS is Shapley and Shubik (1977), RSW is Rustichini, Satterthwaite and Williams (1994).
"""

"""Who finds out what under which rules: each experiment a table, a picture and its reading, all on one page.

``python -m marketgame.experiments.studies.learning docs [NAME...]`` plays the named experiments, or all, and writes
what ``docs/learning.md`` shows; stopped, it goes on where it was.

| concept | where |
|---|---|
| an experiment, and how what it finds is published | `experiment` |
| learners find the short sale, and settle where rules are repaired | `short_sale` |
| Q-learners learn to lie together, or not | `lying` |
| what learners make of seeing quotes before they order | `timing` |
| who is bankrupt as arbitrageurs enter | `cascades` |
| mediators who block after only watching | `estimated_stakes` |
| collusion on networks of growing density | `network_collusion` |
| how often the supporting price tells the whole profile | `revelation` |
| what incentives cost as markets are copied | `replication` |
"""

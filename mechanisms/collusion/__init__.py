r"""Collusion: side-contracts by which coalitions improve upon a contract, found or proved not to exist.

| concept | definition | module |
|---|---|---|
| extended Bayesian game with transfers | GR 2 | `extended_game` |
| communication contract | GR 3 | `extended_game` |
| incentive compatibility | GR 4 | `equilibrium` |
| communication equilibrium | GR 4' | `equilibrium` |
| revised game | GR 5 | `revised_game` |
| improvement | GR 6, 6' | `improvement`, `improvement_program` |
| proof that there is none | weak duality | `improvement_bound` |
| internally consistent improvement | GR 7, 7' | `internal_consistency` |
| (strongly) collusion-proof contract | GR 8 | `collusion_check` |
| collusion-proof communication equilibrium, strong Bayesian equilibrium | GR 8' | `collusion_check` |
| lie and disobedience together | GR 6.4, figure 1 | `docs/collusion.md` |
| what members may report on the market | GR 5 | `cells` |
| agreements on what to report | Laffont and Martimort (1997) | `report_agreements` |
| reports of members, and what follows a refusal | Laffont and Martimort (1997) | `report_game` |
| what reports bring where profiles are too many to list | Laffont and Martimort (1997) | `drawn_reports` |
| side-contract on the market game | GR 3, 5, 6 | `side_contract` |
| its search by column generation | GR 6, 7 | `search`, `menu`, `program` |
| plays mixed by lot that need no search | Theorems 5-7 of `docs/collusion.md` | `constructions` |
| single members' obedience to it | GR 7 | `obedience` |
| agreements that nobody breaks, constructed | Theorems 12, 19 of `docs/collusion.md` | `circulation`, `keeping_back` |
| false reports that keep it standing, then disobedience | GR 4', 7' | `false_reports` |
| the grand contract under attack | GR 8, Theorem 1 | `marketgame.mechanisms.certificates.examination` |

GR is Giraud and Rochon (2001).
"""

r"""The most profitable joint deviation of a coalition, and bounds that say how far from optimal it can be.

A coalition S faces outsiders who play on, or react to the quotes they see. It chooses quotes, orders, announced
endowments and side transfers. Quotes are searched; the orders at given quotes are optimised by a mixed-integer
program; what is found is settled by the market game itself, which is the only source of reported gains.

Two bounds come with the answer. The *proven* bound holds for every deviation whatever and alone supports the verdict
that none is profitable. The *program's* bound holds for the quotes tried and for orders within a box.

| Concept | Source | Module | Test |
|---|---|---|---|
| what a coalition faces, does and gains | GR Definitions 3, 5 | `situation` | `test_deviations` |
| most profitable deviation, verdict | ours | `oracle`, `effort` | `test_deviations` |
| best orders at given quotes | GR 2.2, equation (1) | `order_search`, `order_program` | `test_deviations_program` |
| proven bounds on the total gain | ours | `bounds` | `test_deviations_bounds` |
| gaps of a play of stances to equilibria, in agent form | Hartline et al. (2015) 2 | `menu_game` | `test_menu_game` |
| best reply to others who need not obey, and its bound | ours | `best_reply` | `test_menu_game` |

GR is Giraud and Rochon (2001).
"""

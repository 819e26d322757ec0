"""Contracts: what a device recommends after reports, what it pays, and who would rather lie.

| Concept | Source | Module |
|---|---|---|
| communication devices with transfers | GR Definitions 2-4 | `contract` |
| grand contract, what any contract says after reports | GR proof of Theorem 1 | `grand_contract`, `terms` |
| numbers that computation cannot tell apart made one | ours | `canonical` |
| what players know once they are told | GR Definition 5 | `knowledge` |
| players who can take each other's place | ours | `exchange` |
| orders that pass exact tests, what is granted for rounding | ours | `recommended_orders` |
| contracts worked out where reports occur | ours | `on_demand` |
| coalition-proof transfers of many players, who speak in turn | Safronov 2018; Athey and Segal 2013 | `in_turn` |
| what a report leads to, profiles drawn for it | ours | `report_tables`, `sampled` |
| misreport gains | GR Definitions 1 and 4 | `incentives` |
| communication equilibrium | GR Definition 4' | `communication_equilibrium` |
| what coalitions gain by lies told together | ours | `joint_misreports` |
| the same where lies are too many to list, from below and from above | ours | `joint_lie_search`, `joint_lie_bound` |
| incentive-compatible transfers, contracts with them | GR 6.1 | `transfers`, `transfer_program` |
| lies followed by orders of one's own | GR 6.4, figure 1 | `price_impact` |
| transfers that no coalition of liars exploits | Safronov (2018) | `coalition_proof` |
| fixed payments for everybody's consent | Giraud and Rochon, section 3 | `consent` |
| compatibility and non-degeneracy | GR section 4 | `compatibility` |

GR is Giraud and Rochon (2001).
"""

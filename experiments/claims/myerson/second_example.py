"""The statements of Myerson (2006) about Example 2, in section 9."""

from __future__ import annotations

from marketgame.experiments.claims.claim import Claim, How, Kind, Repair, Verdict
from marketgame.experiments.claims.myerson.second_example_evidence import (
    condition_27,
    imitation,
    no_core_without,
    plan_against_pooling,
    pooling_only,
    printed_multipliers,
    smallest_severance,
    virtual_values,
    willing_prices,
)
from marketgame.experiments.claims.myerson.stated import PAGE, stated

CLAIMS: tuple[Claim, ...] = (
    stated(
        Kind.EXAMPLE,
        "2, pooling",
        "section 9",
        "Efficient mechanisms pool",
        "All incentive-efficient mechanisms always sell the good, at a price between 3 and 3.5, and are supported "
        "with weight zero on L.",
        "Mechanisms that are efficient for weights that are drawn; pooling at prices from -5 to 10.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "They pool, and every price is efficient; those from 3 to 3.5 are where everybody is willing. Each is "
        "supported with every weight on L, zero among them.",
        pooling_only,
        (
            "tests/mechanisms/incentive_efficiency/test_incentive_efficiency_examples.py::test_every_incentive_efficient_mechanism_of_example_2_that_all_accept_pools",
            "tests/mechanisms/incentive_efficiency/test_incentive_efficiency_examples.py::test_pooling_between_3_and_3_5_is_incentive_efficient_and_accepted_in_example_2",
        ),
        repair=Repair(
            "All incentive-efficient mechanisms pool; those that everybody accepts do so at prices from 3 to 3.5.",
            PAGE,
            "Proposition M13",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "2, willing prices",
        "section 9",
        "Prices that all accept",
        "H would refuse to sell for less than 3, and the buyer would refuse to pay more than 3.5.",
        "Prices from 2.5 to 4, in rational numbers; and whether a player alone blocks.",
        (How.CERTIFICATE,),
        Verdict.HOLDS,
        "Recomputed; whoever would refuse blocks alone.",
        willing_prices,
        ("tests/mechanisms/blocking/test_blocking.py::test_pooling_without_severance_is_blocked_in_example_2",),
    ),
    stated(
        Kind.EXAMPLE,
        "2, multipliers",
        "section 9",
        "The multipliers with no weight on L",
        "With lambda(L) = 0 the hydraulic equations yield alpha(H|L) - 0.5 = alpha(L|H) = beta.",
        "The printed and the repaired line in (5), and the virtual values that follow, in rational numbers.",
        (How.CERTIFICATE,),
        Verdict.REPAIRED,
        "The line satisfies (5), but the virtual values printed below it need alpha(H|L) = beta and alpha(L|H) = beta "
        "- 0.5.",
        printed_multipliers,
        (
            "tests/mechanisms/incentive_efficiency/test_incentive_efficiency_examples.py::test_example_2_is_supported_without_weight_on_the_bad_type_where_virtual_gains_allow",
        ),
        repair=Repair(
            "alpha(H|L) = beta and alpha(L|H) = beta - 0.5, with beta at least 0.5.",
            PAGE,
            "Proposition M13",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "2, virtual values",
        "section 9",
        "Virtual values and what severance does to stakes",
        "The virtual values are 3 + 2 beta and 3 - 2 beta; trade is virtually efficient for both types when 1.5 <= "
        "beta <= 2; severance for L lowers its virtual stake by 2 beta times itself and raises that of H by the same.",
        "Rational numbers at five values of beta.",
        (How.CERTIFICATE,),
        Verdict.HOLDS,
        "Recomputed, with the multipliers as repaired.",
        virtual_values,
        (
            "tests/mechanisms/incentive_efficiency/test_incentive_efficiency_examples.py::test_example_2_is_supported_without_weight_on_the_bad_type_where_virtual_gains_allow",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "2, plan against pooling",
        "section 9",
        "Pooling without severance is blocked",
        "Against pooling at 3 to 3.5 the printed plan is tenable and earns 2 - 0.5 chi > 0; L gets what it had, H "
        "strictly more, and the buyer loses nothing.",
        "The plan against prices that are drawn, all conditions recomputed.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "It uses (8): it earns 0.25 at 3.5, and half of that by (9).",
        plan_against_pooling,
        ("tests/mechanisms/blocking/test_blocking.py::test_pooling_without_severance_is_blocked_in_example_2",),
    ),
    stated(
        Kind.EXAMPLE,
        "2, imitation",
        "section 9",
        "Side-bets without severance",
        "With side-bets and no severance such mechanisms are easily blocked, because a mediator could imitate them "
        "when the seller is H and send the players back when it is L.",
        "Pooling with side-bets of either sign that are drawn; the plan as described, and the most profitable one.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "What imitation earns is what the buyer pays more if H; if that is negative or zero it earns nothing, and "
        "other plans block.",
        imitation,
        repair=Repair(
            "All are blocked: by imitation if the buyer pays more when the seller is H, and by another plan otherwise.",
            PAGE,
            "Proposition M13",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "2, side-bets and severance",
        "section 9",
        "Both are necessary",
        "Side-bets and severance offers are necessary to achieve allocations in the core of Example 2.",
        "A proof by multipliers that the core without severance is empty; the mediator's least loss (19), written "
        "out, over a grid of all weights and multipliers, without severance, without side-bets, and with both.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "(14) for seller and buyer together ties the side-bet to the severance, and without both H alone would leave "
        "(core-theory.md, Proposition M13).",
        no_core_without,
        (
            "tests/mechanisms/core/test_core.py::test_example_2_has_no_core_without_severance_and_the_proof_replays",
            "tests/mechanisms/core/test_core_membership.py::test_no_severance_brings_pooling_without_side_bets_into_the_core_of_example_2",
            "tests/mechanisms/core/test_core_membership.py::test_the_core_stakes_of_example_2_need_side_bets_and_severance",
        ),
    ),
    stated(
        Kind.EQUATION,
        "27",
        "section 9",
        "Which pooling mechanisms are in the core",
        "With side-bet tau and severance eps for L, pooling at chi is in the core if and only if 3 + 2 beta |1 - eps| "
        "<= chi <= 3.5 and tau = 2 beta eps for some beta between 1.5 and 2.",
        "Prices, side-bets and severance that are drawn, on both sides of (27).",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "The five constraints of (14) (core-theory.md, Proposition M13).",
        condition_27,
        (
            "tests/mechanisms/core/test_core_membership.py::test_pooling_with_severance_is_in_the_core_exactly_when_condition_27_holds",
            "tests/mechanisms/core/test_core_membership.py::test_the_best_severance_for_a_side_bet_meets_condition_27",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "2, least severance",
        "section 9",
        "Five sixths is the least severance",
        "A core allocation cannot be achieved with severance less than 5/6; the one with the least has beta = 1.5, "
        "chi = 3.5, eps = 5/6, tau = 2.5.",
        "The least severance over all core allocations, with a bound that multipliers prove; and (27) in rational "
        "numbers.",
        (
            How.PROOF,
            How.CERTIFICATE,
        ),
        Verdict.HOLDS,
        "True of all core allocations, pooling or not. Under fine support it is 7/8 (core-theory.md, Proposition M13).",
        smallest_severance,
        (
            "tests/mechanisms/core/test_core.py::test_five_sixths_is_the_smallest_severance_over_all_core_allocations_of_example_2",
            "tests/mechanisms/core/test_core.py::test_fine_support_raises_the_smallest_severance_of_example_2_to_seven_eighths",
        ),
    ),
)

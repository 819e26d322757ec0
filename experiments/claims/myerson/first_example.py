"""The statements of Myerson (2006) about Example 1, in sections 5 and 8."""

from __future__ import annotations

from marketgame.experiments import ExitCode
from marketgame.experiments.claims.claim import Claim, Counterexample, How, Kind, Repair, Verdict
from marketgame.experiments.claims.myerson.first_example_evidence import (
    all_supported,
    always_trading,
    below_six,
    equal_gains,
    outside_the_triangle,
    printed_constraints,
    printed_plan,
    published_vertices,
    supporting_weights,
    two_properties,
    virtual_values,
)
from marketgame.experiments.claims.myerson.stated import PAGE, stated

CLAIMS: tuple[Claim, ...] = (
    stated(
        Kind.EXAMPLE,
        "1, trade with H",
        "section 5",
        "H cannot always sell",
        "Incentives and participation imply that trade is not certain when the seller is H.",
        "The largest probability of trade with H, by a linear program.",
        (
            How.PROOF,
            How.CERTIFICATE,
        ),
        Verdict.HOLDS,
        "It is 1/3 (core-theory.md, Proposition M12). Without participation trade can be certain.",
        always_trading,
    ),
    stated(
        Kind.EXAMPLE,
        "1, equal gains",
        "section 5",
        "Equal gains from trade",
        "Trade at 1.5 if L, and with probability 1/9 at 5.5 if H: no larger probability is possible with these "
        "prices, the gains are 1/18 and 1/2 for both, and the mechanism is incentive-efficient.",
        "All numbers in rational arithmetic; efficiency by a program that looks for something better.",
        (How.CERTIFICATE,),
        Verdict.HOLDS,
        "Recomputed.",
        equal_gains,
        (
            "tests/mechanisms/incentive_efficiency/test_incentive_efficiency_examples.py::test_the_equal_gains_mechanism_of_example_1_is_incentive_efficient",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "1, weights",
        "section 5",
        "The weights that support equal gains",
        "The weights and multipliers that support the mechanism must be 5/8, 3/8, 1, and 1/8 for L imitating H, 0 for "
        "H imitating L.",
        "The least and the largest of each over all that satisfy (5) to (7).",
        (How.CERTIFICATE,),
        Verdict.HOLDS,
        "They are unique.",
        supporting_weights,
        (
            "tests/mechanisms/incentive_efficiency/test_incentive_efficiency_examples.py::test_example_1_has_the_multipliers_of_the_paper",
            "tests/mechanisms/incentive_efficiency/test_incentive_efficiency_examples.py::test_other_mechanisms_and_multipliers_are_refused_in_example_1",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "1, one support for all",
        "sections 5 and 8",
        "One support for all efficient mechanisms",
        "The same weights and multipliers support all incentive-efficient mechanisms, whose weighted sum is 0.5.",
        "Mechanisms that are efficient for weights that are drawn, with money moved.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "By cases of the weight of H (core-theory.md, Proposition M12).",
        all_supported,
    ),
    stated(
        Kind.EXAMPLE,
        "1, two properties",
        "section 8",
        "Which mechanisms are efficient",
        "The incentive-efficient set includes all incentive-compatible mechanisms that trade with L for sure and in "
        "which L would as well report H.",
        "Mechanisms with the two properties that are drawn, spending what is there or keeping something.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "They must be feasible, and the mediator must expect to keep nothing, as in Theorem 0.",
        two_properties,
        repair=Repair(
            "All feasible mechanisms with the two properties in which the mediator expects to keep nothing; and there "
            "are no others.",
            PAGE,
            "Proposition M12",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "1, plan",
        "section 5",
        "A plan that blocks equal gains",
        "The seller of type H leaves alone with odds 8/9, and with the buyer with odds 1/9, who pays 5.90 when 5.50 "
        "goes to the seller: y_1(H) = 5.5/9, y_2 = 5.9/18. The mediator keeps 0.40, the buyer gains 0.10 when "
        "invited, more than 1/18, and is worse off ex ante.",
        "The plan with the printed numbers, and with the sign of y_2 turned; all conditions recomputed.",
        (How.CERTIFICATE,),
        Verdict.REPAIRED,
        "y is what is paid to players, so that the printed sign of y_2 pays the buyer too and loses money.",
        printed_plan,
        (
            "tests/mechanisms/blocking/test_blocking.py::test_the_plan_printed_in_section_5_is_tenable_and_earns_a_forty_fifth",
            "tests/mechanisms/blocking/test_blocking.py::test_the_equal_gains_mechanism_is_blocked_by_the_plan_of_the_paper_at_the_highest_price",
        ),
        counterexample=Counterexample(
            (
                "block",
                "example:myerson-example-1-equal-gains",
            ),
            "The most profitable plan has the same invitations and takes 0.330 from the buyer, a little more than "
            "5.9/18.",
            ExitCode.NO,
        ),
        repair=Repair(
            "With y_2 = -5.9/18 everything else that is said is true, and the expected profit is 1/45.",
            PAGE,
            "Lemma M4",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "1, prices below 6",
        "section 5",
        "Who is not paid the virtual value is blocked",
        "Every incentive-efficient mechanism that sells the good of H at less than 6 can be blocked; trade at 1.5 if "
        "L, and with odds 0.1 at 6 if H, cannot.",
        "Efficient mechanisms of this kind that are drawn, with plans against them, and the best severance for each.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "In the core without severance the buyer does not gain if H; and severance needs weights with which H never "
        "trades, or always (core-theory.md, Proposition M12).",
        below_six,
        (
            "tests/mechanisms/blocking/test_blocking.py::test_the_virtually_equitable_mechanism_is_supported_by_the_multipliers_of_the_paper",
            "tests/mechanisms/core/test_core_membership.py::test_the_mechanisms_of_example_1_are_judged_as_the_paper_judges_them",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "1, virtual values",
        "section 8",
        "The table of virtual values",
        "The virtual value of the good is 5 + 8 alpha(H|L) to H and 1 - 8 alpha(L|H) to L.",
        "Both as linear functions of the multipliers.",
        (How.CERTIFICATE,),
        Verdict.HOLDS,
        "Recomputed.",
        virtual_values,
    ),
    stated(
        Kind.EXAMPLE,
        "1, constraints",
        "section 8",
        "The constraints and the extreme points",
        "At these weights (14) is the five printed constraints, and with achievability they leave the extreme points "
        "(0, 0, 1, 0), (0.5, 0.5, 0.5, -0.5) and (1, 0.2, 0, 0).",
        "The constraints derived from (14); the extreme points in rational numbers.",
        (How.CERTIFICATE,),
        Verdict.HOLDS,
        "Recomputed.",
        printed_constraints,
        (
            "tests/mechanisms/core/test_core.py::test_the_core_of_example_1_without_severance_touches_each_of_its_three_facets",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "1, three mechanisms",
        "section 8",
        "The mechanisms at the extreme points",
        "Three mechanisms without side-bets and severance achieve the three vertices; these and all mixtures are in "
        "the core.",
        "The three, and mixtures that are drawn.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        'Stakes and conditions recomputed. Where the paper says "without sidepayments", prices are paid: there are '
        "no side-bets.",
        published_vertices,
        (
            "tests/mechanisms/core/test_core.py::test_the_core_of_example_1_without_severance_has_the_three_vertices_of_the_paper",
        ),
    ),
    stated(
        Kind.EXAMPLE,
        "1, no other core allocations",
        "section 8",
        "These are the only core allocations",
        "The mixtures of the three allocations are the only core allocations of this game.",
        "Efficient mechanisms without severance that are drawn, inside and outside the triangle; and one with "
        "severance.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "The argument uses one pair of weights for all. Mechanisms that never trade with H have others, among them "
        "one that gives L no weight, and then severance for L adds allocations. Under fine support only the edge from "
        "(0, 0, 1, 0) to (1, 0.2, 0, 0) is left.",
        outside_the_triangle,
        (
            "tests/mechanisms/core/test_core.py::test_severance_adds_core_allocations_to_example_1_which_the_paper_calls_complete",
            "tests/mechanisms/core/test_core.py::test_fine_support_leaves_a_segment_of_the_core_of_example_1",
        ),
        counterexample=Counterexample(
            (
                "block",
                "example:myerson-example-1-severance",
            ),
            "Stakes (0, 0.5, 1, -1): trade at 1.5 if L, H gets 0.5 for nothing, and L is promised 0.5 if it leaves. "
            "No plan is profitable, and H has more to lose than L.",
        ),
        repair=Repair(
            "Without severance the core is the triangle of the three vertices.",
            PAGE,
            "Proposition M12",
        ),
    ),
)

"""The statements of sections 1 to 3 of Myerson (2006): mechanisms, incentive efficiency, virtual utility."""

from __future__ import annotations

from marketgame.experiments.claims.claim import Claim, Counterexample, How, Kind, Repair, Verdict
from marketgame.experiments.claims.myerson.efficiency_evidence import (
    bounded_program,
    correlation,
    exaggeration,
    hydraulic,
    lagrangean,
    revelation,
    theorem_0,
    weak_efficiency,
)
from marketgame.experiments.claims.myerson.stated import PAGE, stated

CLAIMS: tuple[Claim, ...] = (
    stated(
        Kind.DEFINITION,
        "incentive compatible mechanism",
        "section 2",
        "Direct mechanisms are general",
        "By the revelation principle nothing is lost by looking only at mechanisms in which everybody reports its "
        "type and the truth is an equilibrium.",
        "All equilibria in pure messages of games of messages for two players that are drawn.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Replace what messages lead to by what the messages of the reported types lead to: a gain by a lie would be a "
        "gain by sending the messages of another type.",
        revelation,
        (
            "tests/mechanisms/coalitional_games/test_coalitional_game.py::test_interim_utilities_are_those_of_a_slow_enumeration",
        ),
    ),
    stated(
        Kind.REMARK,
        "independence",
        "section 1",
        "Independent types make incentives harder",
        "Assuming independent types makes incentive compatibility more difficult to satisfy, because a claim cannot "
        "be tested against correlated information of others.",
        "What two players with private values are left by the first best if both must be willing, with independent "
        "and with correlated types of the same odds.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Where no type believes what is an average of what its other types believe, bets on the others make every "
        "rule incentive compatible; with independent types all types believe the same (core-theory.md, Lemma M3).",
        correlation,
    ),
    stated(
        Kind.REMARK,
        "weak efficiency",
        "section 3",
        "Efficient means optimal for some weights",
        "A feasible mechanism is weakly incentive-efficient if and only if it maximises (1) for some nonnegative "
        "weights, not all zero.",
        "Feasible mechanisms that are drawn, against a program that looks for something better for all types; and the "
        "weights that are found.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Feasible interim utilities are a convex set, so a hyperplane separates it from what is better for all "
        "(core-theory.md, Theorem M1). Any feasible mechanism is meant, also one that leaves the mediator something: "
        "none of these is efficient.",
        weak_efficiency,
        ("tests/mechanisms/incentive_efficiency/test_dominance.py",),
    ),
    stated(
        Kind.EQUATION,
        "1",
        "section 3",
        "The program for weighted utility",
        "Efficient mechanisms solve the linear program: maximise weighted interim utility over feasible mechanisms, "
        "with any nonnegative weights.",
        "Weights with equal and with unequal sums, in games that are drawn, through SciPy.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Money moved from one player to another, the same at all types, tempts nobody, so that the program has no "
        "maximum unless the weights of each player have the same sum.",
        bounded_program,
        (
            "tests/mechanisms/incentive_efficiency/test_incentive_efficiency.py::test_unequal_sums_of_weights_are_unbounded_and_say_who_would_pay_whom",
        ),
        repair=Repair(
            "Program (1) has a maximum if and only if the sum of weights is the same for all players.",
            PAGE,
            "Theorem M1",
        ),
    ),
    stated(
        Kind.EQUATION,
        "2 and 4",
        "section 3",
        "Two forms of the Lagrangean",
        "The Lagrangean (2) can be written (4): expected virtual utility, and payments times a coefficient. It has a "
        "maximum within the budget only if the coefficients are the same for all players and types, and then they can "
        "be taken to be one.",
        "Random weights, multipliers and mechanisms; the coefficients are those of program (1), which is tested with "
        "it.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Terms are collected by what was reported (core-theory.md, Lemma M2). The budget stays a constraint and is "
        "not in (2); without it a maximum would need coefficients of zero, and so no weights.",
        lagrangean,
    ),
    stated(
        Kind.EQUATION,
        "3",
        "section 3",
        "Virtual utility exaggerates differences from types that jeopardise",
        "Efficient mechanisms are ex post efficient in virtual utilities, and the virtual utility of a type differs "
        "from its utility by exaggerating the difference from the types that jeopardise it.",
        "Both forms of virtual utility at random solutions of (5); (7) at mechanisms that are efficient for random "
        "weights.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Put (5) into (3) (core-theory.md, Lemma M2); the rest is (7).",
        exaggeration,
        (
            "tests/mechanisms/coalitional_games/test_coalitional_game.py::test_virtual_utility_is_equation_3_written_out",
            "tests/mechanisms/coalitional_games/test_coalitional_game.py::test_virtual_utility_with_probabilities_as_weights_is_utility",
        ),
    ),
    stated(
        Kind.EQUATION,
        "5",
        "section 3",
        "Hydraulic equations",
        "The equations (5) imply that the weights of each player sum to one, so that some weight of each player is "
        "positive.",
        "Random solutions of (5).",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Summed over the types of a player every multiplier occurs once with each sign.",
        hydraulic,
    ),
    stated(
        Kind.THEOREM,
        "0",
        "section 3",
        "When a mechanism is incentive-efficient",
        "A feasible mechanism is incentive-efficient if and only if weights and multipliers satisfy (5), (6) and (7).",
        "Feasible mechanisms of games that are drawn: efficient ones, mixtures, with money moved, or with money "
        "thrown away; against a program that looks for something better for all types.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "The budget has the multiplier one, and complementary slackness for it is missing: a mechanism that throws "
        "money away satisfies (5) to (7) when its actions are right. That it is necessary is true as printed.",
        theorem_0,
        (
            "tests/mechanisms/incentive_efficiency/test_incentive_efficiency.py::test_conditions_5_to_7_hold_and_duality_is_strong",
            "tests/experiments/claims/test_myerson.py::test_the_programs_written_out_tell_what_is_not_so",
        ),
        counterexample=Counterexample(
            (
                "solve",
                "example:money-thrown-away",
            ),
            "One player, one type, one action, who gives 1 away: (5) to (7) hold with the weight 1, and it could have "
            "1 more. There is no smaller game.",
        ),
        repair=Repair(
            "A feasible mechanism is incentive-efficient if and only if (5), (6) and (7) hold for some weights and "
            "multipliers, and the mediator expects to keep nothing.",
            PAGE,
            "Theorem M1",
        ),
    ),
)

"""The statements of sections 1 and 7 of Myerson (2006): severance, balanced games, and the core."""

from __future__ import annotations

from marketgame.experiments.claims.claim import Claim, Counterexample, How, Kind, Repair, Verdict
from marketgame.experiments.claims.myerson.core_evidence import (
    achievable,
    core_is_efficient,
    empty_cores,
    linear_exchange,
    ordinary_core,
    programs_20_and_22,
    proof_of_theorem_3,
    rates_that_balance,
    severance_needed,
    severance_of_the_known,
    theorem_2,
    theorem_3,
    two_players,
)
from marketgame.experiments.claims.myerson.stated import PAGE, stated

CLAIMS: tuple[Claim, ...] = (
    stated(
        Kind.REMARK,
        "severance of the known",
        "sections 1 and 7",
        "Severance never helps under complete information",
        "Severance payments could never expand the core of a game with complete information.",
        "Feasible mechanisms of games with one type each, with severance that is drawn.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "What is promised to leavers is what everybody together gains by leaving (core-theory.md, Lemma M7).",
        severance_of_the_known,
    ),
    stated(
        Kind.DEFINITION,
        "core",
        "section 7",
        "Severance may be needed",
        "An allocation is in the core if it is inhibitive and a feasible mechanism achieves it with some severance. "
        "Severance may be needed for there to be any.",
        "Example 2 with and without severance; trade with an informed seller of two types whose numbers are drawn.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Without severance the core of Example 2 is empty, which multipliers prove; with it it is not.",
        severance_needed,
        (
            "tests/mechanisms/core/test_core.py::test_example_2_has_no_core_without_severance_and_the_proof_replays",
            "tests/mechanisms/core/test_core_membership.py::test_stakes_are_achievable_exactly_up_to_what_the_players_can_earn",
        ),
    ),
    stated(
        Kind.EQUATION,
        "18",
        "section 7",
        "What stakes a mechanism can achieve",
        "Stakes are achieved by a feasible mechanism if severance that is nowhere negative makes up the difference to "
        "what it gives at every profile.",
        "Stakes that are drawn: the value of program (20), written out, and the engine, which looks at interim "
        "expectations only.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "A definition. Program (20) says when: the mediator must not lose. Payments at a profile can be anything that "
        "leaves interim expectations alone, and what a type expects beyond its stake is severance.",
        achievable,
        (
            "tests/mechanisms/core/test_core_membership.py::test_stakes_are_achievable_exactly_up_to_what_the_players_can_earn",
        ),
    ),
    stated(
        Kind.REMARK,
        "empty cores",
        "sections 1 and 7",
        "The core can be empty",
        "Even with complete information the core is empty for many games.",
        "Games of up to three players that are drawn, balanced or not.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Three players of whom any two share 1, and all three 1.4: multipliers prove it.",
        empty_cores,
        (
            "tests/mechanisms/core/test_core.py::test_three_player_majority_has_a_core_when_everybody_is_worth_one_and_a_half",
        ),
    ),
    stated(
        Kind.REMARK,
        "two players",
        "section 7",
        "Games of two players are balanced",
        "The balancedness condition is always satisfied in games with two players.",
        "Games of two players that are drawn, as they are and with the actions that combine what both do alone.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "It fails where the two cannot do together what each does alone, and then the core may be empty.",
        two_players,
        ("tests/mechanisms/core/test_balancedness.py::test_two_players_who_cannot_separate_make_an_unbalanced_game",),
        counterexample=Counterexample(
            (
                "core",
                "example:two-who-cannot-part",
            ),
            "Each has 1 alone and both have nothing together. One player is always balanced; there is nothing smaller "
            "with two.",
        ),
        repair=Repair(
            "A game of two players is balanced if both together can do every combination of what each does alone.",
            PAGE,
            "Proposition M8",
        ),
    ),
    stated(
        Kind.REMARK,
        "linear exchange",
        "section 7",
        "Linear exchange games are balanced",
        "Balancedness is satisfied in games of exchange of assets for which each player has additive utility.",
        "Two or three assets of two or three players with types, every coalition dividing what its members own in "
        "every way; a lottery written out imitates balanced plans that are drawn.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Hand out each asset by a lottery of its own with the rates of the plan (core-theory.md, Proposition M8). "
        "Everybody together must be able to hand each asset to anybody, and finitely many exchanges must include that.",
        linear_exchange,
    ),
    stated(
        Kind.DEFINITION,
        "balanced game",
        "sections 1 and 7",
        "Balanced games are those with a core under complete information",
        "Balanced games are the games where cores are nonempty in the complete-information case: everybody together "
        "can give all players what any balanced plan gives them.",
        "Games of up to three players with one type each, against the linear program of the ordinary core.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Utility is transferable, so the sum is what matters; equality of utilities fails in plain games that have a "
        "core.",
        ordinary_core,
        (
            "tests/mechanisms/core/test_balancedness.py::test_with_one_type_each_balanced_up_to_payments_means_a_nonempty_ordinary_core",
            "tests/mechanisms/core/test_balancedness.py::test_three_player_majority_is_balanced_when_everybody_is_worth_one_and_a_half",
        ),
        counterexample=Counterexample(
            (
                "core",
                "example:majority-1.5",
            ),
            "Any two share 1 equally, all three have 1.5 in one way only: the core is not empty, and no mixture of "
            "one action gives each 1/2. Two players with one type each and a core can always part by sums.",
        ),
        repair=Repair(
            "Equality up to constants that do not sum to more than zero; Theorem 2 holds with it as well.",
            PAGE,
            "Proposition M8",
        ),
    ),
    stated(
        Kind.THEOREM,
        "2",
        "section 7",
        "Balanced games have a core",
        "If the game is balanced then the core is nonempty.",
        "Random games of one to three players with up to three types, everybody together being able to do what "
        "balanced plans do; what is found is confirmed by programs written out, also under fine support.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "The proof finds finely inhibitive stakes. Two steps are missing in it and are supplied: the dual of (20), "
        "and that the fixed-point theorem applies (core-theory.md, Theorem M9). Balancedness up to payments suffices.",
        theorem_2,
        (
            "tests/mechanisms/core/test_core.py::test_balanced_games_have_core_allocations_that_no_blocking_mediator_breaks",
            "tests/mechanisms/core/test_balancedness.py::test_games_that_can_imitate_every_extreme_plan_are_balanced_and_have_a_core",
        ),
    ),
    stated(
        Kind.PROOF,
        "of Theorem 2, (20) to (23)",
        "section 7",
        "The dual of the reduced program",
        "(20) always has an optimal solution, and by its dual (21) and (22), which are missing in the text, (19) is "
        "(23), with finitely many extreme points.",
        "(20) and the dual as we supply it, for stakes and games that are drawn.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "The text at hand goes from (20) to (23). What is said about (22) afterwards determines it.",
        programs_20_and_22,
        repair=Repair(
            "(21) and (22) as supplied; the multipliers of what types must get depend on a player's own type only.",
            PAGE,
            "Theorem M9",
        ),
    ),
    stated(
        Kind.PROOF,
        "of Theorem 2, (25) and (26)",
        "section 7",
        "Rates of coalitions are balanced at a fixed point",
        "The equations (25) imply (26): at every profile the rates of the coalitions of each player sum to one.",
        "The matrix of (25) for random probabilities and multipliers of up to five types.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Summing over the types above one, and over those below, as printed; probabilities must be positive "
        "(core-theory.md, Theorem M9).",
        rates_that_balance,
    ),
    stated(
        Kind.THEOREM,
        "3",
        "section 7",
        "Severance goes to types without weight",
        "If weights and multipliers satisfy Theorem 1 for the stakes of a feasible mechanism, the expected weight "
        "times severance is zero; so severance is positive only for types of weight zero.",
        "Core allocations with as much severance as was found, in trade with an informed seller, in neighbours of "
        "Example 2 and in balanced games; the sum is maximised over ALL weights and multipliers that support the "
        "stakes.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "The chain of the proof, with its third equality repaired; that everybody together may block is used "
        "(core-theory.md, Theorem M10).",
        theorem_3,
        (
            "tests/mechanisms/core/test_core.py::test_core_mechanisms_are_incentive_efficient_and_pay_severance_only_to_types_without_weight",
        ),
    ),
    stated(
        Kind.PROOF,
        "of Theorem 3, third equality",
        "section 7",
        "Payments in virtual utility",
        "The third equality subtracts the multiplier of r imitating t times the payment at r.",
        "Both sides at random mechanisms, weights and multipliers with (5).",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Who imitates t is paid as t. As printed neither side of the next line follows.",
        proof_of_theorem_3,
        repair=Repair(
            "The same with the payment at t, for which it and the next line hold.",
            PAGE,
            "Theorem M10",
        ),
    ),
    stated(
        Kind.REMARK,
        "core mechanisms are efficient",
        "section 7",
        "The supporting weights make core mechanisms incentive-efficient",
        "The weights and multipliers that support a core allocation support its mechanism as incentive-efficient.",
        "Core mechanisms of games that are drawn, against a program that looks for something better for all types, "
        "and (5) to (7); welfare in the core of Example 1.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Equality holds throughout the proof of Theorem 3, so that (6) and (7) hold and the mediator keeps nothing. "
        "This is efficiency at the interim stage; ex ante core mechanisms may forgo welfare, as in Example 1 "
        "(core-theory.md, Theorem M10).",
        core_is_efficient,
        ("tests/mechanisms/core/test_core.py::test_the_established_mediator_keeps_nothing_at_any_core_allocation",),
    ),
)

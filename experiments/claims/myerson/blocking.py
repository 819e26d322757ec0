"""The statements of sections 1, 4 and 6 of Myerson (2006): blocking plans, and inhibitive allocations."""

from __future__ import annotations

from marketgame.experiments import ExitCode
from marketgame.experiments.claims.claim import Claim, Counterexample, How, Kind, Repair, Verdict
from marketgame.experiments.claims.myerson.blocking_evidence import (
    complete_information,
    conditional_payments,
    equilibrium,
    fine_support,
    participation,
    sizes,
    stakes_of_profiles,
    theorem_1,
    weak_duality,
)
from marketgame.experiments.claims.myerson.stated import PAGE, stated

CLAIMS: tuple[Claim, ...] = (
    stated(
        Kind.EQUATION,
        "8 and 9",
        "section 4",
        "How large a plan is does not matter",
        "Nothing is lost by asking that invitations have probabilities that sum to at most one over all coalitions "
        "and types, (9), instead of at every profile, (8).",
        "Program (15) with both bounds, written out, in games and with stakes that are drawn.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Conditions (10) to (12) stay true when a plan is made smaller, and (9) implies (8). What a plan earns does "
        "depend on the bound: against pooling at 3.5 in Example 2 it is 1/4 and 1/8 (core-theory.md, Lemma M4).",
        sizes,
        (
            "tests/mechanisms/blocking/test_blocking.py::test_against_pooling_at_three_and_a_half_a_plan_earns_an_eighth_and_twice_that_at_every_profile",
        ),
    ),
    stated(
        Kind.REMARK,
        "payments to those who leave",
        "section 4",
        "What is paid when a coalition forms",
        "The payments may depend on coalition, types and action in any way for which the sum over coalitions with i, "
        "types of the others and actions of v_S(c|t_S) times the payment is y_i(t_i).",
        "The paper's own plan against Example 1; and the most profitable plans against stakes that are drawn, changed "
        "so that every type leaves sometimes.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "The odds of the other members' types are missing, against the paper's own example; and where a type never "
        "leaves but is paid, no payment can satisfy the equation.",
        conditional_payments,
        (
            "tests/mechanisms/blocking/test_blocking.py::test_the_plan_printed_in_section_5_is_tenable_and_earns_a_forty_fifth",
        ),
        counterexample=Counterexample(
            (
                "block",
                "example:myerson-example-1-equal-gains",
            ),
            "The buyer is invited with odds 1/9 if the seller is H, which has odds 1/2. By the printed formula it "
            "would pay half of what the plan needs.",
            ExitCode.NO,
        ),
        repair=Repair(
            "With the odds of the other members' types in the sum. Stakes that are blocked are blocked by a plan that "
            "invites every type, for which one payment for each type suffices.",
            PAGE,
            "Lemma M4",
        ),
    ),
    stated(
        Kind.DEFINITION,
        "tenable blocking plan",
        "section 4",
        "Conditions (10) to (12) say that accepting and telling the truth is an equilibrium",
        "(10) and (11) make it an equilibrium that all accept any invitation and report honestly, and (12) that the "
        "blocking mediator expects a profit.",
        "Plans against stakes that are drawn, played as section 4 describes: an invitation is drawn, those asked "
        "consent and report in one message, and whoever leaves is paid. All profiles, draws and messages are gone "
        "through.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Who is asked does not depend on types, so that what a message brings is proportional to what (10) and (11) "
        "compare (core-theory.md, Lemma M4). Consent and type are one message, as the paper has it.",
        equilibrium,
        (
            "tests/mechanisms/blocking/test_blocking.py::test_a_plan_with_a_greedier_payment_or_another_invitation_is_not_tenable",
        ),
    ),
    stated(
        Kind.THEOREM,
        "1",
        "section 6",
        "Which allocations are inhibitive",
        "An allocation is inhibitive if and only if weights and multipliers satisfy (5) and (14).",
        "Program (15), its dual and the engine, for stakes of feasible mechanisms with side-bets and severance, and "
        "for stakes without any mechanism, in games of one to four players with up to three types, plain and "
        "degenerate.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Duality of linear programs; (15) is feasible whatever the stakes. Positive probabilities are needed. The "
        "most a plan earns under (9) is the largest virtual surplus, times the odds of the types, where it is least "
        "(core-theory.md, Theorem M5).",
        theorem_1,
        (
            "tests/mechanisms/blocking/test_blocking.py::test_profits_agree_with_the_program_written_out_entry_by_entry",
            "tests/mechanisms/blocking/test_blocking.py::test_every_answer_carries_its_own_proof",
        ),
    ),
    stated(
        Kind.PROOF,
        "of Theorem 1, (15)",
        "section 6",
        "Weights bound what a plan earns",
        "The allocation is inhibitive if and only if (15) has the optimal value zero, and (8) can be omitted there; "
        "any weights and multipliers of the dual bound what plans earn.",
        "The most profitable plan against weights and multipliers that are drawn with (5).",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "(15) is homogeneous, so its value is zero or unbounded; a small multiple of a plan satisfies (8).",
        weak_duality,
    ),
    stated(
        Kind.EQUATION,
        "16",
        "section 6",
        "The dual program",
        "The dual of (15) has in its second line the stakes of the types, printed as those of i at t_i alone.",
        "The program with each type's expected stake in place of the stake at the profile.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "The stake is that of the whole profile, as in (13) and (14). Read as the type's expected stake the condition "
        "gives other answers, because members who leave together learn each other's types.",
        stakes_of_profiles,
        repair=Repair(
            "(16) with the stake of i at the profile t.",
            PAGE,
            "Theorem M5",
        ),
    ),
    stated(
        Kind.EQUATION,
        "17",
        "section 6",
        "Fine support is what a mediator who asks everybody cannot break",
        "If (17) holds, no mediator can make money although what a coalition does may depend on the types of those "
        "who stay; an allocation is finely inhibitive if and only if (17) holds for some weights and multipliers.",
        "The program with v_S(c|t) in place of v_S(c|t_S) and its dual, written out, and the engine.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "The same duality; (17) is stronger than (14), of which it is no average, and Example 2 tells them apart "
        "(core-theory.md, Theorem M5).",
        fine_support,
        (
            "tests/mechanisms/blocking/test_blocking.py::test_a_mediator_who_sees_the_sellers_type_blocks_five_sixths_but_not_seven_eighths",
            "tests/mechanisms/blocking/test_blocking.py::test_a_mediator_who_may_ask_everybody_earns_no_less_at_every_profile",
        ),
    ),
    stated(
        Kind.REMARK,
        "participation",
        "section 9",
        "Inhibitive stakes keep everybody willing",
        "A type that would refuse the established plan can block it: in Example 2 prices must lie between 3 and 3.5 "
        "for that reason.",
        "Stakes that are drawn, and each type's best action alone.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "The transform of a player has a nonnegative inverse, so (14) for single players says that every type expects "
        "at least what it has alone (core-theory.md, Lemma M6).",
        participation,
        ("tests/mechanisms/blocking/test_blocking.py::test_inhibitive_stakes_give_every_type_what_it_expects_alone",),
    ),
    stated(
        Kind.REMARK,
        "drawing coalitions by lot",
        "section 1",
        "Random blocking adds nothing under complete information",
        "With transferable utility and complete information, randomised coalitions block nothing that no single "
        "coalition blocks.",
        "Games of one to four players with one type each.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Virtual utility is utility, and (14) is the ordinary condition (core-theory.md, Lemma M7).",
        complete_information,
        ("tests/mechanisms/core/test_core.py::test_with_one_type_each_the_core_is_the_ordinary_core",),
    ),
)

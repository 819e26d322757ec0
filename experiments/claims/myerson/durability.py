"""The statements of section 10 of Myerson (2006): coalitional durability."""

from __future__ import annotations

from marketgame.experiments.claims.claim import Claim, How, Kind, Repair, Verdict
from marketgame.experiments.claims.myerson.durability_evidence import (
    durability_has_content,
    theorem_4,
)
from marketgame.experiments.claims.myerson.stated import PAGE, stated

CLAIMS: tuple[Claim, ...] = (
    stated(
        Kind.DEFINITION,
        "coalitionally durable",
        "section 10",
        "Votes for an alternative game",
        "A mechanism is coalitionally durable if every alternative game fails for some beliefs and equilibrium of it: "
        "types that gain are thought as likely as any to vote for it, and of some member no type gains. U_i(mu, x | "
        "q, t_i) is printed with the payment x_i(d).",
        "No trade in Example 1, and offers to trade against no trade in games that are drawn: the engine, and a "
        "program that goes through all patterns of play and votes.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "The payment is that of the types, x_i(t); x_i(d) has no meaning. So read the definition tells mechanisms "
        "apart.",
        durability_has_content,
        (
            "tests/mechanisms/core/test_durability.py::test_no_trade_is_refuted_in_both_examples_of_the_paper",
            "tests/mechanisms/core/test_durability.py::test_what_enumeration_rejects_the_program_rejects",
        ),
        repair=Repair(
            "The definition with x_i(t).",
            PAGE,
            "Theorem M11",
        ),
    ),
    stated(
        Kind.THEOREM,
        "4",
        "section 10",
        "Core mechanisms are durable",
        "If an allocation in the core is achievable by a feasible mechanism, the mechanism is coalitionally durable.",
        "Core mechanisms of balanced games of two players that are drawn, against alternatives for one and two "
        "players with up to two choices each; beliefs and equilibria are found by going through all patterns, and by "
        "the engine.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "The proof is right as printed: the limit of votes with trembles gives beliefs and play, and if of every "
        "member some type gained there would be a tenable plan (core-theory.md, Theorem M11). Searches reach two "
        "members, the proof all coalitions.",
        theorem_4,
        (
            "tests/mechanisms/core/test_durability.py::test_core_mechanisms_are_durable_against_every_alternative_tried",
            "tests/mechanisms/core/test_durability.py::test_a_refutation_survives_random_beliefs_and_plays",
        ),
    ),
)

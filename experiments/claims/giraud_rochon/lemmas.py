"""Lemma 1 and Lemma 2 of Giraud and Rochon (2001), and the steps of their proofs."""

from __future__ import annotations

from functools import partial

from marketgame.experiments.claims.claim import Claim, Counterexample, How, Kind, Paper, Repair, Verdict
from marketgame.experiments.claims.giraud_rochon.revelation import lemma_1, proof_of_lemma_1

_stated = partial(Claim, Paper.GIRAUD_ROCHON)

CLAIMS: tuple[Claim, ...] = (
    _stated(
        Kind.LEMMA,
        "1",
        "sections 4 and 6.2",
        "Generically efficient prices tell the whole type profile",
        "Under Assumption 1 there is a dense set of utility functions for which an open and dense set of selections "
        "of Pareto optima, and almost every one, has supporting prices that differ from profile to profile.",
        "Random economies of three to five players, one or two goods besides the numeraire and up to three types "
        "each, without regard to corners; and all small changes of an economy at a corner.",
        (How.CERTIFICATE, How.PROOF, How.SEARCH),
        Verdict.REPAIRED,
        "Where valuations are strictly concave the goods of a Pareto optimum with money left are unique, so a "
        "selection leaves prices no choice: either the economy reveals, or no selection does. At a corner one price "
        "may support all profiles, and it does so for all nearby utility functions: an open set in which nothing "
        "generic can hold.",
        lemma_1,
        (
            "tests/experiments/claims/test_giraud_rochon.py::test_one_price_supports_all_profiles_of_all_neighbours_of_a_corner",
            "tests/mechanisms/contracts/test_stated_contracts.py",
        ),
        Counterexample(
            ("solve", "example:contract/grain-for-one-silent"),
            "Two growers and a miller, one good: whatever the types, all grain goes to the miller and 4 supports "
            "that. With one type each there would be one profile and nothing to tell; three players and two goods are "
            "the fewest that Assumption 1 allows.",
        ),
        Repair(
            "Where everybody holds some of every good at every profile, an open and dense set of utility functions "
            "has a different supporting price at each profile.",
            "converse.md",
            "Proposition C7",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Lemma 1, rank",
        "section 6.2",
        "Prices are injective where the matrix of gradients has full rank",
        "The set of selections whose T by L-1 matrix of gradients has less than full rank is closed and negligible; "
        "its complement is what the lemma calls injective selections.",
        "The step itself, in rational numbers; and random matrices with two equal rows.",
        (How.CERTIFICATE, How.SEARCH),
        Verdict.REFUTED,
        "Full rank does not make rows different: with more profiles than goods two rows may be equal and the rank as "
        "large as can be. With one good besides the numeraire every column of positive prices has full rank, so the "
        "proof shows nothing there.",
        proof_of_lemma_1,
        ("tests/experiments/claims/test_giraud_rochon.py::test_every_verdict_is_found_anew",),
        Counterexample(
            ("solve", "example:equal-prices"),
            "Intercepts (5, 6, 5) and (6, 5, 5), slopes 1 and supply 3: two profiles at one price, whose gradients "
            "have rank 1.",
        ),
        Repair(
            "See Lemma 1: the condition is that rows differ, and it is met generically inside.",
            "converse.md",
            "Proposition C7",
        ),
    ),
)

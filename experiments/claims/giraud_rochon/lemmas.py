"""Lemma 1 and Lemma 2 of Giraud and Rochon (2001), and the steps of their proofs."""

from __future__ import annotations

from functools import partial

from marketgame.experiments.claims.claim import Claim, Counterexample, How, Kind, Paper, Repair, Verdict
from marketgame.experiments.claims.giraud_rochon import domination, revelation

_stated = partial(Claim, Paper.GIRAUD_ROCHON)
EVERY_VERDICT = "tests/experiments/claims/test_giraud_rochon.py::test_every_verdict_is_found_anew"

CLAIMS: tuple[Claim, ...] = (
    _stated(
        Kind.LEMMA,
        "1",
        "sections 4 and 6.2",
        "Generically efficient prices tell the whole type profile",
        "Under Assumption 1 there is a dense set of utility functions for which an open and dense set of selections "
        "of Pareto optima, and almost every one, has supporting prices that differ from profile to profile.",
        "Random economies of three and four players, one or two goods besides the numeraire and up to three types "
        "each, without regard to corners; and neighbours, within 2% of every number, of an economy at a corner.",
        (
            How.CERTIFICATE,
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Where valuations are strictly concave the goods of a Pareto optimum with money left are unique, so that a "
        "selection leaves prices no choice: either the economy reveals, or no selection does. At a corner one price "
        "may support all profiles, and does so for all nearby utility functions: an open set without any economy whose "
        "prices tell, so that those whose do are not dense.",
        revelation.lemma_1,
        (
            EVERY_VERDICT,
            "tests/experiments/claims/test_giraud_rochon.py::test_one_price_supports_all_profiles_of_all_neighbours_of_a_corner",
            "tests/mechanisms/contracts/test_stated_contracts.py",
        ),
        counterexample=Counterexample(
            (
                "solve",
                "example:contract/grain-for-one-silent",
            ),
            "Two growers and a miller, one good: whatever the types, all grain goes to the miller, and 4 supports "
            "that. With one type each there would be one profile and nothing to tell; three players and two goods are "
            "the fewest that Assumption 1 allows.",
        ),
        repair=Repair(
            "Where everybody holds some of every good at every profile, an open and dense set of utility functions "
            "has another supporting price at each profile.",
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
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REFUTED,
        "Full rank does not make rows different: with more profiles than goods two rows may be equal and the rank as "
        "large as can be. With one good besides the numeraire every column of positive prices has full rank, so that "
        "the proof shows nothing there.",
        revelation.proof_of_lemma_1,
        (EVERY_VERDICT,),
        counterexample=Counterexample(
            (
                "solve",
                "example:equal-prices",
            ),
            "Intercepts (5, 6, 5) and (6, 5, 5), slopes 1 and supply 3: two profiles at one price, whose gradients "
            "have rank 1.",
        ),
        repair=Repair(
            "What matters is that rows differ, and inside they do generically.",
            "converse.md",
            "Proposition C7",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Lemma 1, dimension",
        "section 6.2",
        "Selections of Pareto optima have T(N-1)(L-1) dimensions",
        "For fixed utility functions the selections of Pareto optimal allocations are a smooth manifold of dimension "
        "T(N-1)(L-1).",
        "Ranks of the conditions, and sizes that are drawn.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Feasibility and equal gradients are L + (N-1)(L-1) independent conditions on NL coordinates of each profile: "
        "N-1 dimensions remain, the shares of the numeraire. That is the printed number only where there are two "
        "goods.",
        revelation.dimension,
        (EVERY_VERDICT,),
        repair=Repair(
            "The dimension is T(N-1) where everybody holds some of everything.",
        ),
    ),
    _stated(
        Kind.LEMMA,
        "2",
        "sections 4 and 6.3",
        "What is not efficient is dominated by something efficient and incentive compatible",
        "Under the non-degeneracy assumption an incentive-compatible allocation that is not interim efficient is "
        "dominated by a non-negligible set of allocations that are incentive compatible and interim efficient.",
        "Monopoly, in rational numbers; and allocations of random economies of three and four players with "
        "independent types, goods and payments drawn among all that make the truth best: those that are not "
        "efficient, with strict incentives for some type.",
        (
            How.CERTIFICATE,
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REFUTED,
        "Giving a type more means giving more to whoever could pretend to be of it, which may cost more than it is "
        "worth. One player with two types is enough: the optimum of a monopolist is dominated by nothing that is "
        "efficient and incentive compatible. With incentive-efficient for interim efficient something that dominates "
        "exists by compactness; but that is not what Theorem 1 needs.",
        domination.lemma_2,
        (
            EVERY_VERDICT,
            "tests/mechanisms/incentive_efficiency/test_efficient_improvement.py",
        ),
        counterexample=Counterexample(
            (
                "solve",
                "example:screened-buyer-kept-short",
            ),
            "A buyer of two types and two others, one good, enough money: of monopolies in whole numbers the "
            "smallest. 1.5 euro would have to come from outside. With one type each incentives ask nothing, and with "
            "fewer players or goods Assumption 1 is not met.",
        ),
        repair=Repair(
            "What Theorem 1 needs the lemma for is true without it where everybody holds some of everything: one "
            "player improves upon a contract that is not efficient.",
            "converse.md",
            "Theorem C1",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Lemma 2, convexity",
        "section 6.3",
        "Incentive-compatible allocations are a closed and convex set",
        "The feasible, incentive-compatible and strictly positive allocations are a closed and convex subset of the "
        "strictly positive ones.",
        "Two incentive-compatible allocations and their mean, in rational numbers; and random pairs of menus for two "
        "types.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REFUTED,
        "Whoever would lie compares a concave function of its own bundle with one of the bundle of another report: "
        "the difference is not concave. A lie that leads to 1 or to 5 with equal odds is worth less than one that "
        "leads to 3 for certain.",
        domination.halves_and_mean,
        (EVERY_VERDICT,),
        counterexample=Counterexample(
            (
                "solve",
                "example:contract/curved-tastes-mean",
            ),
            "Three traders, one with two types: two allocations are incentive compatible, and their mean, this one, "
            "is not: the steep type gains 4 by the lie.",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Lemma 2, numeraire",
        "section 6.3",
        "Some numeraire can be moved from one type to all others",
        "Because the incentives of individual 1, a type of a player, are strict, it can pay every other individual, "
        "the types of all players, a little numeraire, and the allocation stays feasible and incentive compatible.",
        "Sums over the individuals that are there at each profile, for any numbers of players and types.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REFUTED,
        "Types of one player are never there together. Where individual 1 is not there nobody pays, and everybody is "
        "given something that does not exist; where it is, it pays for individuals who are not there. So the set of "
        "utility levels is not shown to be open.",
        domination.numeraire_shift,
        (EVERY_VERDICT,),
        counterexample=Counterexample(
            (
                "solve",
                "example:screened-buyer",
            ),
            "If the buyer is eager, and individual 1 is the calm one, three times e are handed out of nothing. With "
            "one type each, sums are zero.",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Lemma 2, frontier",
        "section 6.3",
        "The frontier of what incentives allow is interim efficient",
        "The boundary of the utility levels that are feasible and incentive compatible is the set of levels of "
        "interim efficient and incentive-compatible allocations.",
        "The counterexample to Lemma 2, whose utility levels some incentive-compatible allocation on the frontier has "
        "or exceeds.",
        (
            How.CERTIFICATE,
            How.PROOF,
        ),
        Verdict.REFUTED,
        "On the frontier no incentive-compatible allocation is better for all, but others may be, that are not "
        "incentive compatible. What dominates the counterexample among incentive-compatible allocations is on the "
        "frontier and, by Lemma 2's refutation, not interim efficient. Definition 1 compares with all feasible "
        "allocations.",
        domination.lemma_2,
        (
            EVERY_VERDICT,
            "tests/mechanisms/incentive_efficiency/test_efficient_improvement.py",
        ),
        counterexample=Counterexample(
            (
                "solve",
                "example:screened-buyer-kept-short",
            ),
            "As for Lemma 2.",
        ),
    ),
)

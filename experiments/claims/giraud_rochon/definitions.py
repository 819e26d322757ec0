"""Definitions and assumptions of Giraud and Rochon (2001) that say something is true."""

from __future__ import annotations

from functools import partial

from marketgame.experiments.claims.claim import Claim, How, Kind, Paper, Repair, Verdict
from marketgame.experiments.claims.giraud_rochon import conditions, finite, market

_stated = partial(Claim, Paper.GIRAUD_ROCHON)
EVERY_VERDICT = "tests/experiments/claims/test_giraud_rochon.py::test_every_verdict_is_found_anew"

CLAIMS: tuple[Claim, ...] = (
    _stated(
        Kind.ASSUMPTION,
        "constant aggregate",
        "section 2.1",
        "Endowments depend on types, their sum does not",
        "An agent's endowment depends on its type, the aggregate endowment is the same at all profiles, and every "
        "profile has positive probability.",
        "All tables of whole endowments from 0 to 3 of three players of two types, and larger ones that are drawn.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.VACUOUS,
        "Change one player's type alone: the profile that results is possible too, and its sum is the same, so that "
        "the player's endowment is. So no endowment depends on types, though the introduction names type-dependent "
        "endowments as what sets the model apart.",
        conditions.constant_aggregate,
        (
            EVERY_VERDICT,
            "tests/mechanisms/economies/test_assumptions.py",
        ),
    ),
    _stated(
        Kind.DEFINITION,
        "1",
        "section 2.1",
        "What is interim efficient is ex post efficient",
        "An allocation is ex post (interim) efficient if no feasible one gives no type less at any profile (in "
        "expectation given its type) and some type more. The proof of Theorem 1 uses that interim efficient "
        "allocations are ex post efficient.",
        "The inference, for any economy with a prior of full support; and improvements at some profiles that are "
        "drawn.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "What lowers nobody's utility at any profile lowers no expectation, and what raises somebody's at one profile "
        "raises the expectation of its type there, as the profile has positive probability.",
        market.interim_implies_ex_post,
        (EVERY_VERDICT,),
    ),
    _stated(
        Kind.DEFINITION,
        "2",
        "section 3",
        "The game with transfers, and its flows",
        "In the extended game player i's trade is the sum over j of z_j^i - z_j^j, if it costs at most y_i(t). With "
        "no outsiders, no transfers and the common prior it is the original game.",
        "The printed flows and those of section 2.2, on the grand contracts of economies that are drawn.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Nobody orders from itself, so z_j^j is nothing, and what others order from i would not be delivered. "
        "Definition 3 has transfers in R^L; the budget test needs a number.",
        market.printed_flows,
        (
            EVERY_VERDICT,
            "tests/mechanisms/market_game/test_market_game.py",
        ),
        repair=Repair(
            "Read z_i^j for z_j^j, and real numbers for transfers: then nothing changes where transfers are zero.",
        ),
    ),
    _stated(
        Kind.DEFINITION,
        "4",
        "section 3",
        "A contract at which no player gains by a lie",
        "A contract is Bayesian incentive compatible if no type expects more by reporting another, where what others "
        "are granted and it is granted are the transfers of the true profile.",
        "Grand contracts with balanced transfers drawn without regard to incentives, settled by the paper's rules "
        "after every lie.",
        (
            How.SEARCH,
            How.PROOF,
        ),
        Verdict.REPAIRED,
        "Transfers at the true profile do not pay for the trades of the reported one: costs add up to zero over "
        "players at either, so that wherever they differ somebody fails, often the liar. The condition then excludes "
        "hardly any contract, and expected-externality transfers, which are what incentives are made of here, would "
        "not be what the liar is paid.",
        market.true_profile_transfers,
        (
            EVERY_VERDICT,
            "tests/mechanisms/contracts/test_incentives.py",
        ),
        repair=Repair(
            "Transfers are those of the announced profile.",
        ),
    ),
    _stated(
        Kind.DEFINITION,
        "5",
        "section 3",
        "The revised game of a coalition",
        "After the contract has spoken members know their types and recommendations; their beliefs are those of "
        "Bayes, and outsiders obey.",
        "Finite games and contracts that are drawn: does what members expect, given what they know, average to what "
        "they expected before?",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "It is the law of iterated expectations.",
        finite.obedience_keeps,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_collusion.py",
        ),
    ),
    _stated(
        Kind.DEFINITION,
        "6",
        "section 3",
        "An improvement leaves no member worse off",
        "Members of a coalition improve if the side-contract is Bayesian incentive compatible in the revised game "
        "(a), no type with any recommendation expects less (b), and some expects more.",
        "Finite games that are drawn, under a common prior: programs find the improvement or prove that there is "
        "none. And two prisoners.",
        (
            How.PROOF,
            How.SEARCH,
            How.CERTIFICATE,
        ),
        Verdict.HOLDS,
        "Under the common prior members of an improvement gain in sum, which is all that our bounds need. But (a) "
        "asks for truth alone: what members are then told they need not want to do, as two prisoners who agree on "
        "silence do not. The text after the definition says only that they have incentives to deviate and to share "
        "information.",
        finite.gains_add_up,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_collusion.py",
        ),
    ),
    _stated(
        Kind.DEFINITION,
        "7",
        "section 3",
        "Improvements that no part of the coalition breaks",
        "An improvement of S is internally consistent if no nonempty part of S, S itself included as printed, has an "
        "internally consistent improvement upon it.",
        "All assignments of the word to chains of ever better agreements.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "With S among its parts the induction on the number of members has no step. Where there is a best agreement "
        "only that one is consistent; where there is always a better one, as in the market, whose gains are suprema, "
        "no assignment satisfies the definition.",
        finite.proper_parts,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_collusion.py",
        ),
        repair=Repair(
            "Read proper parts. That the transfers of a single member cannot change is then true: its reallocation "
            "sums to zero.",
        ),
    ),
    _stated(
        Kind.DEFINITION,
        "8",
        "section 1 and 3",
        "Strongly collusion-proof contracts are collusion-proof",
        "A contract is strongly collusion-proof if no coalition improves, collusion-proof if none has an internally "
        "consistent improvement; the former is the stronger.",
        "Finite games and contracts that are drawn, and two prisoners.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Internally consistent improvements are improvements. Two prisoners who are to confess show that the converse "
        "is false.",
        finite.stronger,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_collusion.py",
        ),
    ),
    _stated(
        Kind.DEFINITION,
        "4' of a communication equilibrium",
        "section 6.4",
        "Communication equilibria are Bayesian incentive compatible, and not the other way round",
        "Every communication equilibrium with transfers is Bayesian incentive compatible, while the converse is false.",
        "Finite games and contracts that are drawn, and the example of Figure 1 with numbers of ours.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "To lie and obey is one of the deviations of a communication equilibrium. In the example a lie followed by "
        "disobedience pays, and no lie alone does.",
        finite.communication_is_stronger,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_collusion_examples.py",
        ),
    ),
)

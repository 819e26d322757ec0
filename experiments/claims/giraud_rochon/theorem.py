"""Theorem 1 and Corollary 1 of Giraud and Rochon (2001), and the steps of the proof."""

from __future__ import annotations

from functools import partial

from marketgame.experiments.claims.claim import Claim, Counterexample, How, Kind, Paper, Repair, Verdict
from marketgame.experiments.claims.giraud_rochon import market, revelation

_stated = partial(Claim, Paper.GIRAUD_ROCHON)
EVERY_VERDICT = "tests/experiments/claims/test_giraud_rochon.py::test_every_verdict_is_found_anew"

CLAIMS: tuple[Claim, ...] = (
    _stated(
        Kind.THEOREM,
        "1, first part: efficient",
        "section 4",
        "Every collusion-proof contract is efficient",
        "Under Assumption 1, compatibility and non-degeneracy, generically every collusion-proof contract induces an "
        "outcome that is interim efficient and incentive compatible.",
        "Contracts that recommend anything inside at any price that all quote, drawn, and one player's exchanges, "
        "settled by the paper's rules. Contracts under which players are to quote different prices are not covered.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Not by the proof given, which needs Lemma 2 and an improvement of everybody. Where everybody holds some of "
        "everything one player breaks what is not efficient, under the paper's rules too. Where money runs out a "
        "lottery that nobody breaks, with deposits under the four rules of Theorem 2, is one that all would rather "
        "not have. At corners under the paper's own rules it is not known.",
        market.exchange_improves,
        (
            EVERY_VERDICT,
            "tests/mechanisms/contracts/test_stated_contracts.py",
        ),
        counterexample=Counterexample(
            (
                "solve",
                "example:grain-by-lot-drawn",
            ),
            "Ann and Bob without money, and Cat, who must be there for Assumption 1: what Ann gets for one euro of "
            "purchasing power is drawn. Each draw is Pareto efficient, and both would rather have the mean.",
        ),
        repair=Repair(
            "Where everybody holds some of every good and money in every recommendation, a contract upon which no "
            "single player improves is efficient in every draw, under any rules by which orders bind whoever gets "
            "them.",
            "converse.md",
            "Theorem C1",
        ),
    ),
    _stated(
        Kind.THEOREM,
        "1, first part: revealing",
        "section 4",
        "Every collusion-proof contract is fully revealing",
        "Under the same assumptions generically every collusion-proof contract is fully revealing.",
        "The contract at a corner of Lemma 1 and its neighbours; a certificate derives anew that no coalition "
        "improves upon it under the four rules of Theorem 2.",
        (
            How.CERTIFICATE,
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "It fails for an open set of economies: all grain goes to one trader whatever the types, at one price. Nobody "
        "learns anything, and nobody can improve. Under the paper's own rules, by which short sales pay, the question "
        "does not arise there.",
        revelation.lemma_1,
        (
            EVERY_VERDICT,
            "tests/mechanisms/contracts/test_stated_contracts.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:grain-for-one-silent-stands",
            ),
            "Two growers and a miller: strongly collusion-proof under four rules, and silent.",
        ),
        repair=Repair(
            "Where everybody holds some of everything whoever trades at the supporting price learns it from its own "
            "bundle, and generically it tells the profile.",
            "converse.md",
            "Proposition C7",
        ),
    ),
    _stated(
        Kind.THEOREM,
        "1, second part",
        "section 4",
        "Almost every efficient allocation can be had by a collusion-proof contract",
        "Under the same assumptions generically almost every interim efficient, incentive-compatible allocation can "
        "be achieved with a fully revealing collusion-proof contract.",
        "The grand contract of the proof in random economies: short sales of one player, settled by the paper's rules "
        "and where short sales bankrupt.",
        (
            How.CERTIFICATE,
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "In the game form as printed one player alone breaks the grand contract in every economy drawn: a short sale "
        "changes no budget, and the projection hands whoever is short everything else. If short sales bankrupt, no "
        "coalition has an internally consistent improvement that is kept exactly; some are kept up to any tolerance "
        "(Theorem 23 of docs/collusion.md).",
        market.walrasian_is_nash,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_collusion_proofs.py",
            "tests/mechanisms/collusion/test_collusion_market.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:equal-traders-one-breaks",
            ),
            "Three equal traders with nothing to trade: one sells money short and has all grain.",
        ),
        repair=Repair(
            "With the rule that short sales bankrupt, orders that answer quotes, each paying the other's quote, "
            "trades of the bankrupt that stand, wasted withholding, the profile told to all, increasing valuations "
            "and positive wealth, no coalition has an internally consistent improvement.",
            "collusion.md",
            "Proposition 4",
        ),
    ),
    _stated(
        Kind.COROLLARY,
        "1, first part",
        "section 4",
        "Every strongly collusion-proof contract is efficient and revealing",
        "Under the same assumptions generically every strongly collusion-proof contract is fully revealing and its "
        "outcome is interim efficient and incentive compatible.",
        "As for the first part of Theorem 1: its two counterexamples are strongly collusion-proof under the four "
        "rules, one with deposits.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Strongly collusion-proof contracts are collusion-proof, so what is true of these is true of them, and the "
        "counterexamples are the same.",
        revelation.lemma_1,
        (
            EVERY_VERDICT,
            "tests/mechanisms/contracts/test_stated_contracts.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:grain-for-one-silent-stands",
            ),
            "Two growers and a miller: strongly collusion-proof, and nobody learns anything.",
        ),
        repair=Repair(
            "Inside: efficient by Theorem C1, and revealing generically by Proposition C7.",
            "converse.md",
            "Theorem C1",
        ),
    ),
    _stated(
        Kind.COROLLARY,
        "1, second part",
        "section 4",
        "Almost every efficient allocation can be had by a strongly collusion-proof contract",
        "Under the same assumptions generically almost every interim efficient, incentive-compatible allocation can "
        "be achieved with a fully revealing strongly collusion-proof contract.",
        "Grand contracts of random economies: the construction of Theorem 5 where only short sales bankrupt, and the "
        "bounds of Theorem 2 under its four rules.",
        (
            How.CERTIFICATE,
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "The rule that repairs Theorem 1 does not repair the corollary: two players improve by drawing lots for who "
        "of them is sacrificed, in every economy drawn. Four rules together do, and each is needed.",
        market.pair_that_sacrifices,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_collusion_proofs.py",
            "tests/mechanisms/collusion/test_constructions.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:equal-traders-two-break",
            ),
            "Three equal traders where short sales bankrupt: two draw lots, and each expects 1.75 more. One alone "
            "gains nothing.",
        ),
        repair=Repair(
            "Where unequal quotes are void or cost their spread, short sales bankrupt, trades of the bankrupt are "
            "unwound and transfers covered, no coalition improves, at either timing.",
            "collusion.md",
            "Theorem 2",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Theorem 1, unique price",
        "section 4",
        "The supporting price is unique",
        "By separation of strictly convex sets the price that supports an ex post efficient allocation is unique.",
        "Supporting prices of random economies, inside and at corners.",
        (
            How.CERTIFICATE,
            How.SEARCH,
            How.PROOF,
        ),
        Verdict.REPAIRED,
        "Strict convexity gives unique bundles at a price, not a unique price at bundles on the boundary.",
        revelation.unique_price,
        (EVERY_VERDICT,),
        counterexample=Counterexample(
            (
                "solve",
                "example:grain-for-one",
            ),
            "All grain goes to one trader; every price between what the next would give and what it would give itself "
            "supports that.",
        ),
        repair=Repair(
            "Where everybody holds some of everything the price is everybody's gradient, and unique.",
            "converse.md",
            "Proposition C7",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Theorem 1, outcome efficient",
        "section 4",
        "The contract of an interim efficient allocation maximises the sum of valuations",
        "By construction the contract that recommends an incentive-compatible interim efficient allocation is outcome "
        "efficient: the sum of valuations of goods is the largest there is.",
        "The inference, and allocations without money.",
        (
            How.PROOF,
            How.CERTIFICATE,
        ),
        Verdict.REPAIRED,
        "Whoever has no money cannot buy what it values more. Where neither has money, that one of two holds all the "
        "grain is interim efficient, and not outcome efficient.",
        revelation.without_money,
        (EVERY_VERDICT,),
        counterexample=Counterexample(
            (
                "solve",
                "example:grain-to-ann",
            ),
            "Ann has all the grain and Bob none, neither has money, and Cat hardly wants any: Pareto efficient, and a "
            "euro less in sum than no trade. One type each, three traders, one good.",
        ),
        repair=Repair(
            "Where at each profile everybody can pay, what is Pareto efficient maximises the sum: otherwise trade at "
            "a price between two gradients improves.",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Theorem 1, Walrasian is Nash",
        "section 4",
        "A Walrasian equilibrium is a Nash equilibrium",
        "At commonly known types a Walrasian equilibrium is a Nash equilibrium of the market game, so that a "
        "coalition of one does not improve.",
        "Short sales of each good by each player in random economies, settled; and three equal traders in rational "
        "numbers.",
        (
            How.CERTIFICATE,
            How.SEARCH,
            How.PROOF,
        ),
        Verdict.REPAIRED,
        "Orders are unbounded and bind whoever gets them. To sell a good short for another at the quoted prices "
        "changes no budget, and the negative holding is projected to nothing.",
        market.walrasian_is_nash,
        (
            EVERY_VERDICT,
            "tests/agents/test_attacks.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:equal-traders-one-breaks",
            ),
            "Three equal traders, a tonne and a euro each, v = 4q - q^2/2: one sells money short at the price 3, has "
            "all grain, and gains 3. Of equal traders in whole numbers these are the smallest; there is nothing to "
            "trade, and one type each.",
        ),
        repair=Repair(
            "If short sales bankrupt, a player alone ends with what is worth at most its wealth.",
            "collusion.md",
            "Proposition 1",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Theorem 1, somebody misquotes",
        "section 4",
        "Whoever improves must change a price",
        "If a coalition deviates without changing prices some member is granted less, and its payoff falls, as the "
        "allocation is competitive.",
        "The short sale above, in which nobody changes a price.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "A competitive equilibrium bounds what a budget buys, not what the projection hands out. Nor do the transfers "
        "of a coalition sum to zero, as printed: what they sum to is kept.",
        market.walrasian_is_nash,
        (
            EVERY_VERDICT,
            "tests/agents/test_attacks.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:equal-traders-one-breaks",
            ),
            "All quote 3, and one gains 3.",
        ),
        repair=Repair(
            "If short sales bankrupt and no draw has a misquote, nobody gains.",
            "collusion.md",
            "Proposition 4",
        ),
    ),
    _stated(
        Kind.PROOF,
        "of Theorem 1, the arbitrageur's orders",
        "section 4",
        "The arbitrageur ends with the aggregate endowment less its own, in net terms",
        "With the printed orders player j's net trade is the aggregate endowment less its own, and every other player "
        "k's is minus its own.",
        "Sums of the printed orders, where nobody else orders anything, in whole numbers.",
        (
            How.PROOF,
            How.SEARCH,
            How.SIMULATION,
        ),
        Verdict.REPAIRED,
        "The order to the cheap side contains the aggregate endowment less j's own once more: net trades as printed "
        "are twice what is claimed. What follows, that j gets everything, is true either way, since claims beyond "
        "what there is are cut.",
        market.arbitrageurs_orders,
        (
            EVERY_VERDICT,
            "tests/agents/test_attacks.py",
        ),
        repair=Repair(
            "Without the second copy net trades are just what is claimed.",
        ),
    ),
)

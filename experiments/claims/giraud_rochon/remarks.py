"""Remarks and examples of Giraud and Rochon (2001) that claim something."""

from __future__ import annotations

from functools import partial

from marketgame.experiments.claims.claim import (
    Claim,
    Counterexample,
    How,
    Kind,
    Paper,
    Repair,
    Verdict,
)
from marketgame.experiments.claims.giraud_rochon import conditions, finite, market

_stated = partial(Claim, Paper.GIRAUD_ROCHON)
EVERY_VERDICT = "tests/experiments/claims/test_giraud_rochon.py::test_every_verdict_is_found_anew"


CLAIMS: tuple[Claim, ...] = (
    _stated(
        Kind.REMARK,
        "feasible",
        "section 2.2",
        "The mechanism is feasible, wasteful out of equilibrium, and leaves nothing to who is in the red",
        "Any messages lead to bundles in the consumption sets that do not exceed what is announced; part of it is "
        "wasted if somebody fails; who is kept in the red gets nothing; and a player's own quote does not bear on its "
        "own budget.",
        "Plays with quotes, orders and transfers of any size and sign, settled by the paper's rules.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "The projection is on the feasible set; a claim that is nowhere positive is cut to nothing; costs are at "
        "others' quotes. That something is wasted is possible, not necessary.",
        market.feasible,
        (
            EVERY_VERDICT,
            "tests/mechanisms/market_game/test_market_game.py",
            "tests/mechanisms/market_game/test_feasible_set.py",
        ),
    ),
    _stated(
        Kind.REMARK,
        "two projections",
        "section 2.2",
        "The projection on the feasible set is made in two steps",
        "To project on the feasible set one may project on what is there first, and then on nonnegative bundles.",
        "Claims that are drawn, projected both ways.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REFUTED,
        "The second step adds what the first took from whoever is in the red: more is handed out than there is. What "
        "the paper concludes, that a claim without anything positive gets nothing, is true of the projection itself.",
        market.two_projections,
        (
            EVERY_VERDICT,
            "tests/mechanisms/market_game/test_feasible_set.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:equal-traders-one-breaks",
            ),
            "Two claims, -1 and 2, on a supply of 1: the projection is (0, 1), the two steps give (0, 2). One claim "
            "would do no harm. In the play shown somebody is short, and two steps would hand out what is not there.",
        ),
    ),
    _stated(
        Kind.REMARK,
        "deterministic transfers",
        "section 1.1",
        "Transfers that do not depend on the draw are without loss of generality",
        "Transfer functions are deterministic, without any loss since utilities are quasi-linear.",
        "A pair under void quotes, short sales that bankrupt, unwinding and no cover: its plays with transfers that "
        "go with the draw, settled, and a proof that without there is no improvement.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REFUTED,
        "Transfers are purchasing power and enter the test of budgets alone; they are not consumed. Whether a member "
        "fails in one draw and trades in another is decided by them, so that it matters which draw they go with. "
        "Likewise, with transfers that depend on reports alone a contract inside draws nothing but payments of equal "
        "worth (Lemma 1 of docs/converse.md).",
        market.transfers_with_the_draw,
        (
            EVERY_VERDICT,
            "tests/experiments/claims/test_giraud_rochon.py::test_transfers_that_go_with_the_draw_sacrifice_who_has_nothing_to_sell",
        ),
        counterexample=Counterexample(
            (
                "solve",
                "example:one-to-sacrifice",
            ),
            "Ann and Dan gain by lot if he is charged more than he has in one draw only. Three traders, one good, one "
            "type each.",
        ),
    ),
    _stated(
        Kind.REMARK,
        "two players",
        "section 1.1",
        "With two players it is the concept of Laffont and Martimort",
        "Applied to games of two players the equilibrium concept is that of Laffont and Martimort (1997).",
        "Games of two players that are drawn: improvements of the pair, and what a third party finds that asks only "
        "that neither be worse off.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "True of strongly collusion-proof contracts if beliefs stay as they were after a refusal and offers are "
        "accepted by all types; the paper states neither.",
        finite.third_party,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_collusion.py",
        ),
        repair=Repair(
            "With passive beliefs, and side-contracts that every type accepts, what a third party can offer two "
            "players are the improvements of Definition 6.",
        ),
    ),
    _stated(
        Kind.REMARK,
        "same outcomes",
        "sections 1 and 5",
        "Both notions lead to the same outcomes in this game",
        "For this market game collusion-proof and strongly collusion-proof contracts have the same outcomes.",
        "Grand contracts of random economies where short sales bankrupt, and under four rules.",
        (
            How.CERTIFICATE,
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Where only short sales bankrupt the grand contract is collusion-proof and not strongly so. Under the four "
        "rules every grand contract of an efficient allocation is both.",
        market.pair_that_sacrifices,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_constructions.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:equal-traders-two-break",
            ),
            "Three equal traders where short sales bankrupt: two improve, and each would break the agreement.",
        ),
        repair=Repair(
            "Under the four rules of Theorem 2 grand contracts of efficient allocations are strongly collusion-proof, "
            "and so both.",
            "collusion.md",
            "Theorem 2",
        ),
    ),
    _stated(
        Kind.REMARK,
        "timing",
        "section 4, after Theorem 1",
        "It is essential that quotes are seen before orders are placed",
        "A careful reading of the proof shows that it is essential to assume that the game is in extensive form.",
        "Bounds on all coalitions under the four rules where orders are placed with the quotes, on random economies; "
        "a certificate.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "Essential to that proof, whose arbitrageur answers what it sees, and to Proposition 4, which repairs it. Not "
        "to the conclusion: under the four rules of Theorem 2 no coalition improves at either timing. And the printed "
        "contract does not use it, since it recommends orders that do not depend on quotes; one that does needs two "
        "rules only (Theorem 3).",
        market.either_timing,
        (
            EVERY_VERDICT,
            "tests/mechanisms/deviations/test_bounds_of_every_rule.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:equal-traders-nobody-breaks",
            ),
            "Three equal traders, orders placed with the quotes, four rules: no coalition improves.",
        ),
        repair=Repair(
            "Quotes must be seen first where trades of the bankrupt stand and each pays the other's quote "
            "(Proposition 4), or where outsiders answer misquotes by withholding.",
            "collusion.md",
            "Theorem 3",
        ),
    ),
    _stated(
        Kind.REMARK,
        "enough numeraire",
        "section 4, after Theorem 1",
        "Enough numeraire can be assumed without loss, by a translation of utilities",
        "That each player owns more numeraire than it may have to pay is no loss of generality: given preferences it "
        "is obtained by a translation of utilities.",
        "Three equal traders with log(1 + 100 q) and 2 or 3 euro each, by the closed form of what one player alone "
        "can have in the printed game.",
        (
            How.PROOF,
            How.CERTIFICATE,
        ),
        Verdict.REFUTED,
        "Who fails loses its numeraire, and who is left takes it: what there is of it is at stake. With 2 euro each "
        "no player alone breaks the contract, with 3 euro each everyone does. Lotteries that nobody breaks where "
        "money runs out are another reason (Theorem 1, first part).",
        market.money_matters,
        (
            EVERY_VERDICT,
            "tests/experiments/claims/test_giraud_rochon.py::test_one_of_three_traders_breaks_the_contract_with_three_euro_and_not_with_two",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:thirsty-traders-one-breaks",
            ),
            "Three equal traders with 3 euro each, one good: one sells grain short for all the money.",
        ),
    ),
    _stated(
        Kind.REMARK,
        "individual rationality",
        "section 4, after Theorem 1",
        "Efficient, incentive-compatible allocations that all accept need not exist",
        "The existence of interim individually rational, incentive-compatible and efficient allocations cannot be "
        "ensured.",
        "A linear program for what it takes from outside, with its multipliers, on an economy of a seller and a "
        "buyer; and economies in which everybody owns something.",
        (
            How.CERTIFICATE,
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "It is Myerson and Satterthwaite's theorem; a third player who owns nothing of the good and hardly wants it "
        "changes nothing. Among economies in which everybody may buy or sell it is rare.",
        conditions.nobody_forced,
        (
            EVERY_VERDICT,
            "tests/mechanisms/incentive_efficiency/test_efficient_improvement.py",
        ),
    ),
    _stated(
        Kind.REMARK,
        "compatibility condition",
        "section 4",
        "The compatibility condition as printed",
        "For no kappa other than 0 are there nonnegative weights with q_i(t_-i|t_i) sum of lambda(t_i, m) = kappa(t) "
        "+ sum of lambda_i(t_i, m) q_i(t_-i|m).",
        "Priors with small whole odds, common to all players: the printed equations, and those that are dual to the "
        "incentive conditions.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "The weights on the left are those of lies of type t_i, as on the right; the dual of the incentive conditions "
        "has there the weights of t_i's own lies on the left, and on the right those of types that would report t_i. "
        "The two disagree. No prior was found at which the printed condition holds and the right one fails.",
        conditions.printed_condition,
        (
            EVERY_VERDICT,
            "tests/mechanisms/contracts/test_compatibility.py",
        ),
        counterexample=Counterexample(
            (
                "solve",
                "example:misprinted-condition",
            ),
            "Three players of two types, odds of profiles in fourteenths: the condition holds, the printed one does "
            "not. Between two players of two types the two agreed in all cases drawn.",
        ),
        repair=Repair(
            'With lambda_i(m, k) the weight of "type k does not report m" it reads q_i(t_-i|t_i) sum of lambda_i(m, '
            "t_i) = kappa(t) + sum of lambda_i(t_i, m) q_i(t_-i|m).",
        ),
    ),
    _stated(
        Kind.REMARK,
        "compatibility and consistency",
        "section 4, after Theorem 1",
        "A common prior does not imply compatibility",
        "The compatibility condition is not implied by a common prior.",
        "A common prior of three players of two types, in rational numbers; and priors that are drawn.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "Let profiles whose types multiply to 1 be likelier than others: with all weights 1 the price is t1 t2 t3 / "
        "4. It takes a special prior: all that were drawn are compatible.",
        conditions.consistent_and_incompatible,
        (
            EVERY_VERDICT,
            "tests/mechanisms/contracts/test_compatibility.py",
        ),
    ),
    _stated(
        Kind.REMARK,
        "compatibility needed",
        "section 4, after Theorem 1",
        "Compatibility is needed for incentive-compatible allocations to exist",
        "The condition is needed to ensure the existence of incentive-compatible efficient allocations.",
        "Economies that are drawn under a common prior at which the condition fails: the linear program of balanced "
        "incentive-compatible transfers.",
        (
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REPAIRED,
        "It ensures existence whatever the valuations. For given valuations transfers exist without it, in all "
        "economies drawn. Whether they exist is decided by their own linear program.",
        conditions.compatibility_not_needed,
        (
            EVERY_VERDICT,
            "tests/mechanisms/contracts/test_incentive_transfers.py",
        ),
        counterexample=Counterexample(
            (
                "solve",
                "example:parity",
            ),
            "Three farmers, each modest or hungry, even numbers of hungry ones likelier: the condition is not met, "
            "and transfers exist.",
        ),
        repair=Repair(
            "The condition is sufficient, whatever the valuations, and not necessary.",
        ),
    ),
    _stated(
        Kind.REMARK,
        "non-degeneracy",
        "section 4, after Theorem 1",
        "Strict incentives of one type make the incentive-compatible allocations non-degenerate",
        "If incentives are strict for some type there is a non-degenerate set of allocations that satisfy the "
        "incentive constraints.",
        "A player of whom two types have the same taste, beside a third type whose incentives are strict.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.REFUTED,
        "Neither of the two types may envy the other, so that both bundles are worth the same to them: one equation "
        "that all incentive-compatible allocations satisfy, and no interior. Strict incentives of some type say "
        "nothing of others.",
        conditions.clones,
        (EVERY_VERDICT,),
        counterexample=Counterexample(
            (
                "solve",
                "example:two-alike",
            ),
            "Three traders; one has three types, two of them with one taste.",
        ),
    ),
    _stated(
        Kind.REMARK,
        "transfers exist",
        "section 6.1",
        "Outcome-efficient mechanisms have balanced incentive-compatible transfers",
        "d'Aspremont and Gérard-Varet have shown that the system of section 6.1 has a solution, and that its "
        "transfers balance and make the truth best.",
        "An economy of two traders, with multipliers that contradict every balanced transfer; one of three, in "
        "rational numbers; and economies of three and four with correlated priors that are drawn.",
        (
            How.CERTIFICATE,
            How.SEARCH,
            How.PROOF,
        ),
        Verdict.REPAIRED,
        "Section 6.1 does not repeat the compatibility condition, without which there may be none. The counterexample "
        "has two players, where Assumption 1 asks for three: with a third whose types tell nothing about the others "
        "there always are some, since that one can be paid by the others' reports. Three who all matter need not have "
        "any either: Proposition 26 of docs/reports.md has three with seven types each. Such priors are rare.",
        conditions.no_solution,
        (
            EVERY_VERDICT,
            "tests/mechanisms/contracts/test_incentive_transfers.py",
        ),
        counterexample=Counterexample(
            (
                "solve",
                "example:turning-tastes",
            ),
            "Two traders whose tastes for two goods turn together, four types each. The smallest with three players "
            "that we know has seven types each.",
        ),
        repair=Repair(
            "Where the compatibility condition holds, with the right indices, there are such transfers for all "
            "valuations.",
        ),
    ),
    _stated(
        Kind.REMARK,
        "expected externalities",
        "section 6.1",
        "Under independence the transfers are expected externalities",
        "Under independent types f_i(t_i), the expected sum of the others' valuations, solves the system: its "
        "transfers balance and make the truth the best report of single players.",
        "Random economies of three and four players with independent types.",
        (
            How.PROOF,
            How.SEARCH,
        ),
        Verdict.HOLDS,
        "A player that is paid what its report is expected to be worth to others maximises expected welfare by the "
        "truth. Two players who lie together may gain all the same (docs/reports.md).",
        conditions.externalities,
        (
            EVERY_VERDICT,
            "tests/mechanisms/contracts/test_incentive_transfers.py",
        ),
    ),
    _stated(
        Kind.REMARK,
        "direct devices",
        "section 3",
        "Direct communication devices are without loss",
        "That devices are direct saves notation; the whole analysis could be carried out with abstract message spaces.",
        "A finite game of three players, with one word for each action and with two; improvements by direct devices "
        "that are drawn.",
        (
            How.PROOF,
            How.CERTIFICATE,
            How.SEARCH,
        ),
        Verdict.REFUTED,
        "For truth to a device, and for obedience where it is asked, the revelation principle holds: compose the "
        "device with what players tell it. But Definition 7 asks whether some members break an agreement once they "
        "were told, and who was told more may refuse what it would otherwise have agreed to. In the game all three "
        "have an improvement that no part of them breaks if a member is told more than what to play, and none if all "
        "are told that alone; smaller coalitions have none at all. So collusion-proofness depends on how many words "
        "there are for one action (Proposition 25 of docs/collusion.md). The game is finite; under the paper's own "
        "rules of the market, by which one player alone breaks contracts, the question does not arise.",
        finite.direct_devices,
        (
            EVERY_VERDICT,
            "tests/mechanisms/certificates/test_finite_agreement_certificates.py",
        ),
        counterexample=Counterexample(
            (
                "replay",
                "example:partners-told-apart",
            ),
            "Three players, of whom one has two types. With two no message tells a part more than it "
            "can find out by itself: parts are single players, who never lose by knowing more.",
        ),
    ),
    _stated(
        Kind.EXAMPLE,
        "Figure 1",
        "section 6.4",
        "Lies with disobedience break what lies alone do not",
        "Strong Bayesian and collusion-proof communication equilibria cannot fully implement the efficient "
        "allocations: whoever may also disobey after a lie may get more than by the truth.",
        "The figure with numbers of ours, which it does not print; and the grand contract, of which docs/reports.md "
        "proves that with any transfers one of any two types gains by a lie followed by orders of its own, wherever "
        "the price moves.",
        (
            How.PROOF,
            How.CERTIFICATE,
        ),
        Verdict.HOLDS,
        "It can happen, and with the supporting price in a market it happens generically.",
        finite.no_implementation,
        (
            EVERY_VERDICT,
            "tests/mechanisms/collusion/test_collusion_examples.py",
            "tests/mechanisms/contracts/test_price_impact.py",
        ),
    ),
)

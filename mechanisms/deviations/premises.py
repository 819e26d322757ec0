"""Under which rules of the market a proof holds: the rules it was proved for, by name.

A proof uses the rules it names and no others. A rule that nobody has examined, be it a new member of an enumeration or
a new kind of rule, is named in no premise, so that nothing is claimed under it until somebody proves it. The proofs
themselves are in ``docs/collusion.md``; what each needs of a rule is said beside its premise.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
    Withholding,
)


@dataclass(frozen=True)
class Premise:
    """The rules under which something is proved; one field for each of the market's, with the same name.

    Attributes:
        pricing: proved for these.
        solvency: likewise.
        bankruptcy: likewise.
        coverage: likewise.
        withholding: likewise.
        timing: likewise.
        execution: likewise.
        refusal: likewise.
    """

    pricing: frozenset[Pricing]
    solvency: frozenset[Solvency]
    bankruptcy: frozenset[Bankruptcy]
    coverage: frozenset[Coverage]
    withholding: frozenset[Withholding]
    timing: frozenset[Timing]
    execution: frozenset[Execution]
    refusal: frozenset[Refusal]

    def holds(self, rules: MarketRules) -> bool:
        """Say whether every rule of the market is one for which the proof was made."""
        return all(getattr(rules, rule.name) in getattr(self, rule.name, frozenset()) for rule in fields(rules))


# What proofs that do not depend on a rule were proved for: each of its variants was looked at.
EXAMINED_PRICING = frozenset({Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD, Pricing.MIDPOINT})
EITHER_SOLVENCY = frozenset({Solvency.BUDGET, Solvency.NO_SHORT_SALES})
EITHER_BANKRUPTCY = frozenset({Bankruptcy.TRADES_STAND, Bankruptcy.UNWIND})
EITHER_COVERAGE = frozenset({Coverage.UNLIMITED, Coverage.ANNOUNCED_NUMERAIRE})
EITHER_WITHHOLDING = frozenset({Withholding.WASTED, Withholding.CONSUMED})
EITHER_TIMING = frozenset({Timing.PRICES_FIRST, Timing.SIMULTANEOUS})
# Which of the orders are executed does not matter to proofs that use only that what flows is charged, and that what
# flows to one flows from another. They never say what is ordered.
EITHER_EXECUTION = frozenset({Execution.UNILATERAL, Execution.MATCHED})
# Where recommended flows were executed before, they change what members own when the market opens, and so what wealth
# is; whoever takes no further part leaves with a bundle that is worth what it owns.
EITHER_REFUSAL = frozenset({Refusal.FREE, Refusal.ESCROW})
# That a coalition does no better alone is said of what its members were endowed with.
NO_DEPOSITS = frozenset({Refusal.FREE})

# Prices at which nobody buys for less, or sells for more, than its counterparty quotes, whatever it quotes itself:
# `counterparty` charges that quote; `void` admits trades at it or none; under `spread` the buyer pays the higher of
# the two quotes and the seller gets the lower.
AT_OTHERS_QUOTES = frozenset({Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD})
# Of these, prices at which the two sides of a trade together pay nothing or something: both at one price (`void`), or
# the buyer at the higher (`spread`).
NOT_SUBSIDISED = frozenset({Pricing.VOID, Pricing.SPREAD})
# Prices that are p where both sides quote p.
AT_THE_COMMON_QUOTE = frozenset({Pricing.COUNTERPARTY, Pricing.VOID, Pricing.SPREAD, Pricing.MIDPOINT})

BUDGET = Premise(
    pricing=AT_OTHERS_QUOTES,
    # Holdings are nonnegative, so that the projection can only take from a claim.
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    bankruptcy=EITHER_BANKRUPTCY,
    # Not needed: what a bankrupt player may have hidden is part of the bound.
    coverage=EITHER_COVERAGE,
    withholding=EITHER_WITHHOLDING,
    timing=EITHER_TIMING,
    execution=EITHER_EXECUTION,
    refusal=EITHER_REFUSAL,
)
"""Proposition 1: a lone player whose counterparties all quote p ends inside its budget at p, or bankrupt."""

BUDGET_OR_SHORT = Premise(
    pricing=AT_OTHERS_QUOTES,
    # The other case of the proof: it is short of a good and has none of it.
    solvency=frozenset({Solvency.BUDGET}),
    bankruptcy=EITHER_BANKRUPTCY,
    coverage=EITHER_COVERAGE,
    withholding=EITHER_WITHHOLDING,
    timing=EITHER_TIMING,
    execution=EITHER_EXECUTION,
    refusal=EITHER_REFUSAL,
)
"""The same without the rule on short sales: inside its budget, bankrupt, or without some good that has a price."""

BUDGET_AND_FLOWS = Premise(
    pricing=AT_OTHERS_QUOTES,
    # It may be short, but of no more than others order from it ...
    solvency=frozenset({Solvency.BUDGET}),
    bankruptcy=EITHER_BANKRUPTCY,
    coverage=EITHER_COVERAGE,
    withholding=EITHER_WITHHOLDING,
    timing=EITHER_TIMING,
    # ... because nothing else is executed.
    execution=frozenset({Execution.MATCHED}),
    refusal=EITHER_REFUSAL,
)
"""Proposition 9: where orders are matched it is short of no more than what it was to deliver and does not own."""

FLOWS = Premise(
    pricing=AT_OTHERS_QUOTES,
    solvency=EITHER_SOLVENCY,
    bankruptcy=EITHER_BANKRUPTCY,
    coverage=EITHER_COVERAGE,
    # What is hidden is not there to be enjoyed.
    withholding=frozenset({Withholding.WASTED}),
    timing=EITHER_TIMING,
    # Nothing else flows but what others order.
    execution=frozenset({Execution.MATCHED}),
    refusal=EITHER_REFUSAL,
)
"""Proposition 9, after any report: what a lone player exchanges is what others order from it and offer it, or less."""

REFUSAL = Premise(
    # What flows is paid for at the others' quotes or worse.
    pricing=AT_OTHERS_QUOTES,
    # The projection can only take from a claim.
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    # Flows that are cancelled are flows of nothing.
    bankruptcy=EITHER_BANKRUPTCY,
    coverage=EITHER_COVERAGE,
    withholding=EITHER_WITHHOLDING,
    timing=EITHER_TIMING,
    # Of every good no more flows from or to a player than it and its counterparty order.
    execution=frozenset({Execution.MATCHED}),
    refusal=EITHER_REFUSAL,
)
"""Lemma C3: a lone player takes at most the flows that others order, each at the price they quote, or is bankrupt."""

WEALTH = Premise(
    # Outsiders trade at p or at a loss to the member, and two members gain nothing from each other.
    pricing=NOT_SUBSIDISED,
    # Survivors' claims are nonnegative ...
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    # ... and add up to what survivors announced, so that the projection does nothing.
    bankruptcy=frozenset({Bankruptcy.UNWIND}),
    # A bankrupt member lost at least what its transfer took.
    coverage=frozenset({Coverage.ANNOUNCED_NUMERAIRE}),
    withholding=EITHER_WITHHOLDING,
    timing=EITHER_TIMING,
    execution=EITHER_EXECUTION,
    refusal=EITHER_REFUSAL,
)
"""Theorem 2: a coalition ends every play with at most its wealth at the outsiders' common price."""

WEALTH_OF_TWO = Premise(
    # Who misquotes trades with nobody but a partner that misquotes in the same way.
    pricing=frozenset({Pricing.VOID}),
    # At the outsiders' quotes a member buys no more than its wealth.
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    bankruptcy=EITHER_BANKRUPTCY,
    # A bankrupt member lost at least what its transfer took.
    coverage=frozenset({Coverage.ANNOUNCED_NUMERAIRE}),
    withholding=EITHER_WITHHOLDING,
    timing=EITHER_TIMING,
    execution=EITHER_EXECUTION,
    # Outsiders order nothing, so that who trades with none of them cannot reach what they hold.
    refusal=frozenset({Refusal.ESCROW}),
)
"""Theorem 10: two members end every play after deposits with at most their wealth, even if trades stand."""

DELIVERY = Premise(
    # What a counterparty quotes is the least that is paid for what it sells, and the most for what it buys.
    pricing=AT_OTHERS_QUOTES,
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    # Who cannot deliver what is bought of it is bankrupt, and then the trade is cancelled.
    bankruptcy=frozenset({Bankruptcy.UNWIND}),
    coverage=EITHER_COVERAGE,
    withholding=EITHER_WITHHOLDING,
    timing=EITHER_TIMING,
    # What others deliver is what they hold after the flows that they order from each other.
    execution=frozenset({Execution.UNILATERAL}),
    refusal=NO_DEPOSITS,
)
"""Lemma 11: a lone player gains from others' odd quotes no more than on what others can deliver."""

SACRIFICE = Premise(
    # As for the bound by wealth, but for coverage:
    pricing=NOT_SUBSIDISED,
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    # ... what a bankrupt member owned is withdrawn,
    bankruptcy=frozenset({Bankruptcy.UNWIND}),
    # whatever its transfer took,
    coverage=frozenset({Coverage.UNLIMITED}),
    # and it consumes nothing.
    withholding=frozenset({Withholding.WASTED}),
    timing=EITHER_TIMING,
    execution=EITHER_EXECUTION,
    refusal=EITHER_REFUSAL,
)
"""Theorem 7: a coalition ends a play within its wealth, or shares what there is but what a bankrupt member owned."""

WEALTH_AT_ONE_PRICE = Premise(
    pricing=AT_THE_COMMON_QUOTE,
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    bankruptcy=EITHER_BANKRUPTCY,
    coverage=frozenset({Coverage.ANNOUNCED_NUMERAIRE}),
    withholding=EITHER_WITHHOLDING,
    # Outsiders see a misquote before they order and announce.
    timing=frozenset({Timing.PRICES_FIRST}),
    execution=EITHER_EXECUTION,
    refusal=NO_DEPOSITS,
)
"""Theorem 3: the same in plays without a misquote; in others, members share what they own and little more."""

BUDGET_AT_ONE_PRICE = Premise(
    pricing=AT_THE_COMMON_QUOTE,
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    bankruptcy=EITHER_BANKRUPTCY,
    # Not needed by one player: hiding everything and going bankrupt leaves it what it owns, which the bound contains.
    coverage=EITHER_COVERAGE,
    withholding=EITHER_WITHHOLDING,
    timing=frozenset({Timing.PRICES_FIRST}),
    execution=EITHER_EXECUTION,
    refusal=NO_DEPOSITS,
)
"""Theorem 3 for one player."""

DEPOSITS = Premise(
    # How members trade with each other makes nothing of what they hold.
    pricing=EXAMINED_PRICING,
    solvency=EITHER_SOLVENCY,
    bankruptcy=EITHER_BANKRUPTCY,
    coverage=EITHER_COVERAGE,
    withholding=EITHER_WITHHOLDING,
    timing=EITHER_TIMING,
    # Outsiders order nothing, so that nothing flows to them or from them ...
    execution=frozenset({Execution.MATCHED}),
    # ... after the recommended flows, and they keep what they hold.
    refusal=frozenset({Refusal.ESCROW}),
)
"""Theorem 8: members can only divide anew what they hold when the market opens."""

ARBITRAGE = Premise(
    # An arbitrageur is charged at the quotes it sees.
    pricing=frozenset({Pricing.COUNTERPARTY}),
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    # What it claims from those it bankrupts is still delivered.
    bankruptcy=frozenset({Bankruptcy.TRADES_STAND}),
    coverage=EITHER_COVERAGE,
    # Whoever is bankrupt has nothing.
    withholding=frozenset({Withholding.WASTED}),
    # It sees the misquote before it orders.
    timing=frozenset({Timing.PRICES_FIRST}),
    # It takes from outsiders who ordered nothing of the kind.
    execution=frozenset({Execution.UNILATERAL}),
    refusal=NO_DEPOSITS,
)
"""Proposition 4: a member that sees another misquote is tempted to take everything."""

BUYING_OUT = Premise(
    # Who misquotes trades with nobody but a partner that misquotes in the same way, whatever it orders.
    pricing=frozenset({Pricing.VOID}),
    # A member whom side-transfers leave less than nothing cannot live at the outsiders' quotes ...
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    # ... and what it owned is then withdrawn.
    bankruptcy=frozenset({Bankruptcy.UNWIND}),
    coverage=EITHER_COVERAGE,
    # Whoever is bankrupt has nothing.
    withholding=frozenset({Withholding.WASTED}),
    timing=EITHER_TIMING,
    # What its partner orders from outsiders binds them.
    execution=frozenset({Execution.UNILATERAL}),
    refusal=NO_DEPOSITS,
)
"""Theorem 15: of two members the one who is given what the other owes rather spends it than lets the other live."""

OUTBIDDING = Premise(
    # Who misquotes trades with nobody but a partner that misquotes in the same way.
    pricing=frozenset({Pricing.VOID}),
    # Whoever is short has nothing ...
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    # ... and its partner keeps what was ordered.
    bankruptcy=frozenset({Bankruptcy.TRADES_STAND}),
    coverage=EITHER_COVERAGE,
    withholding=frozenset({Withholding.WASTED}),
    # Orders between two who quote alike are of no account elsewhere.
    timing=EITHER_TIMING,
    # A member alone decides what flows, given what the other orders.
    execution=frozenset({Execution.UNILATERAL}),
    refusal=NO_DEPOSITS,
)
"""Theorem 20: of two members with one good to trade for money, one rather orders more than what it is told to."""

SELLING_DEAR = Premise(
    # Whoever quotes a good too high sells it to its partner for the lower of the two quotes.
    pricing=frozenset({Pricing.SPREAD}),
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    # All others can be ruined without a loss: what was ordered of them stands.
    bankruptcy=frozenset({Bankruptcy.TRADES_STAND}),
    # Nobody is given more than what it and its partner own.
    coverage=frozenset({Coverage.ANNOUNCED_NUMERAIRE}),
    withholding=frozenset({Withholding.WASTED}),
    # It orders when quotes are known, since orders bind whoever quotes otherwise.
    timing=frozenset({Timing.PRICES_FIRST}),
    execution=frozenset({Execution.UNILATERAL}),
    refusal=NO_DEPOSITS,
)
"""Theorem 21: of two members who quote a good too high, the one told to order most of it rather sells."""

HIDDEN_RUIN = Premise(
    # Whoever is ruined cannot buy for less than it sells: it sees one price, or the dearer of two is paid. Where trades
    # are void otherwise, whoever quotes otherwise is not ruined; so nobody is told that it loses, but one in K.
    pricing=frozenset({Pricing.COUNTERPARTY, Pricing.SPREAD, Pricing.VOID}),
    # Whoever is short has nothing ...
    solvency=frozenset({Solvency.NO_SHORT_SALES}),
    # ... and what was ordered of it stands.
    bankruptcy=frozenset({Bankruptcy.TRADES_STAND}),
    # Nobody is granted anything.
    coverage=EITHER_COVERAGE,
    # Nobody keeps what it does not show.
    withholding=frozenset({Withholding.WASTED}),
    # What is hidden is hidden from whoever sees all quotes.
    timing=EITHER_TIMING,
    # Orders bind whoever does not answer them.
    execution=frozenset({Execution.UNILATERAL}),
    refusal=NO_DEPOSITS,
)
"""Theorem 23: of two members who know who of them wins, the loser would have to guess a number that ruins it; under
``void`` Theorem 24: neither knows, but for whoever is told the least of K numbers."""

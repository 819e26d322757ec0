r"""What holds of a contract at every profile, though these are too many to list: premises that need no list.

The contract is worked out where reports occur, and says nothing where it cannot prove its allocation efficient at its
price. So at every profile the inequality of ``docs/collusion.md`` applies: what members enjoy beyond the contract is at
most what their bundles are worth beyond their wealth, and that is nothing under the rules of Theorem 2 or 8. Transfers
by turns are expected to be those of Theorem 14, whatever they are computed from, as long as it is drawn after the
reports. What has to be known of all profiles is that money suffices, which follows from the prices between which all of
them clear (:mod:`marketgame.mechanisms.contracts.money_left`), with more to spare than floating point rounds off.
"""

from __future__ import annotations

from collections.abc import Iterator

from marketgame.mechanisms.certificates.plain.instance import Checked, Instance
from marketgame.mechanisms.certificates.plain.money import money_is_left, takings_are_covered
from marketgame.mechanisms.certificates.plain.staying import looked_at, nobody_would_trade
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.deviations import premises
from marketgame.mechanisms.deviations.bounds import BoundReason, reason_by_member
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.walras import at_payable_prices
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import Coverage, Refusal, Withholding

THEOREMS = {BoundReason.WEALTH: "those of Theorem 2", BoundReason.DEPOSITS: "those of Theorem 8"}


def all_speak_in_turn(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that transfers are those that no coalition of liars exploits, whatever is drawn.

    Raises:
        ValueError: there are no such transfers.
        DeadlinePassedError: time ran out.
    """
    deadline.check()
    independent = isinstance(instance.economy.prior, IndependentPrior)
    yield Checked("types", "stated as independent" if independent else "not stated as independent", independent)
    rule = instance.transfers_given
    proof = rule is TransferRule.COALITION_PROOF
    if not (independent and proof):
        yield Checked("transfers", f"{rule}", proof)
        return
    profiles, _ = instance.standing_for_all
    expected = "over all counts of types" if profiles.exact else "over draws that are made after the reports"
    yield Checked("transfers", f"all speak in turn, with what follows expected {expected}", proof)
    yield money_is_left(instance)


def orders_gain_nothing(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that wealth or deposits bound what any coalition gains after the truth, at every profile.

    Raises:
        ValueError: a family of valuations has no rational formula.
        DeadlinePassedError: time ran out.
    """
    economy, rules, rule = instance.economy, instance.rules_given, instance.transfers_given
    reason = reason_by_member(rules)
    if reason is None:
        yield Checked("rules", "others", holds=False)
        return
    yield Checked("rules", THEOREMS[reason], holds=True)
    if reason is BoundReason.WEALTH:
        yield Checked("what is withheld", rules.withholding.value, rules.withholding is Withholding.WASTED)
    yield money_is_left(instance)
    if rules.coverage is Coverage.ANNOUNCED_NUMERAIRE and rules.refusal is Refusal.FREE:
        yield takings_are_covered(instance)
    efficient = looked_at(instance)
    if rule is TransferRule.NONE:
        efficient = at_payable_prices(economy, efficient)
    yield nobody_would_trade(economy, efficient, deadline)


def nothing_gains_after_lies(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check both, with deposits and matched orders: then no lie gains that anything may follow.

    Raises:
        ValueError: there are no such transfers, or a family of valuations has no rational formula.
        DeadlinePassedError: time ran out.
    """
    deposits = premises.DEPOSITS.holds(instance.rules_given)
    yield Checked("deposits and matched orders", "by the rules" if deposits else "not both", deposits)
    yield from all_speak_in_turn(instance, deadline)
    yield from orders_gain_nothing(instance, deadline)

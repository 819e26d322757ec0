"""Theorems on which answers rest: what each says, where its proof stands, and how its premises are checked.

A theorem that is named is no evidence; that its premises hold of an economy and an institution is. Each is listed once,
with the function that checks every premise of it anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Self

from marketgame.mechanisms.certificates.plain.compared import no_lie_pays
from marketgame.mechanisms.certificates.plain.compensated import (
    counted_contract,
    everybody_is_compensated,
    nobody_has_another_type,
)
from marketgame.mechanisms.certificates.plain.everywhere import (
    all_speak_in_turn,
    nothing_gains_after_lies,
    orders_gain_nothing,
)
from marketgame.mechanisms.certificates.plain.instance import Checked, Instance
from marketgame.mechanisms.certificates.plain.post_replies import no_message_pays, no_report_and_message_pays
from marketgame.mechanisms.certificates.plain.staying import (
    deposits_are_made,
    everybody_pays_the_price,
    staying_is_worth_more,
)
from marketgame.mechanisms.certificates.plain.tempted import (
    by_arbitrage,
    by_buying_out,
    by_outbidding,
    by_selling_dear,
)
from marketgame.mechanisms.linear_program.deadline import Deadline

type Check = Callable[[Instance, Deadline], Iterator[Checked]]
"""From what a theorem is applied to, to its premises as they come out, until a time."""

CONTRACT = frozenset({"rules", "transfers", "numeraire_transfers", "prices", "stated"})
STAYING = CONTRACT | {"severance"}
EITHER_MARKET = STAYING | {"market"}


def one_liar(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that no player gains by a lie that it obeys: in a market to compare with, or by all counts of types."""
    if instance.market is not None:
        yield from no_lie_pays(instance, (1,), deadline)
        return
    lie = counted_contract(instance).largest_lie(deadline)
    found = "over all counts of types among replicas" if not lie.tempting else "that is wrong"
    yield Checked("no lie gains anything", found, not lie.tempting, lie.gain, lie.stake)


def liars_together(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that no coalition gains by a lie to a market to compare with."""
    yield from no_lie_pays(instance, range(1, len(instance.economy.players) + 1), deadline)


def one_player(instance: Instance, _: Deadline) -> Iterator[Checked]:
    """Check that nobody else trades."""
    players = len(instance.economy.players)
    yield Checked("players", "one" if players == 1 else f"{players}", players == 1)


class Theorem(StrEnum):
    """A theorem, by its name.

    Attributes:
        says: what it concludes, in a sentence.
        proof: where it is proved: a page, and the theorem's name there.
        about: of which parts of an `Instance` its premises speak, besides the economy.
        check: yields its premises as they come out.
    """

    says: str
    proof: str
    about: frozenset[str]
    check: Check

    NO_OTHER_TYPE = (
        "nobody has a second type",
        "Nobody has another type to report, so that no lie can be told, alone or together.",
        "docs/stress.md, What an answer rests on",
        frozenset[str](),
        nobody_has_another_type,
    )
    NOBODY_ELSE = (
        "nobody else trades",
        "Whoever trades alone can lose nothing by the carelessness of others.",
        "docs/stress.md, What an answer rests on",
        frozenset[str](),
        one_player,
    )
    EVERY_LIE_COSTS = (
        "every lie costs",
        "No player gains by a report that is not true, doing as it is told: each was tried.",
        "docs/stress.md, What an answer rests on",
        CONTRACT | {"market"},
        one_liar,
    )
    EVERY_JOINT_LIE_COSTS = (
        "every joint lie costs",
        "No coalition gains in sum by reports that are not true, doing as it is told: each was tried.",
        "docs/stress.md, What an answer rests on",
        frozenset({"market"}),
        liars_together,
    )
    NO_MESSAGE_PAYS = (
        "no message gains",
        "No player gains at trading posts by messages of its own after the truth, whatever it knows.",
        "docs/stress.md, What an answer rests on",
        frozenset({"market"}),
        no_message_pays,
    )
    NO_REPORT_AND_MESSAGE_PAYS = (
        "no report and messages gain",
        "No player gains at trading posts by a report, true or not, and messages of its own, whatever it knows.",
        "docs/stress.md, What an answer rests on",
        frozenset({"market"}),
        no_report_and_message_pays,
    )
    COMPENSATED = (
        "coalition-proof transfers",
        "No coalition of any size gains by lies that it obeys: each is compensated for what others report.",
        "docs/reports.md, Theorem 14",
        CONTRACT,
        everybody_is_compensated,
    )
    IN_TURN = (
        "coalition-proof transfers, in turn",
        "No coalition of any size gains by lies that it obeys: members lose what their lie costs all.",
        "docs/reports.md, Theorem 14 by lot",
        frozenset({"transfers"}),
        all_speak_in_turn,
    )
    EVERYWHERE = (
        "nothing to gain at any profile",
        "After the truth no coalition gains: it ends every play with at most its wealth, or what its members hold.",
        "docs/collusion.md, Theorems 2 and 8",
        frozenset({"rules", "transfers"}),
        orders_gain_nothing,
    )
    AFTER_LIES = (
        "deposits, after any lie",
        "No lie of any coalition gains, whatever its members do after it.",
        "docs/collusion.md, Theorem 8 (c)",
        frozenset({"rules", "transfers"}),
        nothing_gains_after_lies,
    )
    DEPOSITS = (
        "deposits",
        "Whoever has reported has deposited, and nobody can take that back and leave.",
        "docs/stress.md, What an answer rests on",
        frozenset({"rules"}),
        deposits_are_made,
    )
    AT_THE_PRICE = (
        "everybody pays the price",
        "No coalition gains by leaving whose members do as well as by trading at supporting prices.",
        "docs/stress.md, What an answer rests on (Debreu and Scarf)",
        EITHER_MARKET,
        everybody_pays_the_price,
    )
    WORTH_STAYING = (
        "staying is worth more",
        "No plan to leave profits where every coalition expects by staying what it could make of its own.",
        "docs/stress.md, What an answer rests on",
        STAYING,
        staying_is_worth_more,
    )

    ARBITRAGE = (
        "arbitrage",
        "Whatever a coalition agrees on, a member gains by breaking it: it buys and sells without bound between two "
        "quotes.",
        "docs/collusion.md, Proposition 4",
        CONTRACT - {"transfers"},
        by_arbitrage,
    )
    BUYING_OUT = (
        "buying out",
        "Whatever a coalition agrees on, a member gains by breaking it: it rather buys what outsiders own.",
        "docs/collusion.md, Theorems 15, 22 and 27",
        CONTRACT - {"transfers"},
        by_buying_out,
    )
    OUTBIDDING = (
        "outbidding",
        "Whatever a coalition agrees on, a member gains by breaking it: it rather orders more than it is told to.",
        "docs/collusion.md, Theorem 20",
        CONTRACT - {"transfers"},
        by_outbidding,
    )
    SELLING_DEAR = (
        "selling dear",
        "Whatever a coalition agrees on, a member gains by breaking it: it rather sells than orders what it is told.",
        "docs/collusion.md, Theorem 21",
        CONTRACT - {"transfers"},
        by_selling_dear,
    )

    def __new__(cls, value: str, says: str, proof: str, about: frozenset[str], check: Check) -> Self:
        """Return the theorem of that name."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.says, member.proof, member.about, member.check = says, proof, about, check
        return member

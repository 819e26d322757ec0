"""What types gain by lies that they then obey, by enumeration.

Source: Giraud and Rochon (2001), Definition 4, with the transfers of the announced profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from marketgame.mechanisms.certificates.plain.contract import PlainContract
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.rules import Refusal


@dataclass(frozen=True)
class LargestLie:
    """The lie that pays most.

    Attributes:
        gain: of the liar, numeraire; at most 0 if truth is best, and 0 if there is no lie to tell.
        stake: what is at stake for it, numeraire.
        tempting: whether some lie, this or another, gains something relative to what is at stake for the liar.
    """

    gain: Fraction
    stake: Fraction
    tempting: bool


def largest_lie(contract: PlainContract) -> LargestLie:
    """Return the lie that pays most to a type that obeys what it is then told."""
    best: LargestLie | None = None
    tempting = False
    for player, trader in enumerate(contract.economy.players):
        for kind in range(len(trader.types)):
            for report in range(len(trader.types)):
                gain = None if report == kind else _gain(contract, player, kind, report)
                if gain is None:
                    continue
                stake = _stake(contract, player, kind)
                tempting |= gain > Fraction(GAIN_TOLERANCE) * stake
                if best is None or gain > best.gain:
                    best = LargestLie(gain, stake, tempting)
    if best is None:
        return LargestLie(NOTHING, NOTHING, tempting=False)
    return LargestLie(best.gain, best.stake, tempting)


def _gain(contract: PlainContract, player: int, kind: int, report: int) -> Fraction | None:
    """Return what a type expects to gain by a report; none if it cannot always deposit or announce what it is to."""
    total = likely = NOTHING
    for number, profile in enumerate(contract.profiles):
        chance = contract.probability[number]
        if profile[player] != kind or not chance:
            continue
        reported = contract.after(number, (*profile[:player], report, *profile[player + 1 :]))
        told = contract.play(reported)
        deposit, has = contract.endowments(reported)[player], contract.endowments(number)[player]
        if contract.rules.refusal is Refusal.ESCROW and not contract.can_announce(deposit, has):
            return None
        owned = contract.holdings(number, reported)[player]
        if not contract.can_announce(told.announced[player], owned):
            return None
        # The play is that of the reported profile; only what the liar owns and wants is its own.
        bundle = contract.keeps(contract.obeyed(reported).allocation[player], told.announced[player], owned)
        total += chance * (contract.enjoys(player, number, bundle) - contract.obeyed(number).utility[player])
        likely += chance
    return total / likely


def _stake(contract: PlainContract, player: int, kind: int) -> Fraction:
    of_type = (
        stakes[player]
        for stakes, profile in zip(contract.stakes, contract.profiles, strict=True)
        if profile[player] == kind
    )
    return next(of_type)

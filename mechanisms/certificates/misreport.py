r"""Certificates of a misreport: a type that gains by reporting another, obeying afterwards or playing as suits it.

Type :math:`t_i` reports :math:`m_i` to the grand contract, hears its recommendation and plays an action that may depend
on it, while the others report the truth and obey. Transfers are those of the announced profile. Everything but the lie
and what is played after it is recomputed from the contract.

Source: Giraud and Rochon (2001), Definitions 4 and 4', and section 6.4, figure 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.deviation import negligible
from marketgame.mechanisms.certificates.plain.contract import PlainContract, stored_contract
from marketgame.mechanisms.certificates.plain.deviating import as_quoted
from marketgame.mechanisms.certificates.plain.settlement import PlainPlay
from marketgame.mechanisms.certificates.plays import DeviationOutcome, compared_deviations
from marketgame.mechanisms.certificates.verification import Verification, required
from marketgame.mechanisms.contracts.communication_equilibrium import Deviation
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True, eq=False)
class MisreportCertificate:
    """A profitable misreport against a grand contract.

    Draws are the recommendations that are possible for the liar's type, in the order of all of them.

    Attributes:
        economy: whose types are reported.
        rules: of the market.
        numeraire_transfers: of the grand contract, ``(R, N)``, numeraire.
        prices: of the grand contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are
            given.
        player: who lies.
        true_type: its type.
        reported_type: what it reports.
        quotes: what it then plays in each of K draws, ``(K, L)``, numeraire per unit.
        orders: what it then orders from each player, ``(K, N, L)``, units.
        announced_endowments: what it then announces, ``(K, L)``, units.
        outcome: the numbers.
        stated: what the contract recommends instead of efficient allocations at their prices, if something is stated.

    Raises:
        ValueError: player or types do not exist, or shapes disagree.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    prices: FloatArray | None
    player: int
    true_type: int
    reported_type: int
    quotes: FloatArray
    orders: FloatArray
    announced_endowments: FloatArray
    outcome: DeviationOutcome
    stated: StatedRecommendations | None = None

    def __post_init__(self) -> None:
        counts = self.economy.prior.type_counts
        if not 0 <= self.player < len(counts):
            raise ValueError(f"player is {self.player}; it must be 0 to {len(counts) - 1}")
        for name in ("true_type", "reported_type"):
            if not 0 <= getattr(self, name) < counts[self.player]:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 to {counts[self.player] - 1}")
        draws, players, goods = len(_possible(self)), len(counts), len(self.economy.goods)
        shapes = {
            "numeraire_transfers": (len(recommendation_odds(self.economy, self.stated)), players),
            "quotes": (draws, goods),
            "orders": (draws, players, goods),
            "announced_endowments": (draws, goods),
        }
        for name, shape in shapes.items():
            array = finite_array(name, getattr(self, name), shape)
            if array.ndim != len(shape):
                raise ValueError(f"{name} has shape {array.shape}; it must be {shape}")
            object.__setattr__(self, name, read_only(array))


def certify_misreport(
    contract: GrandContract, rules: MarketRules, player: int, lie: tuple[int, int], instead: Deviation | None = None
) -> MisreportCertificate:
    """Return the certificate of a misreport, its numbers computed by playing it.

    Args:
        contract: the grand contract.
        rules: of the market.
        player: who lies.
        lie: its true type and what it reports.
        instead: what it plays instead of its recommendations; obedience without it.

    Raises:
        ValueError: the play is not admitted, or a recommendation is not among those that `instead` answers.
    """
    contract = contract.under(rules)
    economy, (true_type, reported_type) = contract.economy, lie
    possible = np.flatnonzero((contract.profiles[:, player] == true_type) & (contract.probability > 0))
    reports = contract.profiles[possible]
    reports[:, player] = reported_type
    told = contract.recommended(contract.numbers_of(reports, possible // len(economy.profiles)))
    quotes, orders, announced = (
        array[:, player].copy() for array in (told.quotes, told.orders, told.announced_endowments)
    )
    if instead is not None:
        chosen = [_answer(instead, *heard) for heard in zip(quotes, orders, announced, strict=True)]
        quotes, orders, announced = (
            instead.played.quote[chosen],
            instead.played.order[chosen].copy(),
            instead.played.announced_endowment[chosen],
        )
    orders[:, player] = 0.0
    draft = MisreportCertificate(
        economy,
        rules,
        contract.numeraire_transfers,
        contract.efficient.price,
        player,
        true_type,
        reported_type,
        quotes,
        orders,
        announced,
        DeviationOutcome.unplayed(),
        contract.stated,
    )
    return replace(draft, outcome=_played(draft, PlainContract(contract, rules)).outcome)


def recomputed_misreport(certificate: MisreportCertificate) -> MisreportCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or the play is not admitted.
    """
    return replace(certificate, outcome=_played(certificate, stored_contract(certificate)).outcome)


def verify_misreport(certificate: MisreportCertificate) -> Verification:
    """Play a certificate's misreport and compare every number."""
    player = certificate.player
    try:
        contract = stored_contract(certificate)
        played = _played(certificate, contract)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the misreport cannot be played: {error}",))
    measurable = _measurable(certificate, contract, played.reports)
    told = verified_lie(certificate.outcome, played.outcome, contract, played.numbers)
    gain, stake = played.gains[player], contract.stakes[played.numbers[0]][player]
    return Verification.joined((told, measurable, gainful("the misreport", gain, stake)))


def verified_lie(
    stored: DeviationOutcome, played: DeviationOutcome, contract: PlainContract, numbers: list[int]
) -> Verification:
    """Compare what a lie brings in draws of these numbers with what is stored of it, the contract being efficient."""
    doubts = Verification(failures=tuple(contract.doubts()))
    return Verification.joined((doubts, compared_deviations(stored, played, contract, numbers)))


def gainful(lie: str, gain: Fraction, stake: Fraction) -> Verification:
    """Check that a lie, named so, gains something relative to what is at stake for who tells it, numeraire."""
    return required(gain > negligible(stake), f"{lie} gains {float(gain):.6g}; it must gain something")


class ToldLie:
    """A lie, told in every draw and followed by what is played then.

    Attributes:
        numbers: of the true profile in each draw.
        reports: of the reported one.
        outcome: the numbers of a certificate.
        gains: of every player, numeraire, before they are rounded.
    """

    def __init__(
        self,
        contract: PlainContract,
        numbers: Sequence[int],
        said: Mapping[int, int],
        replied: Callable[[int, int], PlainPlay],
    ) -> None:
        """Tell a lie.

        Args:
            contract: to whose device.
            numbers: of the true profiles.
            said: what liars report, by player; the others tell the truth.
            replied: what is played in a draw after the recommendation of a number.
        """
        self.numbers = list(numbers)
        truths = [contract.profiles[number] for number in numbers]
        self.reports = [
            contract.after(number, tuple(said.get(player, kind) for player, kind in enumerate(true)))
            for number, true in zip(numbers, truths, strict=True)
        ]
        after = [
            contract.ended(replied(draw, report), number, report)
            for draw, (number, report) in enumerate(zip(numbers, self.reports, strict=True))
        ]
        before = [contract.obeyed(number) for number in numbers]
        odds = [contract.probability[number] for number in numbers]
        self.outcome, self.gains = DeviationOutcome.of(before, after, odds)


def _played(certificate: MisreportCertificate, contract: PlainContract) -> ToldLie:
    said = {certificate.player: certificate.reported_type}
    return ToldLie(contract, _possible(certificate), said, partial(_lying, certificate, contract))


def _lying(certificate: MisreportCertificate, contract: PlainContract, draw: int, report: int) -> PlainPlay:
    """Return what is played in a draw after the lie."""
    told, liar = contract.play(report), certificate.player
    quotes, orders, announced = list(told.quotes), list(told.orders), list(told.announced)
    quotes[liar] = as_quoted(exact(certificate.quotes[draw]), told.quotes[liar])
    orders[liar] = [exact(row) for row in certificate.orders[draw]]
    announced[liar] = exact(certificate.announced_endowments[draw])
    return PlainPlay(quotes, orders, announced, told.transfers)


def _measurable(certificate: MisreportCertificate, contract: PlainContract, reports: list[int]) -> Verification:
    """Check that the liar plays the same whenever it hears the same, and stores no number without meaning."""
    player = certificate.player
    done: dict[int, list[float]] = {}
    for draw, report in enumerate(reports):
        parts = (certificate.quotes[draw], certificate.orders[draw], certificate.announced_endowments[draw])
        row = [float(value) for part in parts for value in part.reshape(-1)]
        if done.setdefault(contract.told(player, report), row) != row:
            return Verification(failures=("the liar plays differently in draws it cannot tell apart",))
    return required(
        not certificate.orders[:, player].any(),
        "the liar orders from itself, which means nothing; such orders must be 0",
    )


def _possible(certificate: MisreportCertificate) -> list[int]:
    """Return the numbers of the recommendations that the liar's true type thinks possible, if it told the truth."""
    economy = certificate.economy
    kinds = np.resize(
        economy.profiles[:, certificate.player], len(odds := recommendation_odds(economy, certificate.stated))
    )
    found: list[int] = np.flatnonzero((kinds == certificate.true_type) & (odds > 0)).tolist()
    return found


def _answer(instead: Deviation, quote: FloatArray, order: FloatArray, announced: FloatArray) -> int:
    """Return which of the recommendations a deviation answers was heard."""
    known = instead.recommended
    for place in range(len(known.quote)):
        if (
            (known.quote[place] == quote).all()
            and (known.order[place] == order).all()
            and (known.announced_endowment[place] == announced).all()
        ):
            return place
    raise ValueError("the deviation says nothing about a recommendation that may be heard")

"""Certificates of what a market that institutions are compared with brings those who do what they are told.

Everybody reports the truth and sends what it is told to. Trading posts are settled in rational numbers at every profile
that can occur; the call market's price is found again, and that everybody holds what is best for it at that price, and
all there is, is checked without the search, as in :mod:`marketgame.mechanisms.certificates.compared_market`.

Source: :mod:`marketgame.mechanisms.comparison_markets`, with its sources.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from marketgame.mechanisms.certificates.compared_market import doubts_about, enjoyed_with
from marketgame.mechanisms.certificates.plain.compared import settled_posts
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.certificates.plain.welfare import Autarky, refuse_many
from marketgame.mechanisms.certificates.verification import Verification, compared
from marketgame.mechanisms.comparison_markets.call_market import clear_reports
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, told_messages
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import stakes_by_type
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline


@dataclass(frozen=True)
class ComparedWelfareCertificate:
    """What a compared market brings everybody together if all tell the truth and do as they are told.

    Attributes:
        economy: whose goods are traded.
        market: which.
        gains: over autarky, expected, numeraire.
    """

    economy: Economy
    market: ComparedMarket
    gains: float


@dataclass(frozen=True)
class _Obeyed:
    gains: Fraction
    stake: float
    doubts: tuple[str, ...]


def certify_compared_welfare(
    economy: Economy, market: ComparedMarket, deadline: Deadline = NO_DEADLINE
) -> ComparedWelfareCertificate:
    """Return what obedience brings; whether the market ends as it should is for the verification to say.

    Raises:
        ValueError: there are too many profiles, or the market does not take the economy.
        DeadlinePassedError: time ran out.
    """
    return ComparedWelfareCertificate(economy, market, float(_obeyed(economy, market, deadline).gains))


def recomputed_compared_welfare(certificate: ComparedWelfareCertificate) -> ComparedWelfareCertificate:
    """Return the certificate with its number recomputed.

    Raises:
        ValueError: there are too many profiles, or the market does not take the economy.
    """
    return certify_compared_welfare(certificate.economy, certificate.market)


def verify_compared_welfare(certificate: ComparedWelfareCertificate, deadline: Deadline = NO_DEADLINE) -> Verification:
    """Let the market end at every profile, and compare what everybody together gains.

    Raises:
        DeadlinePassedError: time ran out.
    """
    try:
        found = _obeyed(certificate.economy, certificate.market, deadline)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the market cannot be played: {error}",))
    number = compared("gains", certificate.gains, float(found.gains), found.stake)
    return Verification.joined((Verification(failures=found.doubts), number))


def _obeyed(economy: Economy, market: ComparedMarket, deadline: Deadline) -> _Obeyed:
    refuse_many(economy.prior.size, len(economy.players))
    possible = np.flatnonzero(economy.prior.probability > 0)
    profiles, odds = economy.profiles[possible], exact(economy.prior.probability[possible])
    stakes = stakes_by_type(economy, efficient_allocation(economy))
    doubts = list[str]()
    if market.post_rules is None:
        ended = clear_reports(economy, profiles)
        doubts += doubts_about(economy, stakes, ended, profiles)
        trades = [[exact(trade) for trade in row] for row in ended.net_trades]
    else:
        told = told_messages(economy, market, profiles)
        trades = [settled_posts(bids, offers) for bids, offers in zip(told.bids, told.offers, strict=True)]
    own, everybody, gains = Autarky(economy), range(len(economy.players)), NOTHING
    for chance, profile, traded in zip(odds, profiles, trades, strict=True):
        deadline.check()
        alone = sum((own.of_goods(player, int(profile[player])) for player in everybody), NOTHING)
        gains += chance * (sum(enjoyed_with(economy, profile, everybody, traded), NOTHING) - alone)
    at_stake = stakes[economy.rows(profiles)].sum(axis=1)
    return _Obeyed(gains / sum(odds, NOTHING), float(economy.prior.probability[possible] @ at_stake), tuple(doubts))

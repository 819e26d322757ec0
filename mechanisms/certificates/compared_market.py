r"""Certificates of a gain in a market that institutions are compared with: by a lie, by messages of one's own, or both.

Members of a coalition are of types :math:`t_S`, report :math:`r_S`, hear what they are told to send, and send something
else, or what they are told; the others report the truth and do as they are told. Everything but what members report and
send is recomputed.

At trading posts both plays are settled in rational numbers, and what members enjoy is computed in them. The call
market's price is found again; that it clears is checked without the search: everybody else holds what is best for it at
that price within what it owns, by the tangents of its valuation in rational numbers, and the holdings exhaust the
supply.

Source: :mod:`marketgame.mechanisms.comparison_markets`, with its sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, finite_array, read_only
from marketgame.mechanisms.certificates.plain.compared import (
    CONTENT_TOLERANCE,
    kept,
    missed_at,
    most_by_other_messages,
    settled_posts,
)
from marketgame.mechanisms.certificates.verification import (
    NUMBER_TOLERANCE,
    Verification,
    compared,
    require_members,
    required,
)
from marketgame.mechanisms.comparison_markets.call_market import (
    CallOutcome,
    TypeSchedules,
    WithSteps,
    clear,
    clear_reports,
)
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket, told_messages
from marketgame.mechanisms.comparison_markets.post_replies import PostMessages
from marketgame.mechanisms.comparison_markets.residual_supply import Steps
from marketgame.mechanisms.comparison_markets.trading_posts import OWNED_TOLERANCE, Offering, OneSided
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import counts_as_gain, stakes_by_type


@dataclass(frozen=True, eq=False)
class ComparedMarketCertificate:
    """A gain in a market that institutions are compared with.

    Draws are the profiles that can occur with the members' types, in the order of all of them.

    Attributes:
        economy: whose types are reported.
        market: the market, and what it tells traders to send.
        coalition: who deviates, ascending.
        true_types: the members' types.
        reported_types: what they report.
        bids: what they send to trading posts in each draw, ``(K, S, G)``, numeraire; none if they do as they are told.
        offers: likewise, ``(K, S, G)``, units.
        limits: prices of the steps of one member's schedule in the call market, ``(G, J)``, numeraire per unit.
        holdings: wanted up to each, ``(G, J)``, units.
        last: wanted above them, ``(G,)``, units.
        gains: what the members expect to gain, ``(S,)``, numeraire.
        temptation: of two members who keep what they agreed on: what either gains at most by sending anything else
            while the other keeps to it, numeraire; none of others.

    Raises:
        ValueError: members or types do not exist, shapes disagree, or messages do not go with the market.
    """

    economy: Economy
    market: ComparedMarket
    coalition: tuple[int, ...]
    true_types: tuple[int, ...]
    reported_types: tuple[int, ...]
    bids: FloatArray | None
    offers: FloatArray | None
    limits: FloatArray | None
    holdings: FloatArray | None
    last: FloatArray | None
    gains: FloatArray
    temptation: float | None = None

    def __post_init__(self) -> None:
        require_members(self.economy, self.coalition, true_types=self.true_types, reported_types=self.reported_types)
        if self.economy.prior.obstacle:
            raise ValueError(f"types cannot be listed: {self.economy.prior.obstacle}")
        self._refuse_messages_for_another_market()
        if self.temptation is not None and (
            self.bids is None or len(self.coalition) != 2 or self.economy.prior.size > 1
        ):
            raise ValueError("temptation is of two members of known types, who send messages to trading posts")
        goods, members = len(self.economy.goods) - 1, len(self.coalition)
        shapes: dict[str, tuple[int | None, ...]] = {
            "bids": (len(_draws(self)), members, goods),
            "offers": (len(_draws(self)), members, goods),
            "limits": (goods, None),
            "holdings": (goods, None if self.limits is None else self.limits.shape[-1]),
            "last": (goods,),
            "gains": (members,),
        }
        for name, shape in shapes.items():
            if getattr(self, name) is not None:
                array = finite_array(name, getattr(self, name), shape)
                if array.ndim != len(shape):
                    raise ValueError(f"{name} has shape {array.shape}; it must be {shape}")
                object.__setattr__(self, name, read_only(array))

    def _refuse_messages_for_another_market(self) -> None:
        posts, steps = (self.bids, self.offers), (self.limits, self.holdings, self.last)
        call = self.market is ComparedMarket.CALL
        if any(part is not None for part in (posts if call else steps)):
            raise ValueError(f"messages are for another market than {self.market.value!r}")
        given = [part is not None for part in (steps if call else posts)]
        if any(given) and not all(given):
            raise ValueError("some parts of what members send are missing; all must be there, or none")
        if call and given[0] and len(self.coalition) > 1:
            raise ValueError(f"a schedule is one player's; coalition has {len(self.coalition)}")

    @property
    def total_gain(self) -> float:
        """What the members gain in sum, numeraire."""
        return float(self.gains.sum())


def certify_compared_market(
    economy: Economy,
    market: ComparedMarket,
    coalition: Sequence[int],
    types: tuple[Sequence[int], Sequence[int]],
    sent: tuple[FloatArray, FloatArray] | Steps | None = None,
    *,
    kept_by_both: bool = False,
) -> ComparedMarketCertificate:
    """Return the certificate of a deviation, its numbers computed by playing it.

    Args:
        economy: the economy.
        market: the market.
        coalition: who deviates, ascending.
        types: the members' true types, and what they report.
        sent: bids and offers ``(K, S, G)`` by draw, or one member's schedule; what they are told to send without it.
        kept_by_both: whether it claims of two members that neither would break what they agreed on.

    Raises:
        ValueError: the play is not admitted.
        UnansweredError: it is not known what is to be sent, or the market does not clear.
    """
    true, said = (tuple(int(kind) for kind in kinds) for kinds in types)
    steps = sent if isinstance(sent, Steps) else None
    bids, offers = sent if isinstance(sent, tuple) else (None, None)
    draft = ComparedMarketCertificate(
        economy,
        market,
        tuple(int(member) for member in coalition),
        true,
        said,
        bids,
        offers,
        None if steps is None else steps.limits,
        None if steps is None else steps.holdings,
        None if steps is None else steps.last,
        np.zeros(len(coalition)),
        0.0 if kept_by_both else None,
    )
    return recomputed_compared_market(draft)


def recomputed_compared_market(certificate: ComparedMarketCertificate) -> ComparedMarketCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the play is not admitted.
        UnansweredError: it is not known what is to be sent, or the market does not clear.
    """
    played = _Played(certificate)
    tempted = None if certificate.temptation is None else played.temptation()
    return replace(certificate, gains=np.array([float(gain) for gain in played.gains]), temptation=tempted)


def verify_compared_market(certificate: ComparedMarketCertificate) -> Verification:
    """Play a certificate again, compare its numbers, and check what it claims."""
    try:
        played = _Played(certificate)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the deviation cannot be played: {error}",))
    economy = certificate.economy
    rows = economy.first_rows[list(certificate.coalition)] + np.array(certificate.true_types)
    stakes = played.stakes[rows]
    total = float(sum(played.gains))
    return Verification.joined(
        (
            Verification(failures=tuple(played.doubts)),
            compared("gains", certificate.gains, [float(gain) for gain in played.gains], stakes),
            required(
                bool(counts_as_gain(np.array(total), np.array(stakes.sum()))),
                f"the deviation gains {total:.6g}; it must gain something",
            ),
            *_kept_by_both(certificate, played, stakes),
        )
    )


def _kept_by_both(
    certificate: ComparedMarketCertificate, played: _Played, stakes: FloatArray
) -> Iterator[Verification]:
    """Yield what is wrong with the claim, if it is made, that neither of two members breaks what they agreed on."""
    if certificate.temptation is None:
        return
    tempted = played.temptation()
    yield compared("temptation", certificate.temptation, tempted, stakes.min())
    yield required(
        not counts_as_gain(np.array(tempted), np.array(stakes.min())),
        f"a member may gain {tempted:.6g} by breaking what was agreed on",
    )
    yield required(min(played.gains) >= 0, f"a member loses {-float(min(played.gains)):.6g}")


class _Played:
    """A certificate's deviation, played.

    Attributes:
        gains: of the members, numeraire.
        stakes: of every type, ``(types of all players,)``, numeraire.
        doubts: what keeps it from proving anything.
        sent: to trading posts by everybody, ``(K, N, G)``; none in the call market.
    """

    def __init__(self, certificate: ComparedMarketCertificate) -> None:
        self.certificate, economy = certificate, certificate.economy
        self.stakes = stakes_by_type(economy, efficient_allocation(economy))
        self.doubts: list[str] = []
        self.sent: PostMessages | None = None
        draws = _draws(certificate)
        self.true = economy.profiles[draws]
        self.reports = self.true.copy()
        self.reports[:, certificate.coalition] = certificate.reported_types
        members = economy.first_rows[list(certificate.coalition)]
        shown = economy.endowment_table[members + np.array(certificate.reported_types)]
        owned = economy.endowment_table[members + np.array(certificate.true_types)]
        if (shown > owned * (1 + OWNED_TOLERANCE)).any():
            raise ValueError("a member cannot show what it reports to own")
        odds = exact(economy.prior.probability[draws])
        before, after = self._posts() if certificate.market.post_rules is not None else self._call()
        total = sum(odds, Fraction(0))
        self.gains = [
            sum((chance * (b[place] - a[place]) for chance, a, b in zip(odds, before, after, strict=True)), Fraction(0))
            / total
            for place in range(len(certificate.coalition))
        ]

    def _posts(self) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
        certificate, rules = self.certificate, self.certificate.market.post_rules
        assert rules is not None
        assert rules.one_sided is OneSided.RETURNED
        economy, members = certificate.economy, list(certificate.coalition)
        first = told_messages(economy, certificate.market, self.true)
        honest = certificate.true_types == certificate.reported_types
        told = first if honest else told_messages(economy, certificate.market, self.reports)
        bids, offers = told.bids.copy(), told.offers.copy()
        if certificate.bids is not None and certificate.offers is not None:
            bids[:, members], offers[:, members] = certificate.bids, certificate.offers
            self._refuse_unowned(bids[:, members], offers[:, members], rules.offering)
            heard = [(told.bids[k][members].tolist(), told.offers[k][members].tolist()) for k in range(len(bids))]
            sent = [(bids[k][members].tolist(), offers[k][members].tolist()) for k in range(len(bids))]
            if any(a == b and sent[i] != sent[j] for i, a in enumerate(heard) for j, b in enumerate(heard[:i])):
                self.doubts.append("members send different messages in draws that they cannot tell apart")
        self.sent = PostMessages(bids, offers)
        return (
            [self._enjoyed(k, settled_posts(first.bids[k], first.offers[k])) for k in range(len(bids))],
            [self._enjoyed(k, settled_posts(bids[k], offers[k])) for k in range(len(bids))],
        )

    def temptation(self) -> float:
        """Return what a member of known type gains at most by breaking what was agreed on, numeraire."""
        certificate, rules = self.certificate, self.certificate.market.post_rules
        if rules is None or self.sent is None:
            raise ValueError("nothing was agreed on that could be kept at trading posts")
        bids, offers, found = self.sent.bids[0], self.sent.offers[0], 0.0
        for member, kind in zip(certificate.coalition, certificate.true_types, strict=True):
            own = certificate.economy.players[member].types[kind]
            everything = rules.offering is Offering.EVERYTHING
            most = most_by_other_messages(own.valuation, exact(own.endowment), bids, offers, member, everything)
            found = max(found, np.inf if most is None else float(most))
        return found

    def _refuse_unowned(self, bids: FloatArray, offers: FloatArray, offering: Offering) -> None:
        certificate = self.certificate
        rows = certificate.economy.first_rows[list(certificate.coalition)] + np.array(certificate.true_types)
        owned = certificate.economy.endowment_table[rows]
        over = (bids.sum(axis=-1) > owned[:, -1] * (1 + OWNED_TOLERANCE)).any()
        if over or (bids < 0).any() or (offers < 0).any() or (offers > owned[:, :-1] * (1 + OWNED_TOLERANCE)).any():
            raise ValueError("members send what they do not own")
        if offering is Offering.EVERYTHING and (offers < owned[:, :-1] * (1 - OWNED_TOLERANCE)).any():
            raise ValueError("members offer less than everything")

    def _call(self) -> tuple[list[list[Fraction]], list[list[Fraction]]]:
        certificate, economy = self.certificate, self.certificate.economy
        first, told = clear_reports(economy, self.true), clear_reports(economy, self.reports)
        self._doubt(first, self.true, ())
        if certificate.limits is None or certificate.holdings is None or certificate.last is None:
            self._doubt(told, self.reports, ())
        else:
            if not economy.valuations.separable:
                raise ValueError("schedules of steps are only cleared where goods are valued one by one")
            owned = economy.endowments(self.reports)
            schedules = TypeSchedules(
                economy.valuations.select(economy.rows(self.reports)), owned[..., :-1], owned[..., -1]
            )
            steps = (certificate.limits, certificate.holdings, certificate.last)
            told = clear(WithSteps(schedules, certificate.coalition[0], *steps))
            if (owned[..., -1] + told.net_trades[..., -1] < -NUMBER_TOLERANCE * (1 + owned[..., -1])).any():
                raise ValueError("somebody does not own the money that it would pay")
            self._doubt(told, self.reports, certificate.coalition)
        count = range(len(self.true))
        return (
            [self._enjoyed(k, [exact(trade) for trade in first.net_trades[k]]) for k in count],
            [self._enjoyed(k, [exact(trade) for trade in told.net_trades[k]]) for k in count],
        )

    def _doubt(self, ended: CallOutcome, types: IntegerArray, left_out: Sequence[int]) -> None:
        """Note whom the outcome does not give what is best for it at the price, or what does not add up."""
        self.doubts += doubts_about(self.certificate.economy, self.stakes, ended, types, left_out)

    def _enjoyed(self, draw: int, trades: list[list[Fraction]]) -> list[Fraction]:
        """Return the members' utilities with net trades, beyond the money that they own, numeraire."""
        return enjoyed_with(self.certificate.economy, self.true[draw], self.certificate.coalition, trades)


def doubts_about(
    economy: Economy, stakes: FloatArray, ended: CallOutcome, types: IntegerArray, left_out: Sequence[int] = ()
) -> Iterator[str]:
    """Yield whom a call market does not give what is best for it at the price, or what does not add up.

    Args:
        economy: whose goods are traded.
        stakes: what is at stake for each type, in the order of tables over types, numeraire.
        ended: how it ended at each of some profiles.
        types: of the reports there, ``(K, N)``.
        left_out: players who need not be content.
    """
    for draw, (profile, price) in enumerate(zip(types, ended.price, strict=True)):
        owned = economy.endowments(profile)
        supply = owned.sum(axis=0)[:-1]
        held = owned[:, :-1] + ended.net_trades[draw, :, :-1]
        rest = supply - held.sum(axis=0)
        if (np.abs(np.where(price > 0, rest, np.minimum(rest, 0))) > CONTENT_TOLERANCE * supply).any():
            yield f"holdings of draw {draw} do not exhaust the supply"
        for player, kind in enumerate(profile):
            if player in left_out:
                continue
            valuation = economy.players[player].types[kind].valuation
            missed = missed_at(valuation, held[player], price, owned[player], supply)
            at_stake = float(price @ supply) + float(stakes[economy.first_rows[player] + kind])
            if missed > CONTENT_TOLERANCE * at_stake:
                yield f"{economy.player_names[player]} would hold something else in draw {draw}"


def enjoyed_with(
    economy: Economy, profile: IntegerArray, members: Sequence[int], trades: Sequence[Sequence[Fraction]]
) -> list[Fraction]:
    """Return members' utilities with everybody's net trades at a profile, beyond the money that they own, numeraire."""
    found = []
    for member in members:
        kind = economy.players[member].types[profile[member]]
        held = [
            max(owned + trade, Fraction(0))
            for owned, trade in zip(exact(kind.endowment[:-1]), trades[member], strict=False)
        ]
        found.append(kind.valuation.exact_value(kept(kind.valuation, held)) + trades[member][-1])
    return found


def _draws(certificate: ComparedMarketCertificate) -> IntegerArray:
    """Return the numbers of the profiles that can occur with the members' types."""
    economy = certificate.economy
    same = (economy.profiles[:, certificate.coalition] == np.array(certificate.true_types)).all(axis=1)
    return np.asarray(np.flatnonzero(same & (economy.prior.probability > 0)))

r"""Certificates of an agreement of two that only a guess breaks, however unlikely: Theorem 23 of ``docs/collusion.md``.

At a profile that both members know it is announced to both who of them wins, and the winner is told one of K numbers
that its partner is not. A member that loses would have to guess the number; what that brings is divided by K. So the
agreement refutes, up to a tolerance, that nobody has an internally consistent improvement, and says nothing of what is
kept exactly. What is stored are the sizes, the odds, and what each member expects and could gain by breaking it, of
which all is derived anew, in rational numbers: plays are settled, and what anything else brings at most is bounded. The
certificate is refused unless nobody loses, together they gain, and what anybody gains by breaking it, or by a false
report that voids it, counts as nothing.

Where trades are void between unequal quotes nobody is told who wins, but for whoever is told the least of K numbers,
who loses for certain and has all to gain by not doing as told. What it gains is multiplied by how seldom that is told:
the tolerance is in what members expect before they are told their parts (Theorem 24).

Source: Giraud and Rochon (2001), Definitions 3, 5, 6 and 7; the agreement is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.deviation import negligible
from marketgame.mechanisms.certificates.plain.contract import PlainContract, stored_contract
from marketgame.mechanisms.certificates.plain.guessing import PlainRuin, known_to_ruin
from marketgame.mechanisms.certificates.plain.keeping import most_by_breaking
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.collusion.side_contracts.hidden_ruin import HiddenRuin
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.market_game.rules import MarketRules, Pricing

PAIR = 2
# How far odds that add up to one may be from it.
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class HiddenRuinCertificate:
    """An agreement of two members that improves upon a grand contract, and that only a guess breaks.

    Attributes:
        economy: the economy.
        rules: of the market.
        numeraire_transfers: of the grand contract, ``(R, N)``, numeraire.
        prices: of the grand contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are
            given.
        coalition: the two members' numbers, ascending.
        profile: number of the recommendation at which they agree; the grand contract stands at all others.
        good: number of the good that the winner pays with.
        quote: of that good by both where the dearer quote is paid, numeraire per unit.
        apart: by how much money the hidden numbers differ, numeraire.
        numbers: how many there are, all equally likely.
        odds: that each member wins, ``(S,)``.
        status_quo: utility of each member at the profile under the grand contract, ``(S,)``, numeraire.
        winning: utility of each if it wins, ``(S,)``, numeraire.
        losing: utility of each if it does not, ``(S,)``, numeraire.
        promised: utility that each expects under the agreement, ``(S,)``, numeraire.
        temptation: the most that each gains by anything else than it is told, ``(S,)``, numeraire.
        stated: what the contract recommends instead of efficient allocations at their prices, if something is stated.

    Raises:
        ValueError: sizes disagree, or numbers are out of bounds.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    prices: FloatArray | None
    coalition: tuple[int, ...]
    profile: int = field(metadata={"ge": 0})
    good: int = field(metadata={"ge": 0})
    quote: float = field(metadata={"ge": 0})
    apart: float = field(metadata={"gt": 0})
    numbers: int = field(metadata={"ge": 2})
    odds: FloatArray
    status_quo: FloatArray
    winning: FloatArray
    losing: FloatArray
    promised: FloatArray
    temptation: FloatArray
    stated: StatedRecommendations | None = None

    def __post_init__(self) -> None:
        players, profiles = len(self.economy.players), len(recommendation_odds(self.economy, self.stated))
        first, *others = self.coalition
        if len(others) != 1 or not 0 <= first < others[0] < players:
            raise ValueError(
                f"coalition is {self.coalition}; it must list two of players 0 to {players - 1}, ascending"
            )
        transfers = finite_array("numeraire_transfers", self.numeraire_transfers, (profiles, players))
        object.__setattr__(self, "numeraire_transfers", read_only(transfers))
        for name in ("odds", "status_quo", "winning", "losing", "promised", "temptation"):
            object.__setattr__(self, name, read_only(finite_array(name, getattr(self, name), (PAIR,))))
        for name, most in (("profile", profiles), ("good", len(self.economy.goods) - 1)):
            if not 0 <= getattr(self, name) < most:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 to {most - 1}")
        if (self.odds <= 0).any() or not np.isclose(self.odds.sum(), 1.0, rtol=0.0, atol=ROUNDING):
            raise ValueError(f"odds are {self.odds.tolist()}; each member must have some, and they must add up to 1")

    @property
    def told_seldom(self) -> bool:
        """Whether a part has to be told that its member breaks, as seldom as one likes: Theorem 24."""
        return self.rules.pricing is Pricing.VOID

    @property
    def gains(self) -> FloatArray:
        """What each member expects to gain before the profile is known, ``(S,)``, numeraire."""
        likely = recommendation_odds(self.economy, self.stated)[self.profile]
        return np.asarray(likely * (self.promised - self.status_quo))


def certify_hidden_ruin(contract: GrandContract, rules: MarketRules, ruin: HiddenRuin) -> HiddenRuinCertificate:
    """Return the certificate of an agreement, its numbers computed by playing it.

    Args:
        contract: the grand contract.
        rules: of the market.
        ruin: the agreement; whether it is kept is for `verify_hidden_ruin` to say.

    Raises:
        ValueError: it cannot be played, or how it ends is not known.
    """
    none = np.zeros(PAIR)
    draft = HiddenRuinCertificate(
        economy=contract.economy,
        rules=rules,
        numeraire_transfers=contract.numeraire_transfers,
        prices=contract.efficient.price,
        coalition=ruin.coalition,
        profile=ruin.number,
        good=ruin.good,
        quote=ruin.quote,
        apart=ruin.apart,
        numbers=ruin.numbers,
        odds=ruin.odds,
        status_quo=none,
        winning=none,
        losing=none,
        promised=none,
        temptation=none,
        stated=contract.stated,
    )
    return _with_numbers(draft, PlainContract(contract, rules))


def recomputed_hidden_ruin(certificate: HiddenRuinCertificate) -> HiddenRuinCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or the agreement cannot be played.
    """
    return _with_numbers(certificate, stored_contract(certificate))


def verify_hidden_ruin(certificate: HiddenRuinCertificate) -> Verification:
    """Settle the plays of a certificate, bound what anything else brings, and compare every number."""
    if not known_to_ruin(certificate.rules):
        return Verification(failures=("what breaks such an agreement is not known under these rules",))
    try:
        contract = stored_contract(certificate)
        terms = _Terms.of(certificate, contract)
        doubts = tuple(contract.doubts())
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the agreement cannot be played: {error}",))
    names = [certificate.economy.player_names[member] for member in certificate.coalition]
    stakes = [contract.stakes[certificate.profile][member] for member in certificate.coalition]
    parts = [Verification(failures=doubts), _known(certificate, contract, names), _void(certificate, contract, names)]
    for name in ("status_quo", "winning", "losing", "promised"):
        found = np.array(getattr(terms, name), dtype=np.float64)
        parts.append(compared(name, getattr(certificate, name), found, np.array(stakes, dtype=np.float64)))
    # A temptation counts as nothing beside what is at stake; that it is the one that comes out is another matter.
    tempted = np.array(terms.temptation, dtype=np.float64)
    parts.append(compared("temptation", certificate.temptation, tempted, tempted))
    for name, stake, before, after, most in zip(
        names, stakes, terms.status_quo, terms.promised, terms.temptation, strict=True
    ):
        parts.append(required(after >= before, f"{name} gains {float(after - before):.6g}; no member may lose"))
        parts.append(
            required(
                most <= negligible(stake),
                f"{name} might gain up to {float(most):.6g} by breaking the agreement, which counts",
            )
        )
    gain = sum(terms.promised, NOTHING) - sum(terms.status_quo, NOTHING)
    likely = contract.probability[certificate.profile]
    counts = sum(
        (
            chance * negligible(contract.at_stake(certificate.coalition, number))
            for number, chance in enumerate(contract.probability)
        ),
        NOTHING,
    )
    parts.append(
        required(
            likely * gain > counts,
            f"the members together expect to gain {float(likely * gain):.6g}, not more than {float(counts):.2g}",
        )
    )
    return Verification.joined(parts)


@dataclass(frozen=True)
class _Terms:
    """What the agreement brings each member, numeraire."""

    status_quo: list[Fraction]
    winning: list[Fraction]
    losing: list[Fraction]
    promised: list[Fraction]
    temptation: list[Fraction]

    @classmethod
    def of(cls, certificate: HiddenRuinCertificate, contract: PlainContract) -> _Terms:
        """Return what comes out of settling it.

        Raises:
            ValueError: it cannot be played, or how it ends or what breaks it is not known.
        """
        members, number = certificate.coalition, certificate.profile
        quote, apart = exact([certificate.quote, certificate.apart])
        ruin = PlainRuin(contract, number, members, certificate.good, quote, apart, certificate.numbers)
        if not ruin.outsiders:
            raise ValueError("there is nobody to take anything from")
        ends, found = [ruin.ended(winner) for winner in members], []
        for winner in members:
            tempted = ruin.temptation(winner)
            if tempted is None:
                raise ValueError("what a member gains by anything else is not known")
            found.append(tempted)
        before = contract.obeyed(number).utility
        winning = [end.utility[member] for end, member in zip(ends, members, strict=True)]
        losing = [end.utility[member] for end, member in zip(reversed(ends), members, strict=True)]
        odds = exact(certificate.odds)
        if certificate.rules.pricing is Pricing.VOID and odds[0] != odds[1]:
            raise ValueError("who is told neither that it wins nor that it loses does either half of the time")
        chances = [one / sum(odds, NOTHING) for one in odds]
        return cls(
            [before[member] for member in members],
            winning,
            losing,
            [chance * won + (1 - chance) * lost for chance, won, lost in zip(chances, winning, losing, strict=True)],
            # Told that it wins, or told that it loses.
            [max(won, lost) for (won, _), (_, lost) in zip(found, reversed(found), strict=True)],
        )


def _known(certificate: HiddenRuinCertificate, contract: PlainContract, names: list[str]) -> Verification:
    """Check that both members know the profile, so that no report is asked of them that others could not tell false."""
    return Verification.joined(
        required([certificate.profile] in contract.cells((member,)), f"{name} does not know the profile")
        for name, member in zip(names, certificate.coalition, strict=True)
    )


def _void(certificate: HiddenRuinCertificate, contract: PlainContract, names: list[str]) -> Verification:
    """Check that nobody gains by a false report, which voids the agreement, and anything that it then does."""
    failures = []
    for number, chance in enumerate(contract.probability):
        for name, member in zip(names, certificate.coalition, strict=True):
            if chance == 0:
                continue
            most = most_by_breaking(contract, number, contract.play(number), member)
            beyond = None if most is None else most - contract.obeyed(number).utility[member]
            if beyond is None or beyond > negligible(contract.stakes[number][member]):
                failures.append(f"{name} might gain by breaking the grand contract alone")
    return Verification(failures=tuple(failures[:1]))


def _with_numbers(certificate: HiddenRuinCertificate, contract: PlainContract) -> HiddenRuinCertificate:
    terms = _Terms.of(certificate, contract)
    return replace(
        certificate,
        status_quo=np.array(terms.status_quo, dtype=np.float64),
        winning=np.array(terms.winning, dtype=np.float64),
        losing=np.array(terms.losing, dtype=np.float64),
        promised=np.array(terms.promised, dtype=np.float64),
        temptation=np.array(terms.temptation, dtype=np.float64),
    )

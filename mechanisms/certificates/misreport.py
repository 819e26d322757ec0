r"""Certificates of a misreport: a type that gains by reporting another, obeying afterwards or playing as suits it.

Type :math:`t_i` reports :math:`m_i` to the grand contract, hears its recommendation and plays an action that may depend
on it, while the others report the truth and obey. Transfers are those of the announced profile. Everything but the lie
and what is played after it is recomputed from the contract.

Source: Giraud and Rochon (2001), Definitions 4 and 4', and section 6.4, figure 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mechanisms.arrays import FloatArray, IntegerArray, finite_array, read_only
from mechanisms.certificates.deviation import DeviationOutcome
from mechanisms.certificates.plays import JointPlay, PlayOutcome, compared_outcomes, order_rounding, outcome_of
from mechanisms.certificates.verification import NUMBER_TOLERANCE, Verification, compared, required
from mechanisms.communication_equilibrium import Deviation
from mechanisms.deviations.situation import Situation
from mechanisms.economy import Economy
from mechanisms.efficiency import efficient_allocation
from mechanisms.grand_contract import GrandContract
from mechanisms.market_rules import MarketRules
from mechanisms.messages import same_rows


@dataclass(frozen=True, eq=False)
class MisreportCertificate:
    """A profitable misreport against a grand contract.

    Draws are the profiles of the others' types that are possible for the liar's type, in the order of all profiles.

    Attributes:
        economy: whose types are reported.
        rules: of the market.
        numeraire_transfers: of the grand contract, ``(P, N)``, numeraire.
        player: who lies.
        true_type: its type.
        reported_type: what it reports.
        quotes: what it then plays in each of K draws, ``(K, L)``, numeraire per unit.
        orders: likewise, ``(K, N, L)``, units.
        announced_endowments: likewise, ``(K, L)``, units.
        outcome: the numbers.

    Raises:
        ValueError: player or types do not exist, or shapes disagree.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    player: int
    true_type: int
    reported_type: int
    quotes: FloatArray
    orders: FloatArray
    announced_endowments: FloatArray
    outcome: DeviationOutcome

    def __post_init__(self) -> None:
        counts = self.economy.prior.type_counts
        if not 0 <= self.player < len(counts):
            raise ValueError(f"player is {self.player}; it must be 0 to {len(counts) - 1}")
        for name in ("true_type", "reported_type"):
            if not 0 <= getattr(self, name) < counts[self.player]:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 to {counts[self.player] - 1}")
        draws, players, goods = len(possible_profiles(self)), len(counts), len(self.economy.goods)
        shapes = {
            "numeraire_transfers": self.economy.profiles.shape,
            "quotes": (draws, goods),
            "orders": (draws, players, goods),
            "announced_endowments": (draws, goods),
        }
        for name, shape in shapes.items():
            array = finite_array(name, getattr(self, name), shape)
            if array.ndim != len(shape):
                raise ValueError(f"{name} has shape {array.shape}; it must be {shape}")
            object.__setattr__(self, name, read_only(array))


def possible_profiles(certificate: MisreportCertificate) -> IntegerArray:
    """Return the profiles, ``(K, N)``, that the liar's true type thinks possible."""
    return _possible(certificate.economy, certificate.player, certificate.true_type)


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
    economy, (true_type, reported_type) = contract.economy, lie
    reports = _reports(_possible(economy, player, true_type), player, reported_type)
    told = [contract.recommend(profile) for profile in reports]
    quotes = np.stack([one.quotes[player] for one in told])
    orders = np.stack([one.orders[player] for one in told])
    announced = np.stack([one.announced_endowments[player] for one in told])
    if instead is not None:
        chosen = [_answer(instead, *heard) for heard in zip(quotes, orders, announced, strict=True)]
        quotes, orders, announced = (
            instead.played.quote[chosen],
            instead.played.order[chosen].copy(),
            instead.played.announced_endowment[chosen],
        )
    orders[:, player] = 0.0
    # The numbers are filled in by playing what is fixed by now.
    nothing = PlayOutcome(np.zeros(0), np.zeros(0, np.bool_), np.zeros(0), np.zeros(0))
    unplayed = DeviationOutcome(nothing, nothing, np.zeros(0), np.zeros(0), np.zeros(0))
    draft = MisreportCertificate(
        economy,
        rules,
        contract.numeraire_transfers,
        player,
        true_type,
        reported_type,
        quotes,
        orders,
        announced,
        unplayed,
    )
    return recomputed_misreport(draft, contract)


def recomputed_misreport(
    certificate: MisreportCertificate, contract: GrandContract | None = None
) -> MisreportCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or the play is not admitted.
    """
    outcome, _, _ = _outcome(certificate, _contract(certificate) if contract is None else contract)
    return replace(certificate, outcome=outcome)


def verify_misreport(certificate: MisreportCertificate) -> Verification:
    """Play a certificate's misreport and compare every number."""
    try:
        contract = _contract(certificate)
        found, before, after = _outcome(certificate, contract)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the misreport cannot be played: {error}",))
    stored, size = certificate.outcome, float(np.abs(found.promised).max())
    rounding = order_rounding(after) * (1 + float(after.quotes.max()))
    gain = float(found.gain[certificate.player])
    return Verification.joined(
        (
            compared_outcomes("outcome.before", stored.before, found.before, before),
            compared_outcomes("outcome.after", stored.after, found.after, after),
            compared("outcome.promised", stored.promised, found.promised),
            compared("outcome.obtained", stored.obtained, found.obtained, rounding=rounding),
            compared("outcome.gain", stored.gain, found.gain, size, rounding),
            _measurable(certificate, contract),
            required(gain > NUMBER_TOLERANCE * (1 + size), f"the misreport gains {gain:.6g}; it must gain something"),
        )
    )


def _contract(certificate: MisreportCertificate) -> GrandContract:
    economy = certificate.economy
    return GrandContract(economy, efficient_allocation(economy), certificate.numeraire_transfers)


def _outcome(
    certificate: MisreportCertificate, contract: GrandContract
) -> tuple[DeviationOutcome, JointPlay, JointPlay]:
    """Return the numbers, and the plays under the truth and under the lie."""
    economy, player = certificate.economy, certificate.player
    profiles = possible_profiles(certificate)
    prior = economy.prior
    belief = prior.beliefs(player)[certificate.true_type, prior.profile_numbers(profiles)]
    before = _obedient_play(contract, profiles)
    lied = _obedient_play(contract, _reports(profiles, player, certificate.reported_type))
    quotes, orders, announced = lied.quotes.copy(), lied.orders.copy(), lied.announced_endowments.copy()
    quotes[:, player] = certificate.quotes
    orders[:, player] = certificate.orders
    announced[:, player] = certificate.announced_endowments
    after = JointPlay(quotes, orders, announced, lied.transfers)
    truth = Situation(
        economy=economy,
        rules=certificate.rules,
        coalition=(player,),
        probability=belief,
        profiles=profiles,
        quotes=before.quotes,
        orders=before.orders,
        announced_endowments=before.announced_endowments,
        transfers=before.transfers,
    )
    honest, lying = outcome_of(truth, before), outcome_of(truth, after)
    promised, obtained = belief @ honest.utility, belief @ lying.utility
    return DeviationOutcome(honest, lying, promised, obtained, obtained - promised), before, after


def _obedient_play(contract: GrandContract, profiles: IntegerArray) -> JointPlay:
    told = [contract.recommend(profile) for profile in profiles]
    return JointPlay(
        np.stack([one.quotes for one in told]),
        np.stack([one.orders for one in told]),
        np.stack([one.announced_endowments for one in told]),
        np.stack([one.transfers for one in told]),
    )


def _measurable(certificate: MisreportCertificate, contract: GrandContract) -> Verification:
    """Check that the liar plays the same whenever it hears the same, and stores no number without meaning."""
    player = certificate.player
    heard = _obedient_play(contract, _reports(possible_profiles(certificate), player, certificate.reported_type))
    told = _rows(heard.quotes[:, player], heard.orders[:, player], heard.announced_endowments[:, player])
    done = _rows(certificate.quotes, certificate.orders, certificate.announced_endowments)
    groups = same_rows(told)
    first = np.unique(groups, return_index=True)[1]
    to_oneself = certificate.orders[:, player]
    return Verification.joined(
        (
            required(
                bool((done == done[first[groups]]).all()), "the liar plays differently in draws it cannot tell apart"
            ),
            required(not to_oneself.any(), "the liar orders from itself, which means nothing; such orders must be 0"),
        )
    )


def _possible(economy: Economy, player: int, kind: int) -> IntegerArray:
    profiles = economy.profiles
    possible: IntegerArray = profiles[(profiles[:, player] == kind) & (economy.prior.probability > 0)]
    return possible


def _reports(profiles: IntegerArray, player: int, report: int) -> IntegerArray:
    reported = profiles.copy()
    reported[:, player] = report
    return reported


def _rows(*parts: FloatArray) -> FloatArray:
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


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

"""Certificates that no coalition gains by reporting other types together, if all then obey.

Members tell each other their types, report whatever they like, do what is then recommended, and share money, while the
others tell the truth. The certificate says what the lie brings by which coalitions of each size gain most, relative to
what is at stake for them: so many sizes as there are numbers, so many are covered, every coalition of each, every joint
type and every joint report. Verification settles every profile that may be reported and sums what members expect, in
rational numbers (:mod:`marketgame.mechanisms.certificates.plain.joint_lies`).

Source: Giraud and Rochon (2001), Definition 4, for coalitions that pool information and money.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.plain.contract import PlainContract, stored_contract
from marketgame.mechanisms.certificates.plain.joint_lies import LargestJointLie, largest_joint_lies
from marketgame.mechanisms.certificates.verification import Verification, compared
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True, eq=False)
class JointTruthCertificate:
    """Why no coalition of up to so many members gains by a joint lie to a grand contract.

    Attributes:
        economy: whose types are reported.
        rules: of the market.
        numeraire_transfers: of the grand contract, ``(R, N)``, numeraire.
        prices: of the grand contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are
            given.
        gains: of coalitions of one, two, and so on up to S members, in sum, by the lie that pays most relative to what
            is at stake, ``(S,)``, numeraire; 0 where there is no lie to tell.
        stated: what the contract recommends instead of efficient allocations at their prices, if something is stated.

    Raises:
        ValueError: shapes disagree, or coalitions of no size or of more members than there are players are covered.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    prices: FloatArray | None
    gains: FloatArray
    stated: StatedRecommendations | None = None

    def __post_init__(self) -> None:
        players = len(self.economy.players)
        shapes = {
            "numeraire_transfers": (len(recommendation_odds(self.economy, self.stated)), players),
            "gains": (None,),
        }
        for name, shape in shapes.items():
            array = finite_array(name, getattr(self, name), shape)
            if array.ndim != len(shape):
                raise ValueError(f"{name} has shape {array.shape}; it must have {len(shape)} dimensions")
            object.__setattr__(self, name, read_only(array))
        if not 1 <= len(self.gains) <= players:
            raise ValueError(f"gains has {len(self.gains)} entries; it must have one for each size, 1 to {players}")


def certify_joint_truth(
    contract: GrandContract, rules: MarketRules, largest: int | None = None, deadline: Deadline = NO_DEADLINE
) -> JointTruthCertificate:
    """Return what coalitions gain most by joint lies; whether that is nothing is for the verification to say.

    Args:
        contract: the contract.
        rules: of its market.
        largest: of how many members coalitions may be; of any number without it.
        deadline: after which nothing more is derived.

    Raises:
        ValueError: the rules do not admit the contract, or there are too many joint lies.
        DeadlinePassedError: time ran out.
    """
    contract = contract.under(rules)
    players = len(contract.economy.players)
    found = largest_joint_lies(PlainContract(contract, rules), players if largest is None else largest, deadline)
    return JointTruthCertificate(
        contract.economy,
        rules,
        contract.numeraire_transfers,
        contract.efficient.price,
        _gains(found),
        contract.stated,
    )


def recomputed_joint_truth(certificate: JointTruthCertificate) -> JointTruthCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or there are too many joint lies.
    """
    contract = stored_contract(certificate).contract
    return certify_joint_truth(contract, certificate.rules, len(certificate.gains))


def verify_joint_truth(certificate: JointTruthCertificate, deadline: Deadline = NO_DEADLINE) -> Verification:
    """Tell every joint lie of every coalition that is covered, and check that none gains anything.

    Raises:
        DeadlinePassedError: time ran out.
    """
    try:
        contract = stored_contract(certificate)
        found = largest_joint_lies(contract, len(certificate.gains), deadline)
        doubts = tuple(contract.doubts())
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the contract cannot be recomputed: {error}",))
    names = certificate.economy.player_names
    failures = [
        f"{coalition_name(names[member] for member in lie.coalition)} gain {float(lie.gain):.6g} in sum by a joint "
        "lie; no coalition may gain by one"
        for lie in found
        if lie.tempting
    ]
    stakes = [float(lie.stake) for lie in found]
    return Verification.joined(
        (
            Verification(failures=(*doubts, *failures)),
            compared("gains", certificate.gains, _gains(found), stakes),
        )
    )


def _gains(found: tuple[LargestJointLie, ...]) -> FloatArray:
    return np.array([float(lie.gain) for lie in found])

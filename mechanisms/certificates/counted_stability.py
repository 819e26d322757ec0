"""Certificates that no coalition gains against a contract among replicas whose type profiles are too many to list.

The claim is that of :mod:`marketgame.mechanisms.certificates.stability` about coalitions of any size: the truth is best
for every type that obeys, and nobody gains by what it does after it. It is proven at one profile for each count of
types, which stands for all that exchanges of replicas make of it
(:mod:`marketgame.mechanisms.certificates.plain.counted`): as many numbers as there are players bound coalitions with an
outsider, by wealth or by deposits, and all together cannot enjoy more than there is. Verification works the contract
out again from the economy and derives everything in rational numbers.

Source: Giraud and Rochon (2001), Definitions 4 to 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.plain.counted import CountedBounds, CountedContract
from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.profiles import MOST_COUNTS, Listing, number_of_counts
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import MarketRules


@dataclass(frozen=True, eq=False)
class CountedStabilityCertificate:
    """Why no coalition gains against a contract among replicas.

    Attributes:
        economy: the economy, of independent types.
        rules: of the market.
        transfers: which the contract has.
        misreport_gain: the most that a type gains by a lie, numeraire; 0 if there is none to tell.
        member_gains: by how much more than it gets each player could enjoy its wealth, numeraire, ``(N,)``: what
            coalitions with an outsider cannot exceed in sum.
    """

    economy: Economy
    rules: MarketRules
    transfers: TransferRule
    misreport_gain: float
    member_gains: FloatArray

    def __post_init__(self) -> None:
        gains = finite_array("member_gains", self.member_gains, (len(self.economy.players),))
        object.__setattr__(self, "member_gains", read_only(gains))


def certify_counted_stability(
    contract: ContractOnDemand, rules: MarketRules, deadline: Deadline = NO_DEADLINE
) -> CountedStabilityCertificate:
    """Return what is proven about all coalitions; whether it excludes gains is for the verification to say.

    Raises:
        ValueError: expectations are not over counts of types, or neither wealth nor deposits bound what members gain.
        DeadlinePassedError: time ran out.
    """
    counted = CountedContract.at_counts(contract, rules)
    bounds = CountedBounds(counted, deadline)
    if bounds.by_member is None:
        raise ValueError("neither the bound by wealth nor that by deposits is proven under the rules")
    gains = np.array([float(one.gain) for one in bounds.by_member])
    lie = float(counted.largest_lie(deadline).gain)
    return CountedStabilityCertificate(contract.economy, rules, contract.rule, lie, gains)


def recomputed_counted_stability(certificate: CountedStabilityCertificate) -> CountedStabilityCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: there is no such contract, or nothing is proven under the rules.
    """
    return certify_counted_stability(_contract(certificate), certificate.rules)


def verify_counted_stability(
    certificate: CountedStabilityCertificate, deadline: Deadline = NO_DEADLINE
) -> Verification:
    """Derive all numbers from the contract, and check that they exclude any gain of any coalition.

    Raises:
        DeadlinePassedError: time ran out.
    """
    try:
        contract = CountedContract.at_counts(_contract(certificate), certificate.rules)
        bounds, lie = CountedBounds(contract, deadline), contract.largest_lie(deadline)
        by_member, everybody = bounds.by_member, tuple(range(len(certificate.economy.players)))
        if by_member is None:
            return Verification(failures=("neither wealth nor deposits bound what members gain under these rules",))
        together, doubts = bounds.weakest(everybody, None), tuple(contract.doubts())
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the contract cannot be recomputed: {error}",))
    stakes = [float(contract.stakes[one.number][player]) for player, one in enumerate(by_member)]
    named = zip(certificate.economy.player_names, by_member, strict=True)
    failures = [
        f"{name} could gain up to {float(one.gain):.6g} by its wealth" for name, one in named if not one.excludes
    ]
    return Verification.joined(
        (
            Verification(failures=(*doubts, *failures)),
            compared("misreport_gain", certificate.misreport_gain, float(lie.gain), float(lie.stake)),
            compared("member_gains", certificate.member_gains, [float(one.gain) for one in by_member], stakes),
            required(not lie.tempting, f"a type gains {float(lie.gain):.6g} by a lie; no type may gain by one"),
            required(together.excludes, f"all together could gain up to {float(together.gain):.6g}"),
        )
    )


def _contract(certificate: CountedStabilityCertificate) -> ContractOnDemand:
    """Return the contract, worked out again from the economy.

    Raises:
        ValueError: types are correlated, their counts too many to list, or there is no such contract.
    """
    economy = certificate.economy
    if not isinstance(economy.prior, IndependentPrior) or number_of_counts(economy) > MOST_COUNTS:
        raise ValueError("types are not stated as independent, or their counts among replicas are too many to list")
    return ContractOnDemand(sampled(economy, listing=Listing.COUNTED), certificate.transfers)

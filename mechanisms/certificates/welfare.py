"""Certificates of welfare: what trade could bring at most, and what obedience to a contract brings.

Welfare is the sum of utilities over autarky, expected before types are drawn. Of the first best the certificate holds
what an allocation reaches and what none exceeds; verification works allocation and prices out again and proves both in
rational numbers, profile by profile, or at one profile for each count of types among replicas whose profiles are too
many to list. Of a contract it holds what everybody together gains who tells the truth and obeys; verification settles
every profile (:mod:`marketgame.mechanisms.certificates.plain.welfare`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, finite_array, read_only
from marketgame.mechanisms.certificates.plain.contract import PlainContract, stored_contract
from marketgame.mechanisms.certificates.plain.counted import CountedContract
from marketgame.mechanisms.certificates.plain.welfare import Welfare, best_welfare, obeyed_welfare, refuse_many
from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.contracts.stated import StatedRecommendations, recommendation_odds
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.profiles import MOST_COUNTS, Listing, number_of_counts
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import PAPER_RULES, MarketRules


@dataclass(frozen=True)
class FirstBestCertificate:
    """What trade could bring everybody together.

    Attributes:
        economy: whose goods are divided.
        gains: what an efficient allocation gains over autarky, expected, numeraire.
        bound: what no allocation gains beyond, expected, numeraire.
    """

    economy: Economy
    gains: float
    bound: float


@dataclass(frozen=True, eq=False)
class ObedienceCertificate:
    """What a grand contract brings everybody together if all tell the truth and obey.

    Attributes:
        economy: whose types are reported.
        rules: of the market.
        numeraire_transfers: of the grand contract, ``(R, N)``, numeraire.
        prices: of the grand contract, ``(P, L)``, numeraire per unit; those of `efficient_allocation` if none are
            given.
        gains: over autarky, expected, numeraire.
        stated: what the contract recommends instead of efficient allocations at their prices, if something is stated.

    Raises:
        ValueError: shapes disagree.
    """

    economy: Economy
    rules: MarketRules
    numeraire_transfers: FloatArray
    prices: FloatArray | None
    gains: float
    stated: StatedRecommendations | None = None

    def __post_init__(self) -> None:
        shape = (len(recommendation_odds(self.economy, self.stated)), len(self.economy.players))
        transfers = finite_array("numeraire_transfers", self.numeraire_transfers, shape)
        if transfers.ndim != len(shape):
            raise ValueError(f"numeraire_transfers has shape {transfers.shape}; it must be {shape}")
        object.__setattr__(self, "numeraire_transfers", read_only(transfers))


def certify_first_best(economy: Economy, deadline: Deadline = NO_DEADLINE) -> FirstBestCertificate:
    """Return what an efficient allocation gains and what none exceeds; that these agree is for verification to say.

    Raises:
        ValueError: there are too many profiles, and counts of types among replicas.
        DeadlinePassedError: time ran out.
    """
    found = _first_best(economy, deadline)
    return FirstBestCertificate(economy, float(found.gains), float(found.bound))


def recomputed_first_best(certificate: FirstBestCertificate) -> FirstBestCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: there are too many profiles, and counts of types among replicas.
    """
    return certify_first_best(certificate.economy)


def verify_first_best(certificate: FirstBestCertificate, deadline: Deadline = NO_DEADLINE) -> Verification:
    """Derive what an efficient allocation gains and what none exceeds, and check that these agree.

    Raises:
        DeadlinePassedError: time ran out.
    """
    try:
        found = _first_best(certificate.economy, deadline)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the first best cannot be derived: {error}",))
    gains, bound, stake = float(found.gains), float(found.bound), float(found.stake)
    return Verification.joined(
        (
            compared("gains", certificate.gains, gains, stake),
            compared("bound", certificate.bound, bound, stake),
            required(
                bound - gains <= GAIN_TOLERANCE * stake,
                f"the allocation gains {gains:.6g} and no more than {bound:.6g} is excluded; both must be the same",
            ),
        )
    )


def certify_obedience(
    contract: GrandContract, rules: MarketRules, deadline: Deadline = NO_DEADLINE
) -> ObedienceCertificate:
    """Return what a contract brings those who tell the truth and obey.

    Raises:
        ValueError: the rules do not admit the contract, or there are too many profiles.
        DeadlinePassedError: time ran out.
    """
    contract = contract.under(rules)
    refuse_many(len(contract.profiles), len(contract.economy.players))
    found = obeyed_welfare(PlainContract(contract, rules), deadline)
    return ObedienceCertificate(
        contract.economy,
        rules,
        contract.numeraire_transfers,
        contract.efficient.price,
        float(found.gains),
        contract.stated,
    )


def recomputed_obedience(certificate: ObedienceCertificate) -> ObedienceCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: the contract does not exist, or there are too many profiles.
    """
    return certify_obedience(stored_contract(certificate).contract, certificate.rules)


def verify_obedience(certificate: ObedienceCertificate, deadline: Deadline = NO_DEADLINE) -> Verification:
    """Settle every profile, and compare what everybody together gains.

    Raises:
        DeadlinePassedError: time ran out.
    """
    try:
        contract = stored_contract(certificate)
        found = obeyed_welfare(contract, deadline)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the contract cannot be recomputed: {error}",))
    return compared("gains", certificate.gains, float(found.gains), float(found.stake))


def _first_best(economy: Economy, deadline: Deadline) -> Welfare:
    """Return what the engine's allocation gains and what none exceeds, at all profiles or for all counts of types."""
    players = len(economy.players)
    if not economy.prior.obstacle:
        refuse_many(economy.prior.size, players)
        nothing = np.zeros((economy.prior.size, players))
        return best_welfare(PlainContract.of(economy, nothing, None, PAPER_RULES), deadline)
    if not isinstance(economy.prior, IndependentPrior) or number_of_counts(economy) > MOST_COUNTS:
        raise ValueError(f"{economy.prior.obstacle}, and counts of types among replicas cannot either")
    refuse_many(number_of_counts(economy), players)
    sample = sampled(economy, listing=Listing.COUNTED)
    return best_welfare(CountedContract.at_counts(ContractOnDemand(sample, TransferRule.NONE), PAPER_RULES), deadline)

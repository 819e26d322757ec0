r"""Certificates of a lie where type profiles are too many to list: settled at profiles that are drawn, so *sampled*.

Members tell each other their types :math:`t_S`, report :math:`r_S`, obey, and share what that brings, while the others
report the truth and obey. The certificate says who, which types, which reports, and how many profiles of the others'
types are drawn, from a stated stream of random numbers. The contract is worked out at each of them before and after
the lie (:mod:`marketgame.mechanisms.contracts.on_demand`), and both are settled in the market game. What members gain
on average has a standard error, and a claim holds only if their sum is more than `SURE` times that. It is strong
evidence, and no proof.

Source: Giraud and Rochon (2001), Definition 4, for coalitions that pool information and money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray, finite_array, read_only
from marketgame.mechanisms.certificates.verification import Verification, compared, require_members, required
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.incentives import SURE
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.economies.beliefs import FactorPrior, IndependentPrior
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.profiles import Listing, seeded
from marketgame.mechanisms.economies.stakes import counts_as_gain
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.mechanisms.market_game.settle import settle

# The stream of random numbers of which the others' types are drawn: none that a lie was chosen by.
STREAM = 6
# How many profiles are drawn at least and at most, and by how many times more than it seems to take.
LEAST_DRAWS, MOST_DRAWS, MORE_DRAWS = 64, 4096, 2.0
# Orders of so many pairs are settled at a time.
PAIRS_AT_ONCE = 1 << 20


@dataclass(frozen=True, eq=False)
class SampledLieCertificate:
    """A profitable lie to a contract that is worked out where reports occur.

    Attributes:
        economy: whose types are reported; independent, or independent given a factor.
        rules: of the market.
        transfers: which the contract has.
        coalition: who lies, ascending; one player or more.
        true_types: the members' types.
        reported_types: what they report.
        draws: how many profiles of the others' types are drawn.
        gains: of the S members on average, ``(S,)``, numeraire.
        standard_error: of their sum, numeraire.

    Raises:
        ValueError: members or types do not exist, or shapes disagree.
    """

    economy: Economy
    rules: MarketRules
    transfers: TransferRule
    coalition: tuple[int, ...]
    true_types: tuple[int, ...]
    reported_types: tuple[int, ...]
    draws: int
    gains: FloatArray
    standard_error: float

    def __post_init__(self) -> None:
        require_members(self.economy, self.coalition, true_types=self.true_types, reported_types=self.reported_types)
        if not LEAST_DRAWS <= self.draws <= MOST_DRAWS:
            raise ValueError(f"draws is {self.draws}; it must be {LEAST_DRAWS} to {MOST_DRAWS}")
        stated = isinstance(self.economy.prior, IndependentPrior | FactorPrior)
        if not stated:
            raise ValueError("types are not stated as independent; who lies might not believe what is drawn")
        object.__setattr__(self, "gains", read_only(finite_array("gains", self.gains, (len(self.coalition),))))

    @property
    def total_gain(self) -> float:
        """What the members gain in sum, numeraire."""
        return float(self.gains.sum())


def certify_sampled_lie(
    contract: ContractOnDemand,
    rules: MarketRules,
    coalition: Sequence[int],
    true_types: Sequence[int],
    reported_types: Sequence[int],
    deadline: Deadline = NO_DEADLINE,
) -> SampledLieCertificate:
    """Return the certificate of a lie, its numbers computed by playing it.

    Args:
        contract: the contract.
        rules: of the market.
        coalition: who lies, ascending.
        true_types: their types.
        reported_types: what they report.
        deadline: by which it has to be known.

    Raises:
        ValueError: the contract does not exist under the rules.
        DeadlinePassedError: time ran out.
    """
    draft = SampledLieCertificate(
        contract.economy,
        rules,
        contract.rule,
        tuple(map(int, coalition)),
        tuple(map(int, true_types)),
        tuple(map(int, reported_types)),
        LEAST_DRAWS,
        np.zeros(len(coalition)),
        0.0,
    )
    first = _played(draft, contract, deadline)
    if first.total_gain <= 0:
        return first
    wanted = LEAST_DRAWS * MORE_DRAWS * (SURE * first.standard_error / first.total_gain) ** 2
    if wanted <= LEAST_DRAWS:
        return first
    return _played(replace(first, draws=ceil(min(wanted, MOST_DRAWS))), contract, deadline)


def recomputed_sampled_lie(certificate: SampledLieCertificate) -> SampledLieCertificate:
    """Return the certificate with its numbers recomputed.

    Raises:
        ValueError: there is no such contract.
    """
    return _played(certificate, _contract(certificate))


def verify_sampled_lie(certificate: SampledLieCertificate) -> Verification:
    """Draw, settle and compare every number of a certificate."""
    economy, members = certificate.economy, np.array(certificate.coalition)
    first = economy.first_rows[members]
    reported, true = (first + np.array(each) for each in (certificate.reported_types, certificate.true_types))
    if (economy.endowment_table[reported] > economy.endowment_table[true]).any():
        return Verification(failures=("a member cannot show what it reports to own",))
    try:
        contract = _contract(certificate)
        again = _played(certificate, contract)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"the lie cannot be told: {error}",))
    stakes = contract.stakes[true]
    return Verification.joined(
        (
            compared("gains", certificate.gains, again.gains, stakes),
            compared("standard_error", certificate.standard_error, again.standard_error, stakes.sum()),
            refutes(again, contract),
        )
    )


def refutes(certificate: SampledLieCertificate, contract: ContractOnDemand) -> Verification:
    """Check that what a lie gains is something, and more than the draws leave uncertain."""
    rows = contract.economy.first_rows[list(certificate.coalition)] + np.array(certificate.true_types)
    gain, error = certificate.total_gain, certificate.standard_error
    counts = bool(counts_as_gain(np.array(gain), np.array(contract.stakes[rows].sum())))
    return required(
        counts and gain > SURE * error,
        f"the lie gains {gain:.6g} with a standard error of {error:.2g}; it must gain something, and more than "
        f"{SURE:g} times that",
    )


def _contract(certificate: SampledLieCertificate) -> ContractOnDemand:
    """Return the contract, derived from the economy; its profiles are drawn, or counted where that is exact."""
    economy = certificate.economy
    # One whose profiles can be listed has certificates that are proofs; here they are drawn or counted like others.
    listing = None if economy.prior.obstacle else Listing.COUNTED
    return ContractOnDemand(sampled(economy, listing=listing), certificate.transfers)


def _played(
    certificate: SampledLieCertificate, contract: ContractOnDemand, deadline: Deadline = NO_DEADLINE
) -> SampledLieCertificate:
    """Return the certificate with what is gained at the profiles that are drawn."""
    contract, members = contract.under(certificate.rules), list(certificate.coalition)
    prior = contract.economy.prior
    given = prior.given(certificate.coalition, certificate.true_types) or prior
    true = given.draws(seeded(STREAM), certificate.draws).profiles.copy()
    true[:, members] = certificate.true_types
    reported = true.copy()
    reported[:, members] = certificate.reported_types
    pieces = max(1, 2 * true.size * true.shape[1] // PAIRS_AT_ONCE)
    gains = []
    for types, told in zip(np.array_split(true, pieces), np.array_split(reported, pieces), strict=True):
        deadline.check()
        if len(types):
            truth, lie = (_enjoyed(contract, certificate.rules, types, each) for each in (types, told))
            gains.append(lie - truth)
    gained = np.concatenate(gains)[:, members]
    error = float(gained.sum(axis=1).std(ddof=1) / sqrt(len(gained)))
    return replace(certificate, gains=gained.mean(axis=0), standard_error=error)


def _enjoyed(contract: ContractOnDemand, rules: MarketRules, true: IntegerArray, reported: IntegerArray) -> FloatArray:
    """Return by how much everybody is better off than on its endowment if all obey, ``(K, N)``, numeraire."""
    economy, terms = contract.economy, contract.terms(reported)
    settled, owned = settle(contract.play_of(terms), rules), economy.endowments(true)
    received = np.zeros_like(owned) if terms.received is None else terms.received
    return economy.gains_of_types(economy.rows(true), settled.net_consumption(owned + received) + received)

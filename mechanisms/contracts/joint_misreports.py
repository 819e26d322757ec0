r"""Lies told together: what coalitions that pool their information and their money gain by agreeing what to report.

Before the device is consulted the members of S tell each other their types, agree on reports :math:`r_S`, and share
whatever that brings. Everybody else tells the truth and all obey what is then recommended. Types :math:`t_S`
that report :math:`r_S` expect together

.. math:: U_S(r_S | t_S) = \sum_{t_{-S}} q(t_{-S} | t_S) \sum_{i \in S} [v_i(x_i(r_S, t_{-S}), t_i)
    + \omega^L_i(r_i) + \theta_i(r_S, t_{-S})],

and gain :math:`U_S(r_S | t_S) - U_S(t_S | t_S)`. Coalitions of one are the liars of Giraud and Rochon's Definition 4.
Endowments must be shown, so no member reports a type that owns more of some good than it does; what it owns beyond the
report is out of its reach, unless the rules let it consume that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Self

import numpy as np

from marketgame.mechanisms.arrays import BooleanArray, FloatArray
from marketgame.mechanisms.contracts.coalition_proof import coalition_proof_transfers
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.incentives import ReportGains
from marketgame.mechanisms.economies.beliefs import beliefs_about_others, profiles_by_own_type
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE, counts_as_gain
from marketgame.mechanisms.market_game.rules import Withholding

# Pairs of true and reported types of a coalition, summed over the coalitions, beyond which not all are looked at.
MOST_PAIRS = 10_000_000
# Coalitions, each of which costs some operations of its own.
MOST_COALITIONS = 20_000


@dataclass(frozen=True)
class JointMisreport:
    """A lie that members of a coalition tell together.

    Attributes:
        coalition: the members' names, in the economy's order.
        true_types: their types, in that order.
        reported_types: what they report.
        gain: by how much their expected utilities rise in sum, numeraire, given what they know together.
    """

    coalition: tuple[str, ...]
    true_types: tuple[str, ...]
    reported_types: tuple[str, ...]
    gain: float


@dataclass(frozen=True)
class JointMisreportCheck:
    """Whether coalitions that pool information and money report truthfully.

    Attributes:
        worst: the most profitable joint lie of the coalitions looked at, of those that count as a gain if one does;
            none where no player has another type to report.
        examined_size: coalitions of up to that many members were looked at, each of them; 0 where lies were searched.
        players: how many there are.
        truthful: no lie that was looked at gains more than rounding of what is at stake for the liars or, where gains
            are drawn, than what draws leave uncertain.
        standard_error: of the gain of the worst, where outsiders' types are drawn; zero where all are counted.
        bound: what no coalition gains more than, numeraire; none if it is not known, or the worst is the most.
        theorem: whether transfers are those of :mod:`marketgame.mechanisms.contracts.coalition_proof`, so that no
            coalition gains, whatever its size.
        error_a_member: where transfers are those of :mod:`marketgame.mechanisms.contracts.in_turn` and drawn, the
            standard error of any coalition's gain is at most this for each member, numeraire, if it knows the draws
            before it reports; its gain is zero or less but for that. None elsewhere.
    """

    worst: JointMisreport | None
    examined_size: int
    players: int
    truthful: bool
    standard_error: float = 0.0
    bound: float | None = None
    theorem: bool = False
    error_a_member: float | None = None

    @property
    def complete(self) -> bool:
        """Whether every coalition was looked at, or a theorem speaks of it, so that being truthful is proved."""
        return self.theorem or self.examined_size == self.players


def check_joint_misreports(
    contract: GrandContract, withholding: Withholding = Withholding.WASTED
) -> JointMisreportCheck:
    """Return the most profitable lie that a coalition tells together, by enumeration.

    Args:
        contract: the contract; outsiders report truthfully and all obey.
        withholding: what becomes of what a liar owns beyond its report.

    Returns:
        The most profitable lie of the coalitions of up to the largest size all of whose lies can be listed. Where that
        is not everybody, nobody needs to be listed under transfers of which the theorem says that no coalition gains.
    """
    counts = contract.economy.prior.type_counts
    if max(counts) == 1:
        return JointMisreportCheck(None, len(counts), len(counts), truthful=True)
    size = _largest_size(counts)
    worst: JointMisreport | None = None
    counted = False
    for lies in _coalitions(contract, size, withholding):
        best = _best(contract, lies.gains(contract))
        if best is None:
            continue
        lie, counts_now = best
        if worst is None or (counts_now, lie.gain) > (counted, worst.gain):
            worst, counted = lie, counts_now
    proved = size < len(counts) and not counted and _coalition_proof(contract)
    return JointMisreportCheck(worst, size, len(counts), not counted, theorem=proved)


def _coalition_proof(contract: GrandContract) -> bool:
    """Say whether the transfers are those in closed form, up to constants and to rounding."""
    if not contract.economy.prior.independent or contract.stated is not None:
        return False
    apart = contract.numeraire_transfers - coalition_proof_transfers(contract.economy, contract.efficient)
    return bool(np.ptp(apart, axis=0).max() <= GAIN_TOLERANCE * contract.stakes.max())


def joint_misreport_gains(contract: GrandContract, members: Sequence[int]) -> ReportGains:
    """Return what the types of a coalition gain by each joint report.

    Args:
        contract: the contract.
        members: the members' numbers, increasing.
    """
    return _lies_of(contract, members).gains(contract)


def best_joint_misreport(contract: GrandContract, members: Sequence[int]) -> JointMisreport | None:
    """Return the most profitable lie that a coalition tells together; none if nobody has another type to report.

    Args:
        contract: the contract.
        members: the members' numbers, increasing.
    """
    found = _best(contract, joint_misreport_gains(contract, members))
    return None if found is None else found[0]


def utilities_of_reports(
    contract: GrandContract, members: Sequence[int], withholding: Withholding = Withholding.WASTED
) -> FloatArray:
    """Return what each member expects when the coalition's types make joint reports and all obey.

    Args:
        contract: the contract.
        members: the members' numbers, increasing.
        withholding: what becomes of what a liar owns beyond its report.

    Returns:
        Entry ``[i, t, m]`` is what the i-th member expects beyond living on its endowment, given all members' types t,
        ``(members, types, types)``, numeraire; types numbered as in `ReportGains`. What cannot be shown is included.
    """
    return _lies_of(contract, members, withholding).of_members(contract)


def every_joint_misreport(contract: GrandContract) -> Iterator[ReportGains]:
    """Yield what each coalition gains by each joint report.

    Raises:
        ValueError: there are too many lies to list.
    """
    counts = contract.economy.prior.type_counts
    if _largest_size(counts) < len(counts):
        raise ValueError(f"coalitions of {len(counts)} players have more lies than can be listed")
    return (lies.gains(contract) for lies in _coalitions(contract, len(counts)))


@dataclass(frozen=True, eq=False)
class _Lies:
    """What the members of a coalition expect from reports, the types of outsiders averaged.

    Attributes:
        members: their numbers, increasing.
        utilities: per member, what each own true type expects at each profile of the members' reports, ``(types,
            types of the first member, ...)``; with correlated types at each profile of everybody's.
    """

    members: tuple[int, ...]
    utilities: tuple[FloatArray, ...]

    @classmethod
    def of_all(cls, contract: GrandContract, withholding: Withholding = Withholding.WASTED) -> Self:
        counts = contract.economy.prior.type_counts
        players = tuple(range(len(counts)))
        return cls(
            players, tuple(_utility_of_reports(contract, one, withholding).reshape(-1, *counts) for one in players)
        )

    def without(self, contract: GrandContract, player: int) -> _Lies:
        """Return the coalition that remains when a member leaves, and tells the truth."""
        prior = contract.economy.prior
        place = self.members.index(player)
        kept = tuple(
            table if not prior.independent else np.tensordot(table, prior.marginal(player), axes=(place + 1, 0))
            for other, table in zip(self.members, self.utilities, strict=True)
            if other != player
        )
        return _Lies(tuple(other for other in self.members if other != player), kept)

    def of_members(self, contract: GrandContract) -> FloatArray:
        """Return what each member expects of its types and reports, ``(members, types, types)``; see `gains`."""
        prior = contract.economy.prior
        counts = tuple(prior.type_counts[member] for member in self.members)
        own_types = np.indices(counts).reshape(len(counts), -1)
        if prior.independent:
            tables = zip(own_types, self.utilities, strict=True)
            return np.stack([table.reshape(len(table), -1)[own] for own, table in tables])
        beliefs, numbers = (of(prior, *self.members) for of in (beliefs_about_others, profiles_by_own_type))
        expected = np.empty((len(counts), len(numbers), len(numbers)))
        for place, (own, table) in enumerate(zip(own_types, self.utilities, strict=True)):
            for kind, arranged in enumerate(table.reshape(len(table), -1)[:, numbers]):
                expected[place, own == kind] = beliefs[own == kind] @ arranged.T
        return expected

    def gains(self, contract: GrandContract) -> ReportGains:
        """Return what their types gain by each joint report."""
        economy = contract.economy
        total = self.of_members(contract).sum(axis=0)
        gains = np.where(can_report(contract, self.members), total - np.diagonal(total)[:, None], -np.inf)
        own_types = np.indices([economy.prior.type_counts[member] for member in self.members])
        rows = economy.first_rows[list(self.members), None] + own_types.reshape(len(self.members), -1)
        return ReportGains(self.members, gains, contract.stakes[rows].sum(axis=0))


def _best(contract: GrandContract, own: ReportGains) -> tuple[JointMisreport, bool] | None:
    """Return the most profitable lie of a coalition, and whether it counts; a lie that counts first."""
    players = [contract.economy.players[member] for member in own.members]
    lies = np.where(np.eye(len(own.gains), dtype=bool), -np.inf, own.gains)
    count = counts_as_gain(lies, np.broadcast_to(own.stakes[:, None], lies.shape))
    tried = np.where(count, lies, -np.inf) if count.any() else lies
    told, said = np.unravel_index(int(np.argmax(tried)), tried.shape)
    if not np.isfinite(tried[told, said]):
        return None
    true_types, reported_types = (
        tuple(player.types[kind].name for player, kind in zip(players, kinds, strict=True))
        for kinds in zip(*np.unravel_index([told, said], [len(player.types) for player in players]), strict=True)
    )
    coalition = tuple(player.name for player in players)
    return JointMisreport(coalition, true_types, reported_types, float(tried[told, said])), bool(count.any())


def _lies_of(contract: GrandContract, members: Sequence[int], withholding: Withholding = Withholding.WASTED) -> _Lies:
    lies = _Lies.of_all(contract, withholding)
    for outsider in reversed(range(len(contract.economy.players))):
        if outsider not in members:
            lies = lies.without(contract, outsider)
    return lies


def _coalitions(contract: GrandContract, size: int, withholding: Withholding = Withholding.WASTED) -> Iterator[_Lies]:
    """Yield every coalition of up to a size once: player by player, each either leaves or stays."""
    pending = [(_Lies.of_all(contract, withholding), 0)]
    while pending:
        lies, player = pending.pop()
        if player == len(contract.economy.players):
            if lies.members:
                yield lies
            continue
        if lies.members.index(player) < size:
            pending.append((lies, player + 1))
        pending.append((lies.without(contract, player), player + 1))


def _largest_size(counts: Sequence[int]) -> int:
    """Return the largest size such that the lies of all coalitions of up to that size can be listed."""
    players = len(counts)
    # Entry k of the elementary symmetric polynomials: how many pairs, or coalitions, there are of size k.
    pairs, coalitions = np.zeros(players + 1), np.zeros(players + 1)
    pairs[0] = coalitions[0] = 1
    for count in counts:
        pairs[1:] += pairs[:-1] * count**2
        coalitions[1:] += coalitions[:-1]
    affordable = (np.cumsum(pairs) <= MOST_PAIRS) & (np.cumsum(coalitions) <= MOST_COALITIONS)
    return max(1, int(np.flatnonzero(affordable).max()))


def _utility_of_reports(contract: GrandContract, player: int, withholding: Withholding) -> FloatArray:
    """Return what each true type of a player gets at each announced profile beyond its endowment, ``(types, P)``."""
    economy = contract.economy
    first = economy.first_rows[player]
    reports = contract.profiles[:, player]
    table = np.empty((economy.prior.type_counts[player], len(reports)))
    shown = economy.endowment_table[first + reports]
    for kind, true_type in enumerate(economy.players[player].types):
        bundles, received = contract.bundles[:, player], contract.numeraire_transfers[:, player]
        withheld = economy.endowment_table[first + kind] - shown
        if withholding is Withholding.CONSUMED:
            # Who cannot show what it reports withholds nothing; such reports are left out.
            bundles = bundles + np.maximum(withheld[:, :-1], 0.0)
        else:
            received = received - withheld[:, -1]
        table[kind] = true_type.valuation.gain(economy.reference_goods[first + kind], bundles) + received
    return contract.expected(table)


def can_report(contract: GrandContract, members: Sequence[int]) -> BooleanArray:
    """Say which joint types can occur and show the endowments of which, ``(types, types)``."""
    economy = contract.economy
    counts = [economy.prior.type_counts[member] for member in members]
    possible = np.ones((prod(counts), prod(counts)), bool)
    for member, own in zip(members, np.indices(counts).reshape(len(counts), -1), strict=True):
        owned = economy.endowment_table[economy.first_rows[member] + own]
        possible &= (owned[None, :, :] <= owned[:, None, :]).all(axis=-1)
    return possible & beliefs_about_others(economy.prior, *members).any(axis=-1, keepdims=True)

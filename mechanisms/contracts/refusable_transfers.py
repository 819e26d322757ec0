r"""Transfers that survive refusal: whoever has seen what is recommended may live on its endowment instead.

The members of a coalition S tell each other their types :math:`t_S`, report :math:`r_S`, and see what is recommended.
Then they obey, or some of them, D, refuse: the flows to and from these are cancelled, pair by pair, and they consume
what they own, while everybody else keeps the flows of the contract with those who have not refused. Which reply is best
depends on the transfers, so that a lie is worth the sum over what is seen of the *largest* of sums that are linear in
them. With a variable w no smaller than any of these, transfers are to satisfy

.. math:: \sum_a w(t_S, r_S, a) \le \sum_{t_{-S}} q(t_{-S} | t_S) \sum_{i \in S} [v_i(x_i(t), t_i) + \theta_i(t)],
    \quad \sum_i \theta_i(t) = 0, \quad \theta_i(t) \ge -\omega^L_i(t_i).

The truth is one of the reports: with it, refusal must not pay after any recommendation. This is a finite linear
program. Of coalitions of one it asks for incentives and for everybody's consent ex post; often that is too much.

Recommendations are taken to reveal the profile of reports. Where goods and prices do not, public transfers may. If
there are no transfers, it is also asked whether there are some as long as members learn from goods and prices alone.

*Proof that there are none.* Weights on replies, which add up to the weight of their lie, bound the weighted mean of
what lies gain from below by a sum that is linear in the transfers, and that sum is least where one player receives all
that the others can pay. Nothing else is needed (:func:`least_gain`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import prod

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.transfer_program import UndecidedTransfersError
from marketgame.mechanisms.economies.beliefs import profiles_by_own_type
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import EfficientAllocation
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program import LinearProgram, Selection, Solution, Status

# Replies in all, up to which coalitions of another size are asked about.
MOST_REPLIES = 20_000
# Holdings this little below nothing, as a share of what is traded, are nothing.
SHORT = 1e-12


@dataclass(frozen=True, eq=False)
class Temptation:
    """What a coalition of some types may do after a report, or after the truth; draws are the others' types.

    Attributes:
        members: the coalition, ascending.
        types: theirs.
        reports: what they report.
        odds: of each draw, ``(K,)``.
        honest: numbers of the true profiles, ``(K,)``.
        told: numbers of the reported ones, ``(K,)``.
        seen: which draws members cannot tell apart, ``(K,)``, numbered from zero.
        refusers: who refuses in each reply; nobody in the first.
        goods: what members gain in sum by each reply without transfers beyond living on their endowments, ``(R, K)``;
            minus infinity where somebody who does not refuse would lack goods.
        shares: what of everybody's transfers members get in sum, ``(R, N)``.
        promised: what they expect of goods if they tell the truth and obey.
    """

    members: Coalition
    types: tuple[int, ...]
    reports: tuple[int, ...]
    odds: FloatArray
    honest: IntegerArray
    told: IntegerArray
    seen: IntegerArray
    refusers: tuple[Coalition, ...]
    goods: FloatArray
    shares: FloatArray
    promised: float

    def replies(self, transfers: FloatArray) -> FloatArray:
        """Return what each reply brings, by what is seen, given transfers ``(P, N)``: ``(R, cells)``, numeraire."""
        each = self.odds * (self.goods + self.shares @ transfers[self.told].T)
        return np.stack([each[:, self.seen == cell].sum(axis=1) for cell in range(self.seen.max() + 1)], axis=1)

    def gain(self, transfers: FloatArray) -> float:
        """Return what the best replies gain over truth and obedience, numeraire."""
        kept = float(self.odds @ transfers[self.honest][:, self.members].sum(axis=1))
        return float(self.replies(transfers).max(axis=0).sum()) - self.promised - kept


@dataclass(frozen=True, eq=False)
class RefusableTransfers:
    """Balanced transfers under which nobody lies or refuses.

    Attributes:
        numeraire_transfers: by how much each player's numeraire changes, ``(P, N)``.
        largest_coalition: coalitions of up to so many members were asked about.
        secret: whether they do only as long as nobody learns from them; then they must not be told to all.
    """

    numeraire_transfers: FloatArray
    largest_coalition: int
    secret: bool


@dataclass(frozen=True, eq=False)
class NoRefusableTransfers:
    """Proof that whatever balanced transfers players can pay, somebody lies or refuses.

    Attributes:
        temptations: those that the proof uses.
        weights: of their replies, by what is seen, ``(R, cells)`` each, nonnegative; the sums over replies are the same
            for all that is seen.
        least_gain: the weighted mean of what they gain is at least that, numeraire.
        largest_coalition: coalitions of up to so many members were asked about.
    """

    temptations: tuple[Temptation, ...]
    weights: tuple[FloatArray, ...]
    least_gain: float
    largest_coalition: int


def refusable_transfers(
    economy: Economy, efficient: EfficientAllocation, largest: int | None = None
) -> RefusableTransfers | NoRefusableTransfers:
    """Decide whether there are balanced transfers that survive refusal.

    Args:
        economy: the economy.
        efficient: the efficient allocation of every profile.
        largest: how many members coalitions have at most; without it as many as are affordable, at least one.

    Raises:
        UndecidedTransfersError: the solver's answer is not confirmed by what it says.
    """
    contract = GrandContract(economy, efficient, np.zeros(efficient.profiles.shape))
    size = affordable_size(economy) if largest is None else largest
    revealing = temptations(contract, size, revealing=True)
    answer = _decided(contract, revealing, size, secret=False)
    if isinstance(answer, NoRefusableTransfers):
        silent = temptations(contract, size, revealing=False)
        if any(own.seen.max() < len(own.odds) - 1 for own in silent):
            return _decided(contract, silent, size, secret=True)
    return answer


def affordable_size(economy: Economy) -> int:
    """Return up to how many members all coalitions have replies few enough to be listed, at least 1."""
    counts = economy.prior.type_counts
    replies = 0
    for size in range(1, len(counts) + 1):
        for members in combinations(range(len(counts)), size):
            # For every profile, all that its members may have reported, and who of them may refuse.
            replies += prod(counts) * prod(counts[member] for member in members) * 2**size
        if replies > MOST_REPLIES:
            return max(1, size - 1)
    return len(counts)


def least_gain(contract: GrandContract, tempted: Sequence[Temptation], weights: Sequence[FloatArray]) -> float:
    """Return a bound that the weighted mean of gains exceeds whatever the transfers, numeraire.

    Args:
        contract: whose players pay no more than they own.
        tempted: by what.
        weights: of replies, ``(R, cells)`` each, nonnegative.
    """
    constant, total = 0.0, 0.0
    linear = np.zeros(contract.numeraire_transfers.shape)
    for own, chosen in zip(tempted, weights, strict=True):
        weight = float(chosen.sum(axis=0).max())
        # Obedience, which is a reply too, makes up for what is lacking.
        full = chosen.copy()
        full[0] += weight - chosen.sum(axis=0)
        of_draw = full[:, own.seen] * own.odds
        constant += float(np.where(of_draw > 0, of_draw * np.where(of_draw > 0, own.goods, 0.0), 0.0).sum())
        constant -= weight * own.promised
        np.add.at(linear, own.told, of_draw.T @ own.shares)
        for member in own.members:
            np.add.at(linear[:, member], own.honest, -weight * own.odds)
        total += weight
    if total <= 0:
        return -np.inf
    payable = contract.endowments[..., -1]
    least = constant - float(((linear - linear.min(axis=1, keepdims=True)) * payable).sum())
    return least / total


def temptations(contract: GrandContract, largest: int, *, revealing: bool) -> list[Temptation]:
    """Return what coalitions of up to a size may do, if recommendations reveal everything or what they say."""
    players = range(len(contract.economy.players))
    found = []
    for size in range(1, largest + 1):
        for members in combinations(players, size):
            found += _of_coalition(contract, members, revealing=revealing)
    return found


def _of_coalition(contract: GrandContract, members: Coalition, *, revealing: bool) -> list[Temptation]:
    economy, prior = contract.economy, contract.economy.prior
    kinds = list(product(*(range(prior.type_counts[member]) for member in members)))
    numbers = profiles_by_own_type(prior, *members)
    refusers = tuple(each for size in range(len(members) + 1) for each in combinations(members, size))
    shares = np.stack([_shares(len(economy.players), members, each) for each in refusers])
    alike = np.unique(_heard(contract, members), axis=0, return_inverse=True)[1].reshape(-1)
    found = []
    for types, honest in zip(kinds, numbers, strict=True):
        likely = prior.probability[honest]
        if not likely.any():
            continue
        possible, odds = likely > 0, likely[likely > 0] / likely.sum()
        profiles = economy.profiles[honest[possible]]
        promised = contract.gains[honest[possible]][:, members].sum(axis=1)
        for reports, all_told in zip(kinds, numbers, strict=True):
            told = all_told[possible]
            owned, shown = (economy.endowments(economy.profiles[each])[:, members] for each in (honest[possible], told))
            if (shown > owned).any():
                continue
            goods = np.stack([_gains(contract, profiles, told, members, each) for each in refusers])
            seen = np.arange(len(told)) if revealing else np.unique(alike[told], return_inverse=True)[1].reshape(-1)
            found.append(
                Temptation(
                    members,
                    types,
                    reports,
                    odds,
                    honest[possible],
                    told,
                    seen,
                    refusers,
                    goods,
                    shares,
                    float(odds @ promised),
                )
            )
    return found


def _heard(contract: GrandContract, members: Coalition) -> FloatArray:
    """Return what members are told of prices and goods at every profile of reports, ``(P, ...)``."""
    parts = [contract.price, contract.net_trades[:, members].reshape(len(contract.profiles), -1)]
    parts.append(contract.announced_endowments[:, members].reshape(len(contract.profiles), -1))
    return np.concatenate(parts, axis=1)


def _shares(players: int, members: Coalition, refusers: Coalition) -> FloatArray:
    """Return what of everybody's transfers members get in sum if some refuse, ``(N,)``."""
    share = np.zeros(players)
    staying = [player for player in range(players) if player not in refusers]
    for member in members:
        if member not in refusers:
            # What flows to it from j is the difference of their transfers, over the number of players.
            share[member] += len(staying) / players
            share[staying] -= 1 / players
    if not refusers:
        share = np.isin(np.arange(players), members).astype(np.float64)
    return share


def _gains(
    contract: GrandContract, profiles: IntegerArray, told: IntegerArray, members: Coalition, refusers: Coalition
) -> FloatArray:
    """Return what members gain by goods in sum after reports if some refuse, ``(K,)``, numeraire."""
    economy = contract.economy
    traded, used = contract.net_trades[told], contract.announced_endowments[told]
    staying = [player for player in range(profiles.shape[1]) if player not in refusers]
    owned = economy.endowments(profiles)
    total = np.zeros(len(told))
    for member in members:
        if member in refusers:
            continue
        flows = traded[:, member]
        if refusers:
            flows = (traded[:, member, None] - traded[:, staying]).sum(axis=1) / profiles.shape[1]
        held = used[:, member] + flows
        short = (held[:, :-1] < -SHORT * np.abs(traded[..., :-1]).max(axis=1)).any(axis=-1)
        gain = economy.gains_of_types(economy.rows(profiles)[:, member], held - owned[:, member])
        total += np.where(short, -np.inf, gain)
    return total


def _decided(
    contract: GrandContract, tempted: Sequence[Temptation], size: int, *, secret: bool
) -> RefusableTransfers | NoRefusableTransfers:
    unit = float(contract.stakes.max()) or 1.0
    program = _Program(contract, tempted, unit)
    solution = program.solve()
    transfers = unit * solution["transfer"].T
    transfers -= transfers.mean(axis=1, keepdims=True)
    if max(own.gain(transfers) for own in tempted) <= GAIN_TOLERANCE * unit:
        return RefusableTransfers(transfers, size, secret)
    weights = program.weights(solution)
    used = [place for place, each in enumerate(weights) if each.any()]
    chosen, kept = [tempted[place] for place in used], [weights[place] for place in used]
    least = least_gain(contract, chosen, kept)
    if least <= GAIN_TOLERANCE * unit:
        raise UndecidedTransfersError(
            f"neither transfers nor the proof that there are none were confirmed: somebody gains {least:.1e} at least"
        )
    return NoRefusableTransfers(tuple(chosen), tuple(kept), least, size)


class _Program:
    """The smallest largest gain, in units of the largest stake; below zero where truth and consent leave a slack."""

    def __init__(self, contract: GrandContract, tempted: Sequence[Temptation], unit: float) -> None:
        profiles, players = contract.numeraire_transfers.shape
        self._tempted, self._unit = tempted, unit
        program = self._program = LinearProgram()
        owned = contract.endowments[..., -1].T / unit
        self._transfer = program.variables("transfer", {"player": players, "profile": profiles}, lower=-owned)
        self._gain = program.variables("largest gain", objective=1.0, lower=-1.0)
        balance = program.constraints("balance", {"profile": profiles}, equal_to=0.0)
        program.add(balance[None, :], self._transfer, 1.0)
        # A reply counts if it can be carried out in all that its members cannot tell apart.
        self._replies = [
            (place, reply, cell)
            for place, own in enumerate(tempted)
            for cell in range(own.seen.max() + 1)
            for reply in range(len(own.refusers))
            if np.isfinite(own.goods[reply, own.seen == cell]).all() and (own.types != own.reports or reply)
        ]
        lies = [place for place, own in enumerate(tempted) if own.types != own.reports]
        cells = {place: int(tempted[place].seen.max()) + 1 for place in lies}
        first = dict(zip(lies, np.cumsum([0, *cells.values()])[:-1].tolist(), strict=True))
        best = program.variables("best reply", {"seen": max(1, sum(cells.values()))}, lower=-np.inf)
        goods = [
            float(tempted[place].odds[here] @ tempted[place].goods[reply, here])
            for place, reply, cell in self._replies
            for here in [tempted[place].seen == cell]
        ]
        obeyed = [
            0.0 if place in first else float(tempted[place].odds[here] @ tempted[place].goods[0, here])
            for place, _, cell in self._replies
            for here in [tempted[place].seen == cell]
        ]
        size = {"reply": max(1, len(self._replies))}
        limits = np.full(size["reply"], -np.inf)
        limits[: len(goods)] = (np.array(goods) - np.array(obeyed)) / unit
        self._reply = program.constraints("replies", size, at_least=limits)
        self._truth = program.constraints(
            "truth",
            {"lie": max(1, len(lies))},
            at_least=np.array([-tempted[place].promised / unit for place in lies] or [-np.inf]),
        )
        self._lies = lies
        for row, (place, reply, cell) in enumerate(self._replies):
            own, here = tempted[place], tempted[place].seen == cell
            share = own.shares[reply] if place in first else own.shares[reply] - own.shares[0]
            self._add(self._reply[row], own.told[here], -np.outer(own.odds[here], share))
            if place in first:
                program.add(self._reply[row], best[first[place] + cell], 1.0)
            else:
                program.add(self._reply[row], self._gain, 1.0)
        for row, place in enumerate(lies):
            own = tempted[place]
            program.add(self._truth[row], best[first[place] : first[place] + cells[place]], -1.0)
            program.add(self._truth[row], self._gain, 1.0)
            self._add(self._truth[row], own.honest, np.outer(own.odds, np.isin(np.arange(players), own.members)))

    def _add(self, row: Selection, numbers: IntegerArray, coefficients: FloatArray) -> None:
        """Add coefficients ``(K, N)`` of the transfers at some profiles to a row."""
        draws, players = np.nonzero(coefficients)
        if draws.size:
            self._program.add(row, self._transfer[players, numbers[draws]], coefficients[draws, players])

    def solve(self) -> Solution:
        solution = self._program.solve()
        if solution.status is not Status.OPTIMAL:
            raise UndecidedTransfersError(f"the program for transfers was not solved: {solution.status.value}")
        return solution

    def weights(self, solution: Solution) -> list[FloatArray]:
        """Return the weights of replies that the multipliers say, ``(R, cells)`` for each temptation."""
        found = [np.zeros((len(own.refusers), int(own.seen.max()) + 1)) for own in self._tempted]
        for (place, reply, cell), weight in zip(self._replies, solution.dual["replies"], strict=False):
            found[place][reply, cell] = max(float(weight), 0.0)
        return found

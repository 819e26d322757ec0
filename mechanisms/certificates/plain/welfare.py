r"""What trade could bring everybody together, and what obedience to a contract brings, derived in rational numbers.

Gains are measured from autarky, :math:`\sum_i v_i(q_i) - v_i(\omega_i)`, expected before types are drawn. That no
allocation gains more follows profile by profile from weak duality: with :math:`\hat v_i` concave and at least
:math:`v_i`, and any prices p,

.. math:: \sum_i v_i(q_i) \le \sum_i \max_q [\hat v_i(q) - p \cdot q] + p \cdot \Omega .

Any engine may propose allocation and prices; what it proposes is made to fit what there is before it is valued.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from marketgame.mechanisms.certificates.plain.contract import UNLIMITED, PlainContract, surplus
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.economies.economy import Economy, PlayerType
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import stakes_by_profile
from marketgame.mechanisms.economies.valuation import SeparableValuation, Valuation
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline

MOST_BUNDLES = 100_000
"""Profiles times players beyond which nothing is derived: that takes longer than some ten seconds."""


@dataclass(frozen=True)
class Welfare:
    """Expected gains over autarky.

    Attributes:
        gains: what is reached, numeraire.
        bound: what nothing exceeds, numeraire.
        stake: what is expected to be at stake for everybody together, numeraire.
    """

    gains: Fraction
    bound: Fraction
    stake: Fraction


def refuse_many(profiles: int, players: int) -> None:
    """Refuse what takes too long.

    Raises:
        ValueError: there are too many profiles.
    """
    if profiles * players > MOST_BUNDLES:
        raise ValueError(
            f"{players} players have {profiles} type profiles, too many to derive welfare at each of them twice"
        )


def best_welfare(contract: PlainContract, deadline: Deadline = NO_DEADLINE) -> Welfare:
    """Return what the efficient allocations that a contract rests on gain, and what none exceeds.

    Args:
        contract: whose allocation and prices are the proposals.
        deadline: after which nothing more is derived.

    Raises:
        ValueError: there are too many profiles.
        DeadlinePassedError: time ran out.
    """
    refuse_many(len(contract.profiles), len(contract.economy.players))
    worth = Autarky(contract.economy)
    gains = bound = stake = NOTHING
    for number, chance in enumerate(contract.probability):
        deadline.check()
        if not chance:
            continue
        kinds = kinds_at(contract.economy, contract.profiles[number])
        supply, price = supply_of(kinds), contract.price(number)
        bundles = fitting([contract.bundle(player, number) for player in range(len(kinds))], supply)
        alone = sum(
            (worth.of_goods(player, contract.profiles[number][player]) for player in range(len(kinds))), NOTHING
        )
        gains += chance * (sum(map(enjoyed, kinds, bundles), NOTHING) - alone)
        most = sum((p * there for p, there in zip(price, supply, strict=False)), NOTHING)
        for kind, near in zip(kinds, bundles, strict=True):
            best = surplus(kind.valuation, price, supply, near)
            most = UNLIMITED if best is None else most + best
        bound += chance * (most - alone)
        stake += chance * sum(contract.stakes[number], NOTHING)
    return Welfare(gains, bound, stake)


def obeyed_welfare(contract: PlainContract, deadline: Deadline = NO_DEADLINE) -> Welfare:
    """Return what everybody together gains over autarky if all tell the truth and obey; nothing more is claimed.

    Raises:
        ValueError: there are too many profiles.
        DeadlinePassedError: time ran out.
    """
    refuse_many(len(contract.profiles), len(contract.economy.players))
    worth = Autarky(contract.economy)
    gains = stake = NOTHING
    # Not as the contract states prices and payments: they are no measure of what may be missed.
    stakes = stakes_by_profile(contract.economy, efficient_allocation(contract.economy))
    for number, chance in enumerate(contract.probability):
        deadline.check()
        if not chance:
            continue
        profile = contract.profiles[number]
        alone = sum((worth.of(player, kind) for player, kind in enumerate(profile)), NOTHING)
        gains += chance * (sum(contract.obeyed(number).utility, NOTHING) - alone)
        stake += chance * sum(exact(stakes[number % len(stakes)]), NOTHING)
    return Welfare(gains, gains, stake)


class Autarky:
    """What players enjoy of what they own, or of what gains are measured from where that is not finite."""

    def __init__(self, economy: Economy) -> None:
        self._economy = economy
        self._known: dict[tuple[int, int], Fraction] = {}

    def of_goods(self, player: int, kind: int) -> Fraction:
        """Return what a type enjoys of its goods, numeraire."""
        if (player, kind) not in self._known:
            row = int(self._economy.first_rows[player]) + kind
            owned = exact(self._economy.reference_goods[row])
            self._known[player, kind] = self._economy.players[player].types[kind].valuation.exact_value(owned)
        return self._known[player, kind]

    def of(self, player: int, kind: int) -> Fraction:
        """Return what a type enjoys of all that it owns, numeraire."""
        return self.of_goods(player, kind) + Fraction(float(self._economy.players[player].types[kind].endowment[-1]))


def kinds_at(economy: Economy, profile: Sequence[int]) -> list[PlayerType]:
    """Return the players' types at a profile."""
    return [player.types[kind] for player, kind in zip(economy.players, profile, strict=True)]


def supply_of(kinds: Sequence[PlayerType]) -> list[Fraction]:
    """Return what there is of each good but the numeraire, units."""
    return [sum(column, NOTHING) for column in zip(*(exact(kind.endowment[:-1]) for kind in kinds), strict=True)]


def fitting(bundles: Sequence[Sequence[Fraction]], supply: Sequence[Fraction]) -> list[list[Fraction]]:
    """Return bundles ``[player][good]`` that are at least nothing, cut in proportion to what there is, units."""
    kept = [[max(amount, NOTHING) for amount in row] for row in bundles]
    wanted = [sum(column, NOTHING) for column in zip(*kept, strict=True)]
    shares = [there / all_of if all_of > there else Fraction(1) for there, all_of in zip(supply, wanted, strict=True)]
    return [[amount * share for amount, share in zip(row, shares, strict=True)] for row in kept]


def enjoyed(kind: PlayerType, bundle: Sequence[Fraction]) -> Fraction:
    """Return what a type enjoys of a bundle of goods, of which it may throw some away, numeraire."""
    return kind.valuation.exact_value(disposed(kind.valuation, bundle))


def disposed(valuation: Valuation, bundle: Sequence[Fraction]) -> list[Fraction]:
    """Return what is kept of a bundle, units: nothing beyond what a player can use."""
    if not isinstance(valuation, SeparableValuation):
        return list(bundle)
    most = [valuation.exact_satiation(good) for good in range(len(bundle))]
    return [one if top is None else min(one, top) for one, top in zip(bundle, most, strict=True)]

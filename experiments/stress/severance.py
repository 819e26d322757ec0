r"""How much severance an institution needs so that no coalition leaves it, and whether any helps.

The established mediator may promise money to each type that leaves. That lowers what leaving costs, and what it may
prevent is only that a type is led away as another. So what is needed lies between two numbers: no promise that is
expected to cost less than the *bound* will do, since plans block them all, and a *promise* is known that will.

The game asked has few joint actions: the whole market does what the contract does after some report, and the other
coalitions divide what they own efficiently, or in equal parts too. Plans in this game are plans in the economy, so
that the bound is one of the economy, and so is "no severance whatever". That a promise will do is proven for the
divisions of the game only: of the economy the number is then known from below.

Where truth is strictly best for everybody, severance is not needed or of no use
(:mod:`marketgame.mechanisms.core.least_severance`), and a few actions of the one coalition that stays for the least
decide which.

Source:
    Myerson (2006), section 7.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from math import comb, prod

import numpy as np

from marketgame.experiments.certificate_files.files import certificate_text
from marketgame.experiments.stress.ruling import Certainty, Evidence, Measured
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking.severance_range import Promise, expected_promise
from marketgame.mechanisms.certificates.severance import SeveranceCertificate
from marketgame.mechanisms.coalitional_games.game import ActionSet, CoalitionalGame
from marketgame.mechanisms.coalitional_games.grid_game import action_name, game_of_divisions, game_on_grid
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.core.allocation import CoreAllocation
from marketgame.mechanisms.core.least_severance import LeastSeverance, least_severance
from marketgame.mechanisms.core.membership import InfeasibleMechanism
from marketgame.mechanisms.core.outcome import EmptyCore, UndecidedCore
from marketgame.mechanisms.core.search import find_core_allocation
from marketgame.mechanisms.core.variant import CoreEffort
from marketgame.mechanisms.economies.assumptions import endowments_depend_on_types
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program import UnverifiedAnswerError
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError

# Equal parts in which coalitions may divide goods where severance may help, and joint actions that are not too many.
PARTS = (4, 2, 1)
MOST_ACTIONS = 3_000
# How hard to look whether anything is in the core, and of what size of game: utilities, and lies of a type.
CORE_EFFORT = CoreEffort(starts=3, regions=20, seconds=60.0)
LARGEST_GAME = 60_000
MOST_LIES = 60
NONE_HELPS = "no severance whatever keeps coalitions"


class Severance(StrEnum):
    """What is promised to whoever leaves, by its type."""

    NONE = "none"
    """Nothing."""
    AS_STATED = "as-stated"
    """What a scenario says."""
    LEAST = "least"
    """The least with which no blocking plan is tenable, as far as it is known."""


@dataclass(frozen=True)
class Own:
    """What a coalition can make of what it owns.

    Attributes:
        worth: beyond keeping it, of the members' types in each of their profiles, ``(Q,)``, numeraire.
        bundles: how, ``(Q, S, L - 1)``, units of each good.
    """

    worth: FloatArray
    bundles: FloatArray


def severance_needed(
    contract: GrandContract, own: Mapping[Coalition, Own] | None, worst: Coalition, by: Deadline
) -> Measured:
    """Return how much severance a contract is expected to need that is not proven to need none, numeraire.

    Args:
        contract: the contract.
        own: what coalitions could make of what they own, all of them; none if that is not known.
        worst: the one that gains least by staying.
        by: when to stop.
    """
    lonely = alone(contract, contract.gains)
    if lonely is not None:
        game, expected = lonely
        text = certificate_text(SeveranceCertificate(game, expected, None, ()))
        because = f"{NONE_HELPS}, since {game.players[0]} would rather be at home"
        evidence = Evidence("no-severance-helps.json", text)
        return Measured(None, Certainty.EXACT, because=f"{because}{_of_the_core(contract, own, by)}", evidence=evidence)
    if own is None:
        return _unknown("time was over" if by.passed else "what coalitions could make of what they own is not known")
    return _needed_among_divisions(contract, own, worst, by)


def _needed_among_divisions(
    contract: GrandContract, own: Mapping[Coalition, Own], worst: Coalition, by: Deadline
) -> Measured:
    try:
        game, answer = _answered(contract, own, worst, by)
    except DeadlinePassedError:
        return _unknown("time was over")
    except (ValueError, UnverifiedAnswerError) as reason:
        return _unknown(str(reason))
    if answer.bound is None:
        evidence = _evidence("no-severance-helps.json", contract, game, answer)
        because = f"{NONE_HELPS}{_of_the_core(contract, own, by)}"
        return Measured(None, Certainty.EXACT, because=because, evidence=evidence)
    if not answer.bound:
        return _unknown(answer.stopped or "none is needed against the divisions that were looked at")
    evidence = _evidence("least-severance.json", contract, game, answer)
    because = (
        ""
        if answer.promise is None
        else f"against the divisions looked at {expected_promise(game, answer.promise):.6g} will do"
    )
    return Measured(answer.bound, Certainty.BOUND, low=answer.bound, because=because, evidence=evidence)


def alone(contract: GrandContract, gains: FloatArray) -> tuple[CoalitionalGame, FloatArray] | None:
    """Return the game of the one player who would most rather be at home, with what its types expect of some gains.

    What others know and do makes no difference to whoever is invited away alone, so that it may be left out, and so
    may how their types hang together.

    Args:
        contract: the contract.
        gains: of each player at every recommendation over what it has at home, ``(R, N)``, numeraire.

    Returns:
        The game, and expected gains, ``(K, 1)``; none if everybody expects at least what it has at home.
    """
    economy = contract.economy
    least, found = -GAIN_TOLERANCE * float(contract.stakes.max()), None
    for player, count in enumerate(economy.prior.type_counts):
        kinds = contract.profiles[:, player]
        chance = np.bincount(kinds, contract.probability, count)
        if (chance > 0).all():
            expected = np.bincount(kinds, contract.probability * gains[:, player], count) / chance
            if expected.min() < least:
                least, found = float(expected.min()), (player, chance / chance.sum(), expected)
    if found is None:
        return None
    player, chance, expected = found
    name, kinds_of = economy.player_names[player], tuple(kind.name for kind in economy.players[player].types)
    home = ActionSet(("stay at home",), np.zeros((1, 1, len(kinds_of))))
    return CoalitionalGame((name,), (kinds_of,), (chance,), {(0,): home}), expected[:, None]


def few_divisions(contract: GrandContract, own: Mapping[Coalition, Own], worst: Coalition) -> CoalitionalGame:
    """Return the game in which all together do what they do after some report, and one coalition what is best for it.

    Raises:
        ValueError: the contract or the economy is not of the kind that is asked.
    """
    if contract.stated is not None:
        raise ValueError("the contract states what it recommends")
    divisions = _divisions(contract, own)
    everybody = tuple(range(len(contract.economy.players)))
    return game_of_divisions(contract.economy, {who: divisions[who] for who in (worst, everybody) if who in divisions})


def least_promise(
    contract: GrandContract, own: Mapping[Coalition, Own] | None, worst: Coalition, by: Deadline
) -> Promise:
    """Return the least severance that is known to keep coalitions, at least from the divisions looked at.

    Raises:
        ValueError: no severance whatever keeps them, or none is known that does.
        DeadlinePassedError: time ran out.
    """
    if alone(contract, contract.gains) is not None:
        raise ValueError(NONE_HELPS)
    if own is None:
        by.check()
        raise ValueError("no severance is known that keeps coalitions: what they could make of their own is not known")
    _, answer = _answered(contract, own, worst, by)
    if answer.bound is None:
        raise ValueError(NONE_HELPS)
    if answer.promise is None:
        raise ValueError(f"no severance is known that keeps coalitions: {answer.stopped}")
    return answer.promise


def promise_of(economy: Economy, promised: Promise) -> dict[str, dict[str, float]]:
    """Return a promise as scenarios state it: by player and type, numeraire."""
    return {
        player.name: {kind.name: float(amount) for kind, amount in zip(player.types, own, strict=True)}
        for player, own in zip(economy.players, promised, strict=True)
        if own.any()
    }


def _answered(
    contract: GrandContract, own: Mapping[Coalition, Own], worst: Coalition, by: Deadline
) -> tuple[CoalitionalGame, LeastSeverance]:
    """Ask the fewest actions that decide, then more.

    Raises:
        ValueError: the contract is not of the kind that is asked, or somebody lies under it.
        DeadlinePassedError: time ran out.
        UnverifiedAnswerError: an answer fails its check.
    """
    game = few_divisions(contract, own, worst)
    answer, economy = _least(contract, game, by), contract.economy
    parts = next((parts for parts in PARTS if _actions(economy, parts) <= MOST_ACTIONS), None)
    if answer.bound is None or parts is None:
        return game, answer
    game = game_on_grid(economy, parts, _divisions(contract, own))
    return game, _least(contract, game, by)


def _divisions(contract: GrandContract, own: Mapping[Coalition, Own]) -> dict[Coalition, FloatArray]:
    """Return what all together do after some report, and what other coalitions do best."""
    everybody = tuple(range(len(contract.economy.players)))
    others = {who: _distinct(each.bundles) for who, each in own.items() if 1 < len(who) < len(everybody)}
    return {**others, everybody: _distinct(contract.bundles)}


def _least(contract: GrandContract, game: CoalitionalGame, by: Deadline) -> LeastSeverance:
    names = {name: number for number, name in enumerate(game.actions[game.grand_coalition].names)}
    chosen = np.zeros((len(game.profiles), len(names)))
    for profile, division in enumerate(contract.bundles):
        chosen[profile, names[action_name(division)]] = 1.0
    answer = least_severance(game, Mechanism(chosen, contract.numeraire_transfers), deadline=by)
    if isinstance(answer, InfeasibleMechanism):
        raise ValueError(f"somebody gains {answer.misreport_gain:.6g} by a lie, so that nothing is in the core")  # noqa: TRY004
    return answer


def _distinct(bundles: FloatArray) -> FloatArray:
    found: FloatArray = np.unique(bundles, axis=0)
    return found


def _actions(economy: Economy, parts: int) -> int:
    """Return how many joint actions coalitions have, counted once for each profile of types of theirs."""
    goods, counts = len(economy.goods) - 1, economy.prior.type_counts
    players = range(len(counts))
    if len(counts) > len(PARTS) + 3:
        return MOST_ACTIONS + 1
    return sum(
        comb(parts + size - 1, size - 1) ** goods * prod(counts[member] for member in coalition)
        for size in range(1, len(counts) + 1)
        for coalition in combinations(players, size)
    )


def _evidence(name: str, contract: GrandContract, game: CoalitionalGame, answer: LeastSeverance) -> Evidence:
    certificate = SeveranceCertificate(game, contract.gains, answer.bound, answer.ranges)
    return Evidence(name, certificate_text(certificate))


def _unknown(because: str) -> Measured:
    return Measured(None, Certainty.UNKNOWN, because=because)


_CORE: weakref.WeakKeyDictionary[Economy, str] = weakref.WeakKeyDictionary()


def _of_the_core(contract: GrandContract, own: Mapping[Coalition, Own] | None, by: Deadline) -> str:
    """Return in words whether some other mechanism is in the core of the game of efficient divisions, if it is asked.

    That depends on the economy alone, and is asked once.
    """
    economy = contract.economy
    if (
        own is None
        or contract.stated is not None
        or not economy.prior.independent
        or endowments_depend_on_types(economy)
    ):
        return ""
    divisions = _divisions(contract, own)
    size = economy.prior.size * sum(map(len, divisions.values()))
    lies = sum(count * (count - 1) for count in economy.prior.type_counts)
    if size > LARGEST_GAME or lies > MOST_LIES:
        return ""
    if economy not in _CORE:
        match find_core_allocation(game_of_divisions(economy, divisions), effort=CORE_EFFORT, deadline=by):
            case CoreAllocation(mechanism=other):
                severance = "with severance" if other.severance.any() else "without any"
                _CORE[economy] = f"; among efficient divisions another mechanism keeps them {severance}"
            case EmptyCore(regions=regions):
                _CORE[economy] = f"; nor does any other mechanism: their core is empty, by {regions} contradictions"
            case UndecidedCore(reason=reason):
                if by.passed:
                    return "; whether another mechanism would is not known: time was over"
                _CORE[economy] = f"; whether another mechanism would is not known: {reason}"
    return _CORE[economy]

"""Random extended games, and a slow theory of side-contracts on them: loops and dictionaries, no shared code.

A slow play is one thing that can have happened: what each member knows, what it was told, each member's weight of
it, and payoffs by transfer vector. Programs over slow plays go through SciPy.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.finite_games.extended_game import CommunicationContract, ExtendedGame, contract_for

# Begins with the type.
type Knowledge = tuple[int, *tuple[object, ...]]
type Vector = tuple[float, ...]
type Lottery = Mapping[tuple[int, ...], float]


def random_game(
    seed: int, *, players: int = 2, types: int = 2, menu: int = 2, levels: int = 1, outside: int = 1
) -> ExtendedGame:
    """Interdependent integer payoffs, correlated types, states that outsiders alone tell apart."""
    generator = np.random.default_rng(seed)
    kinds = [int(generator.integers(1, types + 1)) for _ in range(players)]
    profiles = list(itertools.product(*map(range, kinds), range(outside)))
    prior = generator.dirichlet(np.ones(len(profiles)))
    transfers = np.zeros((levels, players))
    for level in range(1, levels):
        giver, taker = (level - 1) % players, level % players
        transfers[level, [giver, taker]] = -level, level
    shape = (levels, len(profiles), *(menu,) * players, players)
    return ExtendedGame(
        players=tuple(range(players)),
        types=np.array(profiles)[:, :players],
        type_labels=tuple(tuple(f"type {k}" for k in range(kind)) for kind in kinds),
        priors=np.tile(prior[:, None], players),
        actions=tuple(tuple(f"action {a}" for a in range(menu)) for _ in range(players)),
        transfers=transfers,
        granted=np.zeros(len(profiles), dtype=np.int64),
        payoffs=generator.integers(-3, 4, size=shape).astype(float),
    )


def complete_information(payoffs: FloatArray) -> ExtendedGame:
    """The game in which everybody knows the payoffs, ``(A_1, ..., A_m, m)``."""
    table = np.asarray(payoffs, dtype=float)
    members = table.shape[-1]
    return ExtendedGame(
        players=tuple(range(members)),
        types=np.zeros((1, members), dtype=np.int64),
        type_labels=(("only",),) * members,
        priors=np.ones((1, members)),
        actions=tuple(tuple(range(menu)) for menu in table.shape[:-1]),
        transfers=np.zeros((1, members)),
        granted=np.zeros(1, dtype=np.int64),
        payoffs=table[None, None],
    )


def random_contract(game: ExtendedGame, seed: int) -> CommunicationContract:
    """Recommends few joint actions after each profile of reports, so that recommendations tell something."""
    generator = np.random.default_rng(seed)
    joint = int(np.prod(game.action_counts))
    reports = int(np.prod(game.type_counts))
    table = np.zeros((reports, joint))
    for row in table:
        chosen = generator.choice(joint, size=min(joint, int(generator.integers(1, 3))), replace=False)
        row[chosen] = generator.dirichlet(np.ones(len(chosen)))
    return contract_for(game, table.reshape(*game.type_counts, *game.action_counts))


def communication_equilibrium(game: ExtendedGame, weights: Sequence[float]) -> CommunicationContract:
    """The communication equilibrium with the largest weighted sum of interim utilities, from the slow program."""
    plays = [_without_recommendation(play) for play in slow_plays(game)]
    answer = slow_best(plays, weights=weights, disobey=True, keep=False)
    assert answer is not None
    shape = (*game.type_counts, *game.action_counts)
    probability = np.zeros(shape)
    probability[...] = 1 / np.prod(game.action_counts)
    for knows, lottery in answer.lotteries.items():
        place = tuple(known[0] for known in knows)
        probability[place] = 0.0
        for action, chance in lottery.items():
            probability[(*place, *action)] = chance
    return contract_for(game, probability)


@dataclass(frozen=True)
class SlowPlay:
    """What each member knows, what it was told, each member's weight, the vector granted, payoffs at each vector."""

    knows: tuple[Knowledge, ...]
    told: tuple[int, ...]
    weight: tuple[float, ...]
    granted: Vector
    payoffs: Mapping[Vector, FloatArray]


@dataclass(frozen=True)
class SlowAnswer:
    """Total gain, and the lottery and reallocation after each profile of reports."""

    total: float
    lotteries: Mapping[tuple[Knowledge, ...], Lottery]
    moved: Mapping[tuple[Knowledge, ...], Vector]


def slow_plays(game: ExtendedGame) -> list[SlowPlay]:
    """Every state of a game, with nothing told yet."""
    found = []
    for state, kinds in enumerate(game.types.tolist()):
        table = {_rounded(vector): game.payoffs[row, state] for row, vector in enumerate(game.transfers)}
        granted = _rounded(game.transfers[game.granted[state]])
        knows = tuple((kind,) for kind in kinds)
        weight = tuple(game.priors[state].tolist())
        found.append(SlowPlay(knows, (), weight, granted, table))
    return found


def slow_revised(
    plays: Sequence[SlowPlay],
    device: Mapping[tuple[Knowledge, ...], Lottery],
    moved: Mapping[tuple[Knowledge, ...], Vector],
    places: Sequence[int],
) -> list[SlowPlay]:
    """Definition 5 in dictionaries: members learn what they are told, the others obey."""
    found = []
    for play in plays:
        for told, chance in device[play.knows].items():
            if chance <= 0:
                continue
            choice = tuple(slice(None) if place in places else told[place] for place in range(len(told)))
            vector = _added(play.granted, moved[play.knows])
            found.append(
                SlowPlay(
                    tuple((*play.knows[place], told[place]) for place in places),
                    tuple(told[place] for place in places),
                    tuple(play.weight[place] * chance for place in places),
                    vector,
                    {y: table[choice][..., list(places)] for y, table in play.payoffs.items()},
                )
            )
    return found


def lotteries_of(
    plays: Sequence[SlowPlay], contract: CommunicationContract
) -> tuple[dict[tuple[Knowledge, ...], Lottery], dict[tuple[Knowledge, ...], Vector]]:
    """A contract's device and reallocations by what members report; type numbers follow the order of knowledge."""
    known = known_to(plays)
    device: dict[tuple[Knowledge, ...], Lottery] = {}
    moved = {}
    for reports in itertools.product(*known):
        place = tuple(sorted(own).index(report) for own, report in zip(known, reports, strict=True))
        table = contract.probability[place]
        device[reports] = {action: float(table[action]) for action in np.ndindex(table.shape)}
        moved[reports] = _rounded(contract.reallocation[place])
    return device, moved


def known_to(plays: Sequence[SlowPlay]) -> list[list[Knowledge]]:
    members = len(plays[0].knows)
    return [sorted({play.knows[place] for play in plays}) for place in range(members)]


def slow_status_quo(plays: Sequence[SlowPlay]) -> list[dict[Knowledge, float]]:
    def kept(place: int) -> Callable[[SlowPlay], float]:
        return lambda play: float(play.payoffs[play.granted][(*play.told, place)])

    return [_expected(plays, place, kept(place)) for place in range(len(plays[0].knows))]


def slow_promises(
    plays: Sequence[SlowPlay],
    device: Mapping[tuple[Knowledge, ...], Lottery],
    moved: Mapping[tuple[Knowledge, ...], Vector],
) -> list[dict[Knowledge, float]]:
    """What each member expects from a side-contract when all tell the truth and obey."""

    def earned(place: int) -> Callable[[SlowPlay], float]:
        return lambda play: _drawn(play, play.knows, place, None, device, moved)

    return [_expected(plays, place, earned(place)) for place in range(len(plays[0].knows))]


def slow_temptation(
    plays: Sequence[SlowPlay],
    device: Mapping[tuple[Knowledge, ...], Lottery],
    moved: Mapping[tuple[Knowledge, ...], Vector],
    *,
    lie: bool = True,
    disobey: bool = False,
) -> float:
    """The largest gain of a member's type from every lie and every way of disobeying, tried one by one."""
    promised = slow_promises(plays, device, moved)
    menus = np.asarray(next(iter(plays[0].payoffs.values()))).shape[:-1]
    largest = 0.0
    for place, own in enumerate(known_to(plays)):
        ways = list(itertools.product(range(menus[place]), repeat=menus[place])) if disobey else [None]
        for truth, way in itertools.product(own, ways):
            if truth not in promised[place]:
                continue
            mine = [play for play in plays if play.knows[place] == truth]
            for report in own if lie else [truth]:
                worth = _expected(mine, place, _lying(place, report, way, device, moved))[truth]
                largest = max(largest, worth - promised[place][truth])
    return largest


def _lying(
    place: int,
    report: Knowledge,
    way: tuple[int, ...] | None,
    device: Mapping[tuple[Knowledge, ...], Lottery],
    moved: Mapping[tuple[Knowledge, ...], Vector],
) -> Callable[[SlowPlay], float]:
    return lambda play: _drawn(play, _replaced(play.knows, place, report), place, way, device, moved)


def _drawn(
    play: SlowPlay,
    told: tuple[Knowledge, ...],
    place: int,
    way: tuple[int, ...] | None,
    device: Mapping[tuple[Knowledge, ...], Lottery],
    moved: Mapping[tuple[Knowledge, ...], Vector],
) -> float:
    """What a member earns in a play after some reports, with a way of disobeying or none."""
    table = play.payoffs[_added(play.granted, moved[told])]
    return float(sum(chance * table[(*_played(action, place, way), place)] for action, chance in device[told].items()))


def slow_best(
    plays: Sequence[SlowPlay],
    *,
    weights: Sequence[float] | None = None,
    disobey: bool = False,
    obeyed: bool = False,
    keep: bool = True,
) -> SlowAnswer | None:
    """The side-contract with the largest total gain, over every assignment of reallocations to reports."""
    best = None
    for moved in _assignments(plays):
        answer = _slow_program(plays, moved, weights, disobey=disobey, obeyed=obeyed, keep=keep)
        if answer is not None and (best is None or answer.total > best.total):
            best = answer
    return best


def _assignments(plays: Sequence[SlowPlay]) -> Iterator[dict[tuple[Knowledge, ...], Vector]]:
    """All admissible choices of one reallocation for each profile of reports, among players who are all inside."""
    vectors = list(plays[0].payoffs)
    steps = sorted({_added(left, tuple(-x for x in right)) for left in vectors for right in vectors})
    reports = list(itertools.product(*known_to(plays)))
    allowed = []
    for told in reports:
        near = [play for play in plays if sum(a != b for a, b in zip(play.knows, told, strict=True)) <= 1]
        allowed.append([step for step in steps if all(_added(play.granted, step) in play.payoffs for play in near)])
    for choice in itertools.product(*allowed):
        yield dict(zip(reports, choice, strict=True))


@dataclass(frozen=True)
class _Rows:
    """Coefficients of a lie and a way of disobeying, one column for each profile of reports and joint action."""

    plays: Sequence[SlowPlay]
    moved: Mapping[tuple[Knowledge, ...], Vector]
    column: Mapping[tuple[tuple[Knowledge, ...], tuple[int, ...]], int]
    actions: Sequence[tuple[int, ...]]

    def of(self, place: int, truth: Knowledge, report: Knowledge, way: tuple[int, ...] | None) -> FloatArray:
        coefficients = np.zeros(len(self.column))
        for play in self.plays:
            if play.knows[place] != truth:
                continue
            told = _replaced(play.knows, place, report)
            table = play.payoffs[_added(play.granted, self.moved[told])]
            for action in self.actions:
                value = table[(*_played(action, place, way), place)]
                coefficients[self.column[told, action]] += play.weight[place] * value
        return coefficients


def _slow_program(
    plays: Sequence[SlowPlay],
    moved: Mapping[tuple[Knowledge, ...], Vector],
    weights: Sequence[float] | None,
    *,
    disobey: bool,
    obeyed: bool,
    keep: bool,
) -> SlowAnswer | None:
    known, menus = known_to(plays), next(iter(plays[0].payoffs.values())).shape[:-1]
    reports, actions = list(itertools.product(*known)), list(itertools.product(*map(range, menus)))
    column = {pair: number for number, pair in enumerate(itertools.product(reports, actions))}
    rows = _Rows(plays, moved, column, actions)
    at_most, limits = [], []
    objective = np.zeros(len(column))
    floors = 0.0
    for place, own in enumerate(known):
        ways = list(itertools.product(range(menus[place]), repeat=menus[place]))
        for truth in own:
            honest = rows.of(place, truth, truth, None)
            objective += (1.0 if weights is None else weights[place]) * honest
            if keep:
                floor = _floor(plays, place, truth)
                floors += floor
                at_most.append(-honest)
                limits.append(-floor)
            for report in own:
                chosen = ways if disobey or (obeyed and report == truth) else [None]
                at_most += [rows.of(place, truth, report, way) - honest for way in chosen]
                limits += [0.0] * len(chosen)
    total = np.kron(np.eye(len(reports)), np.ones(len(actions)))
    answer = optimize.linprog(-objective, np.array(at_most), limits, total, np.ones(len(total)), method="highs")
    if answer.status != 0:
        return None
    assert answer.x is not None
    chances = np.maximum(answer.x.reshape(len(reports), len(actions)), 0.0)
    chances /= chances.sum(axis=1, keepdims=True)
    lotteries = {
        told: dict(zip(actions, row.tolist(), strict=True)) for told, row in zip(reports, chances, strict=True)
    }
    return SlowAnswer(float(objective @ np.asarray(answer.x)) - floors, lotteries, moved)


def _floor(plays: Sequence[SlowPlay], place: int, truth: Knowledge) -> float:
    mine = [play for play in plays if play.knows[place] == truth]
    return sum(play.weight[place] * float(play.payoffs[play.granted][(*play.told, place)]) for play in mine)


def _without_recommendation(play: SlowPlay) -> SlowPlay:
    return SlowPlay(play.knows, (0,) * len(play.knows), play.weight, play.granted, play.payoffs)


def _expected(plays: Sequence[SlowPlay], place: int, earned: Callable[[SlowPlay], float]) -> dict[Knowledge, float]:
    total: dict[Knowledge, float] = defaultdict(float)
    weight: dict[Knowledge, float] = defaultdict(float)
    for play in plays:
        if play.weight[place] > 0:
            total[play.knows[place]] += play.weight[place] * earned(play)
            weight[play.knows[place]] += play.weight[place]
    return {knows: total[knows] / weight[knows] for knows in weight}


def _replaced(knows: tuple[Knowledge, ...], place: int, report: Knowledge) -> tuple[Knowledge, ...]:
    return (*knows[:place], report, *knows[place + 1 :])


def _played(action: tuple[int, ...], place: int, way: tuple[int, ...] | None) -> tuple[int, ...]:
    return action if way is None else (*action[:place], way[action[place]], *action[place + 1 :])


def _rounded(vector: Sequence[float] | FloatArray) -> Vector:
    return tuple(round(float(value), 6) + 0.0 for value in vector)


def _added(left: Vector, right: Vector) -> Vector:
    return _rounded([a + b for a, b in zip(left, right, strict=True)])

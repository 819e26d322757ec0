r"""Myerson's coalitional game with incomplete information.

A game has players :math:`i \in N` with finitely many types :math:`t_i`, drawn independently with
probabilities :math:`p_i(t_i) > 0`, and for every nonempty coalition :math:`S` a finite nonempty set
:math:`C(S)` of joint actions. Member :math:`i` gets utility :math:`u_i(c, t)` from action :math:`c \in C(S)`,
which may depend on the types of everybody, members of :math:`S` or not.

Type profiles are numbered in lexicographic order of the players, the last player's type changing fastest, so
that an array over profiles, ``(..., P)``, can be reshaped to one dimension per player.

Source:
    Myerson (2006), section 2.
"""

from __future__ import annotations

import itertools
import math
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from marketgame.mechanisms.arrays import PROBABILITY_TOLERANCE, FloatArray, IntegerArray, finite_array, read_only
from marketgame.mechanisms.economies.coalitions import coalition_name

type Coalition = tuple[int, ...]
"""Player numbers in increasing order; never empty."""


@dataclass(frozen=True, eq=False)
class ActionSet:
    """What a coalition can do.

    Attributes:
        names: one per action, all different.
        utilities: of each member from each action at each type profile, ``(C, S, P)`` with members in increasing
            order of their player numbers, in units of money.
    """

    names: tuple[str, ...]
    utilities: FloatArray


@dataclass(frozen=True, eq=False)
class CoalitionalGame:
    """A coalitional game with independent types.

    Attributes:
        players: their names, all different.
        types: names of each player's types.
        type_probabilities: one array ``(K_i,)`` for each player; positive, summing to one.
        actions: for every nonempty coalition at least one action.

    Raises:
        ValueError: names are missing or repeated, probabilities are not positive or do not sum to one, a coalition
            has no action, or utilities have another shape or are not finite.
    """

    players: tuple[str, ...]
    types: tuple[tuple[str, ...], ...]
    type_probabilities: tuple[FloatArray, ...]
    actions: Mapping[Coalition, ActionSet]

    def __post_init__(self) -> None:
        _require_distinct("players", self.players)
        if len(self.types) != len(self.players):
            raise ValueError(f"types are given for {len(self.types)} players; there are {len(self.players)}")
        for player, names in zip(self.players, self.types, strict=True):
            _require_distinct(f"types of {player}", names)
        object.__setattr__(self, "type_probabilities", self._checked_probabilities())
        object.__setattr__(self, "actions", MappingProxyType(self._checked_actions()))

    def _checked_probabilities(self) -> tuple[FloatArray, ...]:
        if len(self.type_probabilities) != len(self.players):
            raise ValueError(
                f"type probabilities are given for {len(self.type_probabilities)} players; "
                f"there are {len(self.players)}"
            )
        checked = []
        for player, names, given in zip(self.players, self.types, self.type_probabilities, strict=True):
            probabilities = finite_array(f"type probabilities of {player}", given, (len(names),))
            for name, probability in zip(names, probabilities, strict=True):
                if probability <= 0:
                    raise ValueError(f"the probability of {player}'s type {name} must be positive, not {probability:g}")
            total = probabilities.sum()
            if abs(total - 1) > PROBABILITY_TOLERANCE:
                raise ValueError(f"the type probabilities of {player} sum to {total:.12g}, not to 1")
            checked.append(read_only(probabilities))
        return tuple(checked)

    def _checked_actions(self) -> dict[Coalition, ActionSet]:
        count = len(self.players)
        profiles = math.prod(len(names) for names in self.types)
        wanted = list(_coalitions(count))
        for coalition in self.actions:
            if coalition not in set(wanted):
                raise ValueError(
                    f"{coalition!r} is not a coalition; write player numbers from 0 to {count - 1} in increasing order"
                )
        checked = {}
        for coalition in wanted:
            label = self.coalition_name(coalition)
            action_set = self.actions.get(coalition)
            if action_set is None or not action_set.names:
                raise ValueError(f"coalition {label} has no action; every coalition needs at least one")
            _require_distinct(f"actions of {label}", action_set.names)
            shape = (len(action_set.names), len(coalition), profiles)
            utilities = finite_array(f"utilities of {label}", action_set.utilities, shape)
            if utilities.ndim != len(shape):
                raise ValueError(f"utilities of {label} have shape {utilities.shape}; they must have shape {shape}")
            checked[coalition] = ActionSet(tuple(action_set.names), read_only(utilities))
        return checked

    @cached_property
    def type_counts(self) -> tuple[int, ...]:
        """Number of types of each player, ``K_i``."""
        return tuple(len(names) for names in self.types)

    @property
    def grand_coalition(self) -> Coalition:
        """All players."""
        return tuple(range(len(self.players)))

    @property
    def coalitions(self) -> tuple[Coalition, ...]:
        """All nonempty coalitions, small ones first."""
        return tuple(self.actions)

    @cached_property
    def profiles(self) -> IntegerArray:
        """Type number of each player in each profile, ``(P, N)``."""
        return _profile_table(self.type_counts)

    @cached_property
    def probability(self) -> FloatArray:
        r"""Prior probability of each profile, :math:`p(t)`, ``(P,)``."""
        return self.conditional_probability(self.grand_coalition)

    def conditional_probability(self, coalition: Coalition) -> FloatArray:
        r"""Return :math:`p(t_S)` at every profile, ``(P,)``; ones for the empty coalition."""
        result = np.ones(len(self.profiles))
        for player in coalition:
            result = result * self.type_probabilities[player][self.profiles[:, player]]
        return result

    def others(self, coalition: Coalition) -> Coalition:
        """Return the players outside a coalition."""
        return tuple(player for player in self.grand_coalition if player not in coalition)

    def coalition_name(self, coalition: Coalition) -> str:
        """Return how a coalition is written."""
        return coalition_name(self.players[player] for player in coalition)

    def misreports(self, player: int) -> IntegerArray:
        r"""Return the number of profile :math:`(t_{-i}, r)` for every profile and type, ``(P, K_i)``."""
        stride = math.prod(self.type_counts[player + 1 :])
        change = np.arange(self.type_counts[player]) - self.profiles[:, player, None]
        return np.arange(len(self.profiles))[:, None] + change * stride

    def coalition_profiles(self, coalition: Coalition) -> IntegerArray:
        r"""Return the type numbers of the members in each :math:`t_S`, in lexicographic order, ``(P_S, S)``."""
        return _profile_table(tuple(self.type_counts[player] for player in coalition))

    def coalition_profile_of(self, coalition: Coalition) -> IntegerArray:
        r"""Return the number of :math:`t_S` in every profile, ``(P,)``."""
        number = np.zeros(len(self.profiles), dtype=np.int64)
        for player in coalition:
            number = number * self.type_counts[player] + self.profiles[:, player]
        return number

    def conditional_expectation(self, values: ArrayLike, coalition: Coalition) -> FloatArray:
        r"""Return :math:`E[w(t) \mid t_S]` of values ``(..., P)``, by ``coalition_profiles``, ``(..., P_S)``.

        Raises:
            ValueError: the last dimension is not the number of profiles.
        """
        array = finite_array("values", values, (len(self.profiles),))
        batch = array.shape[:-1]
        expanded = array.reshape(*batch, *self.type_counts)
        # From the last player back, so that the positions of the others stay what they are.
        for player in reversed(self.others(coalition)):
            place = len(batch) + player
            order = (*range(place), *range(place + 1, expanded.ndim), place)
            last = expanded.transpose(order)
            expanded = np.dot(last.reshape(-1, last.shape[-1]), self.type_probabilities[player][:, None])
            expanded = expanded.reshape(last.shape[:-1])
        return expanded.reshape(*batch, -1)

    @cached_property
    def largest_utility(self) -> float:
        """The largest utility there is, in absolute terms."""
        return max(float(np.abs(action_set.utilities).max()) for action_set in self.actions.values())

    def expected_utilities(self, coalition: Coalition, known: Coalition) -> FloatArray:
        r"""Return :math:`E[u_i(c, t) \mid t_K]` of a coalition's members and actions, ``(C, S, P_K)``.

        They are computed once for each game, since many stakes may be compared with them, and lie in memory member by
        member, then profile by profile, with the actions side by side.
        """
        kept = _EXPECTED.setdefault(self, {})
        if (coalition, known) not in kept:
            utilities = self.actions[coalition].utilities
            expected = utilities if known == self.grand_coalition else self.conditional_expectation(utilities, known)
            kept[coalition, known] = np.ascontiguousarray(expected.transpose(1, 2, 0)).transpose(2, 0, 1)
        return kept[coalition, known]

    def individual_values(self) -> tuple[FloatArray, ...]:
        r"""Return what each type expects from its best action alone, one ``(K_i,)`` for each player.

        That is :math:`\max_{c \in C(\{i\})} E[u_i(c, t) \mid t_i]`.
        """
        return tuple(
            self.conditional_expectation(self.actions[(player,)].utilities[:, 0], (player,)).max(axis=0)
            for player in self.grand_coalition
        )

    def superadditive(self) -> CoalitionalGame:
        """Return the game in which a coalition may also split up and do what its parts can do.

        Every coalition keeps its actions and gets, for every partition of it, every combination of actions of
        the parts, named by the parts' actions joined with ``+`` in the order of their first members. Where two
        combinations give the same name, the members of each part follow its action in brackets.
        """
        return CoalitionalGame(
            self.players,
            self.types,
            self.type_probabilities,
            {coalition: self._with_partitions(coalition) for coalition in self.coalitions},
        )

    def _with_partitions(self, coalition: Coalition) -> ActionSet:
        own = self.actions[coalition]
        short: list[str] = list(own.names)
        long: list[str] = list(own.names)
        utilities = [own.utilities]
        for partition in _partitions(coalition):
            if len(partition) == 1:
                continue
            sets = [self.actions[part] for part in partition]
            order = np.argsort([player for part in partition for player in part])
            for choice in itertools.product(*(range(len(action_set.names)) for action_set in sets)):
                names = [action_set.names[c] for action_set, c in zip(sets, choice, strict=True)]
                short.append("+".join(names))
                long.append(
                    "+".join(
                        f"{name}({','.join(self.players[player] for player in part)})"
                        for name, part in zip(names, partition, strict=True)
                    )
                )
                rows = [action_set.utilities[c] for action_set, c in zip(sets, choice, strict=True)]
                utilities.append(np.concatenate(rows)[order][None])
        repeated = {name for name, times in Counter(short).items() if times > 1}
        all_names = tuple(full if name in repeated else name for name, full in zip(short, long, strict=True))
        return ActionSet(all_names, np.concatenate(utilities))


_EXPECTED: weakref.WeakKeyDictionary[CoalitionalGame, dict[tuple[Coalition, Coalition], FloatArray]] = (
    weakref.WeakKeyDictionary()
)


def _profile_table(counts: tuple[int, ...]) -> IntegerArray:
    """Return all combinations in lexicographic order, ``(P, N)``."""
    return np.indices(counts).reshape(len(counts), -1).T.astype(np.int64)


def _coalitions(count: int) -> Iterator[Coalition]:
    for size in range(1, count + 1):
        yield from itertools.combinations(range(count), size)


def _partitions(members: Coalition) -> Iterator[tuple[Coalition, ...]]:
    """Yield every partition, parts in the order of their first members."""
    if not members:
        yield ()
        return
    first, rest = members[0], members[1:]
    for size in range(len(rest) + 1):
        for others in itertools.combinations(rest, size):
            left = tuple(player for player in rest if player not in others)
            for remainder in _partitions(left):
                yield ((first, *others), *remainder)


def _require_distinct(what: str, names: Sequence[str]) -> None:
    if not names:
        raise ValueError(f"there are no {what}")
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        raise ValueError(f"{what} must have different names; repeated: {', '.join(repeated)}")

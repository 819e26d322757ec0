"""The names behind the numbers of a run: each has one code throughout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from marketgame.agents.behaviours import Behaviour, Learning
from marketgame.agents.private_type import TypedPlayer
from marketgame.mechanisms.arrays import IntegerArray
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.economies.coalitions import coalition_name
from marketgame.simulation.recording.columns import keys, numbered
from marketgame.simulation.scenario.blockers import ESTABLISHED
from marketgame.simulation.scenario.organisers import Organiser


class Labels:
    """The names of players, types, behaviours, goods, mediators, organisers, coalitions and what these do.

    Attributes:
        blocking: whether coalitions can leave.
        learns: whether somebody learns.
    """

    def __init__(
        self,
        players: Sequence[TypedPlayer],
        behaviours: tuple[tuple[Behaviour, ...], ...],
        blockers: Sequence[str],
        game: CoalitionalGame | None,
        goods: Sequence[str] = (),
        organisers: Sequence[Organiser] = (),
    ) -> None:
        self.mediators = (ESTABLISHED, *blockers)
        self.players = tuple(player.name for player in players)
        self.goods = tuple(goods)
        self.types, self._type_codes = numbered([kind.name for player in players for kind in player.types])
        names = [behaviour.name for by_type in behaviours for behaviour in by_type]
        self.behaviours, self._behaviour_codes = numbered(names)
        self._first_rows = np.cumsum([0, *(len(player.types) for player in players)])[:-1]
        self.blocking = game is not None
        self.learns = any(isinstance(each, Learning) for by_type in behaviours for each in by_type)
        actions = {} if game is None else game.actions
        self.coalitions = () if game is None else tuple(map(game.coalition_name, game.coalitions))
        self._coalition_codes = {} if game is None else {each: code for code, each in enumerate(game.coalitions)}
        self.actions = tuple(dict.fromkeys(name for able in actions.values() for name in able.names))
        self._action_codes = {
            coalition: [self.actions.index(name) for name in able.names] for coalition, able in actions.items()
        }
        self.organisers = tuple(organiser.name for organiser in organisers)
        listed = [organiser.choice.coalitions(len(players)) for organiser in organisers]
        approached = dict.fromkeys(coalition for several in listed for coalition in several)
        self.approached = tuple(coalition_name(self.players[member] for member in each) for each in approached)
        self._approached_codes = {coalition: code for code, coalition in enumerate(approached)}

    def coalition(self, coalition: Coalition) -> int:
        """Return the code of a coalition that can leave."""
        return self._coalition_codes[coalition]

    def action(self, coalition: Coalition, action: int) -> int:
        """Return the code of what a coalition does."""
        return self._action_codes[coalition][action]

    def approached_code(self, coalition: Coalition) -> int:
        """Return the code of a coalition that an organiser approaches."""
        return self._approached_codes[coalition]

    def type(self, player: int, type_number: int) -> int:
        """Return the code of a player's type."""
        return int(self._type_codes[self._first_rows[player] + type_number])

    def type_names(self, profiles: IntegerArray) -> pa.DictionaryArray:
        """Return the names of types ``(R, N)``, row by row."""
        return keys(self._type_codes[self._first_rows + profiles], self.types)

    def behaviour_names(self, profiles: IntegerArray) -> pa.DictionaryArray:
        """Return how players of types ``(R, N)`` behave, row by row."""
        return keys(self._behaviour_codes[self._first_rows + profiles], self.behaviours)

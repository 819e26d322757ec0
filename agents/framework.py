"""Everything this program asks of Mesa; no other module imports it.

Mesa 4 removes ``seed=``, ``batch_run``, the data collector and ``mesa.space``, and makes ``step`` an ordinary
event of a clock. None of these is used: models are seeded by ``rng``, every draw comes from the program's own
named streams, and recording is ours. What would change with version 4 is below.
"""

from __future__ import annotations

import mesa


class RoundAgent(mesa.Agent):  # type: ignore[misc]  # Mesa ships no type information.
    """An agent that registers with the model; it draws nothing from the model's own generators."""


class RoundModel(mesa.Model):  # type: ignore[misc]  # Mesa ships no type information.
    """A model that counts rounds; a subclass plays one round in ``step``.

    Attributes:
        steps: rounds played so far; during a round, the number of the round counted from one.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(rng=seed)

    @property
    def round_number(self) -> int:
        """The round being played, counted from zero; valid inside ``step``."""
        return int(self.steps) - 1

"""How traders who learn acted in a round, and what acting otherwise would have brought them: the observer's view."""

from __future__ import annotations

from dataclasses import dataclass

from marketgame.mechanisms.arrays import FloatArray


@dataclass(frozen=True, eq=False)
class Regret:
    """What one type of a player would have gained by always taking one of its stances, others acting as they did.

    Attributes:
        rounds: in which it was of the type and free to act.
        gained: what it gained in them, numeraire.
        forgone: what each stance would have gained, ``(S,)``, numeraire.
    """

    rounds: int
    gained: float
    forgone: FloatArray


@dataclass(frozen=True, eq=False)
class Learned:
    """How a trader that learns acted in a round, as the observer sees it.

    Attributes:
        player: its number.
        type_number: its type.
        stance: what it acted by, as tables call it.
        gain: its utility above that of its endowment, numeraire.
        menu: what tables call the stances it had; none if it was not worked out what they would have gained.
        hindsight: what each of them would have gained, ``(S,)``, numeraire; none likewise.
        regret: of this round and all before, with the same type; none likewise.
    """

    player: int
    type_number: int
    stance: str
    gain: float
    menu: tuple[str, ...] = ()
    hindsight: FloatArray | None = None
    regret: Regret | None = None

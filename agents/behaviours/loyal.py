"""Staying with the established plan, whatever is offered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, override

from marketgame.agents.behaviours.behaviour import Behaviour
from marketgame.agents.blocking.invited import Invited
from marketgame.agents.coalitions.offered import OfferedSideContract


@dataclass(frozen=True)
class Loyal(Behaviour):
    """Obeys the established mediator and refuses every invitation to leave or to collude."""

    name: ClassVar[str] = "loyal"

    @override
    def answer(self, invited: Invited) -> int | None:
        return None

    @override
    def join(self, offered: OfferedSideContract) -> int | None:
        return None

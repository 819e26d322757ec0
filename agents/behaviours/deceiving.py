"""Lying to one's partners in a side-contract, where it pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, override

from marketgame.agents.behaviours.behaviour import Behaviour
from marketgame.agents.coalitions.offered import OfferedSideContract


@dataclass(frozen=True)
class Deceiving(Behaviour):
    """Is truthful to the established mediator, and tells the side-device of a coalition whatever pays it most.

    What every report is worth is worked out exactly, over all plays that can follow it. A side-contract that is
    incentive compatible leaves it nothing to gain by lying.
    """

    name: ClassVar[str] = "deceiving"

    @override
    def join(self, offered: OfferedSideContract) -> int | None:
        return offered.best if offered.worthwhile(offered.best) else None

"""Which mechanism is established in a coalitional game."""

from __future__ import annotations

from enum import StrEnum


class MechanismChoice(StrEnum):
    """Which mechanism is established."""

    FILE = "file"
    INCENTIVE_EFFICIENT = "incentive-efficient"
    CORE = "core"

"""Lying about one's type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, override

from agents.behaviours.behaviour import Behaviour
from agents.knowledge import TypeKnowledge
from mechanisms.economy import Player


@dataclass(frozen=True)
class Misreporting(Behaviour):
    """Reports another type and then obeys.

    A reported type may own more than the true one; the market then accepts only what is there.

    Attributes:
        reports: true type name to reported type name; a type left out is reported truthfully.
    """

    name: ClassVar[str] = "misreporting"

    reports: Mapping[str, str] = field(default_factory=dict)

    @override
    def check(self, players: Sequence[Player]) -> None:
        for true_type, reported in self.reports.items():
            liars = [player for player in players if true_type in _type_names(player)]
            if not liars:
                known = sorted({name for player in players for name in _type_names(player)})
                raise ValueError(f"behaviour 'misreporting' lets type {true_type!r} lie; the types are {known}")
            for liar in liars:
                if reported not in _type_names(liar):
                    raise ValueError(
                        f"behaviour 'misreporting' lets {liar.name} report {reported!r}; "
                        f"its types are {_type_names(liar)}"
                    )

    @override
    def report(self, knowledge: TypeKnowledge) -> int:
        reported = self.reports.get(knowledge.own_type.name, knowledge.own_type.name)
        return _type_names(knowledge.own).index(reported)


def _type_names(player: Player) -> list[str]:
    return [kind.name for kind in player.types]

"""Lying about one's type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, override

from marketgame.agents.behaviours.behaviour import Behaviour
from marketgame.agents.blocking.invited import Invited
from marketgame.agents.private_type import PrivateType, TypedPlayer, type_names
from marketgame.registry import MisnamedError, parameter


@dataclass(frozen=True)
class Misreporting(Behaviour):
    """Reports another type, to whoever asks, and then obeys.

    A reported type may own more than the true one; the market then accepts only what is there.

    Attributes:
        reports: true type name to reported type name; a type left out is reported truthfully.
    """

    name: ClassVar[str] = "misreporting"

    reports: Mapping[str, str] = field(
        metadata=parameter("true type = reported type; a type left out is reported truthfully", min_length=1)
    )

    @property
    @override
    def called(self) -> str:
        return f"{self.name} {', '.join(self.reports.values())}"

    @override
    def check(self, players: Sequence[TypedPlayer]) -> None:
        for true_type, reported in self.reports.items():
            liars = [player for player in players if true_type in type_names(player)]
            if not liars:
                known = list(dict.fromkeys(name for player in players for name in type_names(player)))
                message = f"behaviour 'misreporting' lets type {true_type!r} lie; the types are {sorted(known)}"
                raise MisnamedError(message, f"reports.{true_type}", true_type, known)
            for liar in liars:
                names = type_names(liar)
                if reported not in names:
                    message = f"behaviour 'misreporting' lets {liar.name} report {reported!r}; its types are {names}"
                    raise MisnamedError(message, f"reports.{true_type}", reported, names)

    @override
    def report(self, knowledge: PrivateType) -> int:
        return self._told(knowledge.own, knowledge.type_number)

    @override
    def answer(self, invited: Invited) -> int | None:
        told = self._told(invited.own, invited.type_number)
        return told if invited.worthwhile(told) else None

    def _told(self, own: TypedPlayer, type_number: int) -> int:
        names = type_names(own)
        return names.index(self.reports.get(names[type_number], names[type_number]))

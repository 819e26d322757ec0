"""What a behaviour is: from what a trader knows to what it says, at each of its moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import ClassVar

from marketgame.agents.blocking.invited import Invited
from marketgame.agents.coalitions.offered import OfferedSideContract
from marketgame.agents.knowledge import MarketKnowledge, RecommendedKnowledge
from marketgame.agents.private_type import PrivateType, TypedPlayer
from marketgame.mechanisms.arrays import FloatArray
from marketgame.registry import refuse_out_of_bounds

# What a behaviour chooses, and what of it there is to choose in a coalitional game, where side-contracts are unknown.
MOMENTS = ("report", "answer", "join", "quote", "order")
MOMENTS_WITHOUT_MARKET = frozenset({"report", "answer"})


@dataclass(frozen=True, eq=False)
class Order:
    """The message of stage two.

    Attributes:
        net_demands: row j is the net demand addressed to player j, ``(N, L)``, units; positive is bought.
        announced_endowment: the endowment shown to the market, ``(L,)``, units. The market accepts no more
            than the trader owns.
    """

    net_demands: FloatArray
    announced_endowment: FloatArray


@dataclass(frozen=True)
class Behaviour:
    """How a trader acts; without overriding anything, it reports its type, obeys, and colludes if that costs nothing.

    Behaviours are frozen: their fields are parameters, which files set and explain by the metadata that
    ``registry.parameter`` makes. What a trader knows in a round is in the knowledge it is handed, what it remembers of
    earlier ones is kept beside its behaviour (:mod:`marketgame.agents.behaviours.learning`), and chance comes from
    ``knowledge.stream(purpose)``.

    Attributes:
        name: what files call it.

    Raises:
        ValueError: a parameter is out of the bounds of its field.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        refuse_out_of_bounds(self, f"behaviour {getattr(self, 'name', type(self).__name__)!r}")

    @property
    def called(self) -> str:
        """What tables of stances call it: its name, and numbers, flags and words that are not its defaults.

        A behaviour without a name is none that files can name: learners plan it.
        """
        given = [
            f"{each.metadata.get('key', each.name)} = {value if isinstance(value, str) else f'{value:g}'}"
            for each in fields(self)
            if isinstance(value := getattr(self, each.name), int | float | str) and value != each.default
        ]
        return f"{self.name}({', '.join(given)})" if given else self.name

    @classmethod
    def suits_games(cls) -> bool:
        """Whether it does anything of its own without a market, where nobody quotes or orders, or nothing at all."""
        chosen = {moment for moment in MOMENTS if getattr(cls, moment) is not getattr(Behaviour, moment)}
        return not chosen or bool(chosen & MOMENTS_WITHOUT_MARKET)

    def check(self, players: Sequence[TypedPlayer]) -> None:
        """Refuse parameters that make no sense for the players who may behave like this.

        Raises:
            ValueError: naming the parameter, its value and what is allowed; a ``MisnamedError`` where the parameter
                names something of theirs, so that files can say where it stands.
        """

    def could_act(self, own: TypedPlayer, type_number: int) -> tuple[Behaviour, ...]:
        """Return the behaviours by which a type of a player may act in some round: this one, unless it learns."""
        return (self,)

    def report(self, knowledge: PrivateType) -> int:
        """Return the number of the type reported to the device."""
        return knowledge.type_number

    def answer(self, invited: Invited) -> int | None:
        """Return the type reported to a blocking mediator, or none to refuse its invitation."""
        return invited.type_number if invited.worthwhile(invited.type_number) else None

    def join(self, offered: OfferedSideContract) -> int | None:
        """Return what is reported to the side-device of a coalition, or none to refuse its side-contract."""
        return offered.truth if offered.worthwhile(offered.truth) else None

    def quote(self, knowledge: RecommendedKnowledge) -> FloatArray:
        """Return the prices quoted, ``(L,)``, numeraire per unit; the numeraire's own price, 1, is last."""
        return knowledge.recommendation.quotes

    def order(self, knowledge: MarketKnowledge) -> Order:
        """Return net demands and announced endowment."""
        return recommended_order(knowledge)


@dataclass(frozen=True)
class Obedient(Behaviour):
    """Reports its type, quotes and orders what it is told to; joins a blocking coalition that costs it nothing."""

    name: ClassVar[str] = "obedient"


def answered(behaviour: Behaviour, invited: Invited) -> tuple[int | None, float]:
    """Return what a behaviour answers, and the gain expected of it, or of the truth where it refuses."""
    report = behaviour.answer(invited)
    return report, float(invited.gains[invited.type_number if report is None else report])


def placed(behaviour: Behaviour, knowledge: MarketKnowledge) -> Order:
    """Return the order of a behaviour as it is placed: to those out of reach, what is recommended."""
    order = behaviour.order(knowledge)
    if knowledge.common.reach is None:
        return order
    return Order(knowledge.within_reach(order.net_demands), order.announced_endowment)


def recommended_order(knowledge: RecommendedKnowledge) -> Order:
    """Return the order the device recommends."""
    recommendation = knowledge.recommendation
    return Order(recommendation.orders, recommendation.announced_endowment)

"""The ``[[traders]]`` tables of a scenario file: who behaves how."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal, override

from pydantic import Field

from marketgame.agents.behaviours import (
    Arbitraging,
    Behaviour,
    BestResponding,
    Deceiving,
    Loyal,
    Mispricing,
    Misreporting,
    Noisy,
    Obedient,
    ReactiveArbitraging,
    ReactiveWithholding,
    ShortSelling,
    Withholding,
)
from marketgame.experiments.files.input_file import InputModel

type Name = Annotated[str, Field(min_length=1)]
type Nonnegative = Annotated[float, Field(ge=0)]


class TraderTable(InputModel):
    """Whom a behaviour is given to; without any of the three, to everybody.

    Where several tables name a trader, the last one counts.
    """

    players: list[Name] | None = Field(None, min_length=1, description="these players, by name")
    types: list[Name] | None = Field(None, min_length=1, description="whoever is of one of these types in a round")
    share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        None, description="this share of the players that no other table names, drawn once from the seed"
    )

    @abstractmethod
    def build(self) -> Behaviour:
        """Return the behaviour with its parameters."""


class ObedientTable(TraderTable):
    """Reports its type, quotes and orders what it is told to."""

    behaviour: Literal["obedient"] = Field(description="reports truthfully and obeys, like whoever is not named")

    @override
    def build(self) -> Behaviour:
        return Obedient()


class LoyalTable(TraderTable):
    """Obeys, and refuses every invitation of blocking mediators and coalition organisers."""

    behaviour: Literal["loyal"] = Field(description="obeys, and refuses every invitation to leave or to collude")

    @override
    def build(self) -> Behaviour:
        return Loyal()


class MisreportingTable(TraderTable):
    """Reports another type and then obeys."""

    behaviour: Literal["misreporting"] = Field(description="reports another type and then obeys")
    reports: dict[Name, Name] = Field(
        min_length=1, description="true type = reported type; a type left out is reported truthfully"
    )

    @override
    def build(self) -> Behaviour:
        return Misreporting(self.reports)


class WithholdingTable(TraderTable):
    """Announces only part of its endowment, and otherwise obeys."""

    behaviour: Literal["withholding"] = Field(description="announces only part of its endowment")
    fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        Withholding().fraction, description="the share of the endowment that is not announced"
    )

    @override
    def build(self) -> Behaviour:
        return Withholding(self.fraction)


class ShortSellingTable(TraderTable):
    """Sells one good short and takes all others."""

    behaviour: Literal["short-selling"] = Field(description="sells one good short and takes all others")
    size: Nonnegative = Field(
        ShortSelling().size, description="how much more than everything it orders, in aggregate endowments"
    )

    @override
    def build(self) -> Behaviour:
        return ShortSelling(self.size)


class ArbitragingTable(TraderTable):
    """Buys from who quotes low, sells to who quotes high, and strips everybody else."""

    behaviour: Literal["arbitraging"] = Field(
        description="buys from the lowest quote, sells to the highest, and takes everything else"
    )
    size: Nonnegative = Field(
        Arbitraging().size, description="how much more than needed it passes on, in aggregate endowments"
    )

    @override
    def build(self) -> Behaviour:
        return Arbitraging(self.size)


class MispricingTable(TraderTable):
    """Quotes a multiple of the recommended prices, and otherwise obeys."""

    behaviour: Literal["mispricing"] = Field(description="quotes a multiple of the recommended prices")
    factor: Nonnegative = Field(
        Mispricing().factor, description="what the prices of all goods but the numeraire are multiplied by"
    )

    @override
    def build(self) -> Behaviour:
        return Mispricing(self.factor)


class NoisyTable(TraderTable):
    """Quotes and orders what it is told to, with random errors."""

    behaviour: Literal["noisy"] = Field(description="quotes and orders with random errors")
    quote_scale: Nonnegative = Field(Noisy().quote_scale, description="relative size of the errors in quotes")
    order_scale: Nonnegative = Field(Noisy().order_scale, description="relative size of the errors in orders")

    @override
    def build(self) -> Behaviour:
        return Noisy(self.quote_scale, self.order_scale)


class BestRespondingTable(TraderTable):
    """Orders what it finds best against what it expects the others to do."""

    behaviour: Literal["best-responding"] = Field(description="orders the best reply it finds to what it expects")
    effort: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        BestResponding().effort, description="how many candidate orders it tries"
    )

    @override
    def build(self) -> Behaviour:
        return BestResponding(self.effort)


class DeceivingTable(TraderTable):
    """Is truthful to the established mediator, and tells the side-device of a coalition whatever pays it most."""

    behaviour: Literal["deceiving"] = Field(description="joins coalitions and lies to its partners where that pays")

    @override
    def build(self) -> Behaviour:
        return Deceiving()


class ReactiveWithholdingTable(TraderTable):
    """Announces next to nothing once somebody quotes other prices than the contract's, and otherwise obeys."""

    behaviour: Literal["withholding-after-misquotes"] = Field(
        description="announces next to nothing after a quote that is not the contract's"
    )
    announced: Annotated[float, Field(gt=0, le=1)] = Field(
        ReactiveWithholding().announced, description="the share of the endowment that it then announces"
    )

    @override
    def build(self) -> Behaviour:
        return ReactiveWithholding(self.announced)


class ReactiveArbitragingTable(TraderTable):
    """Obeys and, once somebody misquotes, buys every good where it is quoted low and sells it where it is high."""

    behaviour: Literal["arbitraging-after-misquotes"] = Field(
        description="obeys, and adds an arbitrage after a quote that is not the contract's"
    )
    size: Nonnegative = Field(
        ReactiveArbitraging().size, description="how much of each good it passes on, in aggregate endowments"
    )

    @override
    def build(self) -> Behaviour:
        return ReactiveArbitraging(self.size)


type TraderInput = Annotated[
    ObedientTable
    | MisreportingTable
    | WithholdingTable
    | ShortSellingTable
    | ArbitragingTable
    | MispricingTable
    | NoisyTable
    | BestRespondingTable
    | LoyalTable
    | DeceivingTable
    | ReactiveWithholdingTable
    | ReactiveArbitragingTable,
    Field(discriminator="behaviour"),
]

type GameTraderInput = Annotated[
    ObedientTable | LoyalTable | MisreportingTable | BestRespondingTable, Field(discriminator="behaviour")
]

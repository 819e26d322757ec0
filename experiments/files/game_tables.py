"""The tables of a ``kind = "coalitional-game"`` file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from marketgame.experiments.files.input_file import InputModel

type Name = Annotated[str, Field(min_length=1)]
type Probability = Annotated[float, Field(gt=0, le=1)]
type Nonnegative = Annotated[float, Field(ge=0)]

TYPES_OF_A_RULE = "at which types the entry holds, by player; for whoever is not named, at every type"


class PayoffInput(InputModel):
    """What an action gives the coalition's members at some type profiles."""

    types: dict[Name, Name] = Field({}, description=TYPES_OF_A_RULE)
    utility: dict[Name, float] = Field(description="of every member, by name, in units of money")


class ActionInput(InputModel):
    """Something that a coalition can do together."""

    coalition: list[Name] = Field(min_length=1, description="the members' names")
    name: Name = Field(description="different from the coalition's other actions")
    payoffs: list[PayoffInput] = Field(min_length=1, description="what it gives; one entry for every type profile")


class RuleInput(InputModel):
    """What the established mechanism does at some type profiles."""

    types: dict[Name, Name] = Field({}, description=TYPES_OF_A_RULE)
    action: dict[Name, Annotated[float, Field(ge=0, le=1)]] = Field(
        min_length=1, description="probabilities of the grand coalition's actions, by name; they sum to 1"
    )
    payment: dict[Name, float] = Field({}, description="money paid to each player, by name; 0 for the others")
    severance: dict[Name, Nonnegative] = Field(
        {}, description="owed to a player who leaves with a blocking coalition, by name; 0 for the others"
    )


class MechanismInput(InputModel):
    """An established mechanism."""

    rules: list[RuleInput] = Field(min_length=1, description="what it does; one entry for every type profile")


class StakeInput(InputModel):
    """What players lose by joining a blocking coalition at some type profiles."""

    types: dict[Name, Name] = Field({}, description=TYPES_OF_A_RULE)
    stake: dict[Name, float] = Field(description="of every player, by name, in units of money")


class AllocationInput(InputModel):
    """Stakes given directly, without a mechanism."""

    rules: list[StakeInput] = Field(min_length=1, description="the stakes; one entry for every type profile")


class GameInput(InputModel):
    """A coalitional game with independent types, finitely many joint actions and payments in money."""

    kind: Literal["coalitional-game"] = Field(description="what the file holds")
    name: Name = Field(description="for titles and tables")
    source: str = Field("", description="where the game comes from: a citation, or who made it up")
    players: list[Name] = Field(min_length=1, description="their names")
    types: dict[Name, dict[Name, Probability]] = Field(
        description="for every player the probability of each type, by name; they sum to 1"
    )
    superadditive: bool = Field(
        False, description="whether a coalition can also do every combination of what the parts of it can do"
    )
    actions: list[ActionInput] = Field(
        min_length=1, description="one table [[actions]] for each; every coalition needs one"
    )
    mechanism: MechanismInput | None = Field(None, description="an established mechanism; not with allocation")
    allocation: AllocationInput | None = Field(None, description="stakes instead of a mechanism")
    weights: dict[Name, dict[Name, Nonnegative]] = Field(
        {}, description="welfare weights of types, by player and type; a type's probability without them"
    )

"""What is known from where an economy or a game was published: answers of commands that anybody can check.

An entry of ``[[published]]`` names a command with its options, where in the command's JSON answer the value stands, the
value as it was published or follows from a closed form, and what it means in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WrapValidator
from pydantic_core import PydanticCustomError, ValidationError

from marketgame.experiments.files.input_file import InputModel, one_of

# Two numbers that are equal but for the rounding of their computation.
USUAL_SHARE = 1e-9
# One step of a path: the name of a key, in quotes where it has dots, or the place in a list.
STEP = re.compile(r'\.?(?:"([^"]+)"|([^".\[\]]+))|\[(\d+)\]')
WHOLE_PATH = re.compile(rf"(?:{STEP.pattern})+")

type Known = bool | float | str
type Path = tuple[str | int, ...]


def steps(path: str) -> Path:
    """Return the keys and places that a path goes through.

    >>> steps('profiles[0].price."spring water"')
    ('profiles', 0, 'price', 'spring water')
    """
    return tuple(int(place) if place else quoted or key for quoted, key, place in STEP.findall(path))


def at(document: Any, path: str) -> Any:
    """Return what stands at a path in a JSON document.

    Raises:
        ValueError: nothing does; says where the path ends.
    """
    for step in steps(path):
        match document:
            case dict() if isinstance(step, str):
                if step not in document:
                    raise ValueError(f"{path}: there is no {step!r}; {one_of(step, list(document))}")
            case list() if isinstance(step, int):
                if step >= len(document):
                    raise ValueError(f"{path}: there is no entry {step}; there are {len(document)}")
            case _:
                raise ValueError(f"{path}: nothing is below {step!r}")
        document = document[step]
    return document


def _path(text: str) -> str:
    if not WHOLE_PATH.fullmatch(text):
        raise PydanticCustomError("path", 'be a path into the answer, as in profiles[0].price.wheat or interim."0.5"')
    return text


def _known(value: object, validate: Callable[[object], Known]) -> Known:
    try:
        return validate(value)
    except ValidationError:
        raise PydanticCustomError("known", "be true, false, a finite number or text") from None


class PublishedInput(InputModel):
    """Something that is known, and how to check it."""

    command: Literal["solve", "block", "core", "certify", "stress"] = Field(description="which command answers it")
    options: list[Annotated[str, Field(min_length=1)]] = Field([], description="options, one word each")
    key: Annotated[str, AfterValidator(_path)] = Field(
        description="where the value stands in the command's answer with --json: keys and places, as in "
        "profiles[0].price.wheat; a key with a dot in quotes"
    )
    value: Annotated[Known, WrapValidator(_known)] = Field(
        description="what it is: from the literature, or a closed form that a comment derives; never our own output"
    )
    within: Annotated[float, Field(ge=0)] = Field(
        USUAL_SHARE,
        description="by which share of the value a number may differ; where the value is 0, by how much",
    )
    statement: Annotated[str, Field(min_length=1)] = Field(description="what it says, in words")

    def holds(self, answer: Any) -> bool:
        """Say whether what a command answers is what is known."""
        value = self.value
        if isinstance(value, bool | str) or isinstance(answer, bool) or not isinstance(answer, int | float):
            return type(answer) is type(value) and answer == value
        return abs(answer - value) <= self.within * (abs(value) or 1)


PUBLISHED: Any = Field([], description="what is known of it; `marketgame examples --check` recomputes it")

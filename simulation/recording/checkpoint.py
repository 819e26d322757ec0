"""What a run that is continued must know: how many rounds were played, what is drawn next, and what all remember.

A checkpoint is a file of NumPy arrays, read without running any code. The states of random generators stand in it as
JSON. Whatever else a model keeps is worked out again, the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile

import numpy as np

from marketgame.agents.behaviours.learning import packed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from marketgame.agents.framework import RoundModel

CHECKPOINT: Final = "checkpoint.npz"
_DRAWN: Final = "drawn"
_ROUNDS: Final = "rounds"


@dataclass(frozen=True, eq=False)
class State:
    """A model between two rounds.

    Attributes:
        rounds: how many have been played.
        drawn: the state of each generator, by name.
        remembered: what anybody remembers, by name.
    """

    rounds: int
    drawn: Mapping[str, Mapping[str, Any]]
    remembered: Mapping[str, object]


def state_of(model: RoundModel) -> State:
    """Return the state of a model after a round."""
    drawn = {name: generator.bit_generator.state for name, generator in model.generators.items()}
    return State(int(model.steps), drawn, dict(model.remembered()))


def write_checkpoint(folder: Path, state: State) -> None:
    """Write a state to a folder.

    Raises:
        OSError: it cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, memory in state.remembered.items():
        parts = memory if isinstance(memory, Mapping) else packed(memory)
        arrays |= {f"{name}/{part}": array for part, array in parts.items()}
    drawn = np.frombuffer(json.dumps(state.drawn).encode(), np.uint8)
    np.savez(folder / CHECKPOINT, allow_pickle=False, **{_ROUNDS: np.array(state.rounds), _DRAWN: drawn}, **arrays)


def rounds_in(folder: Path) -> int:
    """Return how many rounds the run in a folder has played.

    Raises:
        ValueError: there is no checkpoint in it, or none of ours.
    """
    with _opened(folder) as arrays:
        return int(arrays[_ROUNDS])


def restore(model: RoundModel, folder: Path) -> int:
    """Put a model that has played nothing in the state that a folder keeps; return how many rounds have been played.

    Raises:
        ValueError: there is no checkpoint in it, or none of this model.
    """
    with _opened(folder) as arrays:
        rounds, drawn = int(arrays[_ROUNDS]), json.loads(arrays[_DRAWN].tobytes())
        remembered: dict[str, dict[str, NDArray[Any]]] = {}
        for key in arrays.files:
            name, separator, part = key.partition("/")
            if separator:
                remembered.setdefault(name, {})[part] = arrays[key]
    if rounds:
        generators = model.generators
        if generators.keys() != drawn.keys():
            raise ValueError(f"{folder / CHECKPOINT} is not of this scenario: others draw in it")
        for name, generator in generators.items():
            generator.bit_generator.state = drawn[name]
        model.recall(remembered)
        model.steps = rounds
    return rounds


def _opened(folder: Path) -> np.lib.npyio.NpzFile:
    try:
        opened: np.lib.npyio.NpzFile = np.load(folder / CHECKPOINT, allow_pickle=False)
    except (OSError, BadZipFile) as error:
        raise ValueError(f"{folder} keeps no checkpoint to go on from: {error}") from None
    return opened

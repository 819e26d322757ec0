"""Everything this program asks of Mesa; no other module imports it.

Mesa 4 removes ``seed=``, ``batch_run``, the data collector and ``mesa.space``, and makes ``step`` an ordinary
event of a clock. None of these is used: models are seeded by ``rng``, every draw comes from the program's own
named streams, and recording is ours. What would change with version 4 is below.

Of Mesa's package only agents and models are loaded. Its spaces and its data collector need NetworkX, SciPy's
spatial index and pandas, which take ten times as long; they are loaded when somebody asks the package for them.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from math import nan
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, override

if TYPE_CHECKING:
    import mesa
    import numpy as np
    from numpy.typing import NDArray


class _Later(ModuleType):
    """Stands for a module in the modules that import it while it is not needed."""

    @override
    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            # Who looks through all modules, as Mesa's log does, is told that there is nothing.
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


@contextmanager
def _standing_in(name: str) -> Iterator[None]:
    """Let what is imported meanwhile hold a stand-in of a module unless the module has been loaded."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = _Later(name)
    try:
        yield
    finally:
        del sys.modules[name]


def _opened(name: str) -> ModuleType:
    """Return a package whose modules can be imported; its own code runs on the first use of a name it lacks."""
    if name in sys.modules:
        return sys.modules[name]
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        return import_module(name)
    package, loader = module_from_spec(spec), spec.loader

    def filled(wanted: str) -> object:
        if "__getattr__" in vars(package):
            del vars(package)["__getattr__"]
            loader.exec_module(package)
        return getattr(package, wanted)

    vars(package)["__getattr__"] = filled
    sys.modules[name] = package
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, package)
    return package


def _callers() -> list[tuple[FrameType | None]]:
    """Return who called, and who called that."""
    here = inspect.currentframe()
    caller = None if here is None else here.f_back
    return [(caller,), (None if caller is None else caller.f_back,)]


def _module_of(frame: FrameType, *_: object) -> ModuleType | None:
    """Return the module in which a frame runs; what is typed at a prompt may be in none."""
    return sys.modules.get(frame.f_globals.get("__name__", ""))


@contextmanager
def _callers_found_quickly() -> Iterator[None]:
    """Let Mesa's log find out meanwhile which module calls it without reading all source code."""
    slow = {"stack": inspect.stack, "getmodule": inspect.getmodule}
    vars(inspect).update(stack=_callers, getmodule=_module_of)
    try:
        yield
    finally:
        vars(inspect).update(slow)


def _mesa() -> ModuleType:
    """Return Mesa with its agents and models."""
    package = _opened("mesa")
    _opened("mesa.experimental")
    with _standing_in("pandas"), _callers_found_quickly():
        for name, home in (("Agent", "mesa.agent"), ("Model", "mesa.model")):
            setattr(package, name, getattr(import_module(home), name))
    return package


if not TYPE_CHECKING:
    mesa = _mesa()


class RoundAgent(mesa.Agent):  # type: ignore[misc]  # Mesa ships no type information.
    """An agent that registers with the model; it draws nothing from the model's own generators."""


class RoundModel(mesa.Model):  # type: ignore[misc]  # Mesa ships no type information.
    """A model that counts rounds; a subclass plays one round in ``step``.

    Attributes:
        steps: rounds played so far; during a round, the number of the round counted from one.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(rng=seed)

    def announce_searches(self, announce: Callable[[str], None]) -> None:
        """Have it announced in words when a search begins that takes a while; as a rule there is none."""

    @property
    def generators(self) -> Mapping[str, np.random.Generator]:
        """Everything that is drawn from in one round after the other, by name."""
        return {}

    def remembered(self) -> Mapping[str, object]:
        """Return by name what anybody remembers after a round: memories, or arrays by name, which nobody changes."""
        return {}

    def recall(self, remembered: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
        """Let everybody remember what was remembered after a round, packed as arrays."""

    def realised(self, measure: str, player: int) -> float:
        """Return what is measured of a player in the round played last; nan where nothing is."""
        return nan

    @property
    def round_number(self) -> int:
        """The round being played, counted from zero; valid inside ``step``."""
        return int(self.steps) - 1

"""Plays the experiments and writes what the documentation shows of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from marketgame.experiments import ExitCode
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.studies.learning import (
    cascades,
    estimated_stakes,
    lying,
    network_collusion,
    replication,
    revelation,
    short_sale,
    timing,
)
from marketgame.experiments.studies.learning.experiment import Experiment, played

EXPERIMENTS: Mapping[str, Experiment] = {
    each.EXPERIMENT.name: each.EXPERIMENT
    for each in (
        *(short_sale, lying, timing, cascades),
        *(estimated_stakes, network_collusion, revelation, replication),
    )
}


def main(arguments: Sequence[str]) -> int:
    """Play the named experiments, or all, publish them in a folder, and return the exit code."""
    folder, *names = arguments or ["docs"]
    for name in names:
        if name not in EXPERIMENTS:
            return _refused(f"there is no experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    for name in names or EXPERIMENTS:
        try:
            EXPERIMENTS[name].publish(Path(folder), played)
        except InputError as error:
            return _refused(*error.problems)
    return ExitCode.DONE


def _refused(*problems: str) -> ExitCode:
    sys.stderr.writelines(f"error: {problem}\n" for problem in problems)
    return ExitCode.BAD_INPUT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

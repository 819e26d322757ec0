"""The command ``marketgame``: its front page, and the way to its commands.

Each command is a module of :mod:`experiments.commands`, imported when it is asked for. The front page needs
nothing but this module, so that ``marketgame --help`` answers as fast as Python starts.
"""

from __future__ import annotations

import sys
from importlib import import_module

# Every command with its line on the front page, in the order shown.
COMMANDS = {
    "run": "Play a scenario; write its tables and figures to a run folder.",
    "sweep": "Run a scenario at many points and seeds; go on where an earlier command stopped.",
    "solve": "Compute what an economy or a game could achieve, and what incentives allow.",
    "block": "Find the most profitable blocking plan against a game's mechanism, or prove there is none.",
    "core": "Find a mechanism that no blocking mediator can break, or prove there is none.",
    "certify": "Find out whether a contract stands up to lies, to single players, and to coalitions.",
    "replay": "Play a stored deviation or blocking plan again, and recompute every number in it.",
    "show": "Draw the figures of a saved run.",
    "validate": "Check input files.",
    "explain": "Document every field of an input file, or every column of the result tables.",
}
FRONT_PAGE = """\
Usage: marketgame COMMAND [ARGUMENTS]...

A laboratory for trading institutions under private information and collusion.

Commands:
{commands}

Options:
  --version  Print the version.
  --help     Print this page; after a command, what the command takes.

Exit codes: 0 done, 1 a check answers no, 2 bad input, 3 a solver failed, 130 interrupted.
"""
BAD_INPUT = 2
INTERRUPTED = 130


def main() -> None:
    """Run the command line of this process.

    Raises:
        SystemExit: always; its code says how it went.
    """
    match sys.argv[1:]:
        case [] | ["--help"] | ["-h"]:
            sys.stdout.write(front_page())
        case ["--version"]:
            sys.stdout.write(f"marketgame {import_module('importlib.metadata').version('marketgame')}\n")
        case [name, *_] if name not in COMMANDS:
            sys.stderr.write(f"error: there is no command {name!r}; commands are {', '.join(COMMANDS)}\n")
            sys.exit(BAD_INPUT)
        case [name, *arguments]:
            try:
                command = import_module(f"experiments.commands.{name}").command
                import_module("experiments.invocation").invoke(command, f"marketgame {name}", arguments)
            except KeyboardInterrupt:
                sys.exit(INTERRUPTED)
    sys.exit(0)


def front_page() -> str:
    """Return what ``marketgame --help`` prints."""
    width = max(map(len, COMMANDS))
    lines = (f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items())
    return FRONT_PAGE.format(commands="\n".join(lines))

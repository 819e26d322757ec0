"""Experiments: input files, the command line, and the economies and scenarios that come with marketgame.

| what | where |
|---|---|
| how answers look, exit codes | `printing` |
| what may be written down, how it is read and explained | `files` |
| certificates as JSON, and replay | `certificate_files` |
| what `solve` answers | `efficiency` |
| what `certify` answers | `collusion` |
| what `block` and `core` answer | `blocking` |
| what `run` and `show` do | `play` |
| what `sweep` does; sweeps from Python | `sweep` |
| the published tables and pictures | `studies` |
| the command `marketgame`, one module a command | `commands` |

Nothing is imported here, so that asking for one command loads only what that command needs.
"""

from pathlib import Path

# Where the economies, games, scenarios, sweeps and data that come with marketgame are.
HOME = Path(__file__).parent

"""The command ``marketgame``, as ``python -m marketgame``."""

from marketgame.experiments.commands.command_line import main

if __name__ == "__main__":
    main()

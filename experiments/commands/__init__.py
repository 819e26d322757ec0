"""The commands of ``marketgame``, one module each with a function ``command`` that Typer calls.

Answers go to standard output, everything else to standard error; with ``--json`` the answer is one document.
"""

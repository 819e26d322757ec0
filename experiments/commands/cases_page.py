"""The page about published examples, docs/cases.md, made from the files themselves: name, source, what is known.

``python -m marketgame.experiments.commands.cases_page docs`` writes it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from marketgame.experiments.commands.published import published_examples

PAGE = "cases.md"
HEAD = """\
# Published examples

Every file below is an ordinary economy, game or contract whose answers are known: from the literature, or from a closed
form that a comment of the file derives. `example:NAME` names it wherever a file is asked for, and
`marketgame examples NAME` copies it.

```sh
marketgame examples --published
marketgame examples matsuo-1989-impossible --check
```

The first lists what is known. The second recomputes it, of one example or, without a name, of all (in all {statements}
statements, in a few seconds), and exits with 1 if anything does not hold. What is known stands in tables
`[[published]]` of a file: a command, where in its answer with `--json` the value is, and the value. Files of your own
may have them, too (`marketgame explain market-economy published`).

Many of these results are about a continuum of types. Files have finitely many: a type then pretends to be its
neighbours only, and the virtual values that decide what incentives allow are sums in place of integrals. The numbers
are those of the finite case, derived in the file.

| example | source | what is known |
|---|---|---|
"""


def cases_page() -> str:
    """Return the page, in Markdown."""
    found = sorted(published_examples(), key=lambda each: each.example.name)
    rows = [
        f"| `{each.example.name}` | {each.source} | {'; '.join(known.statement for known in each.known)} |\n"
        for each in found
    ]
    return HEAD.format(statements=sum(len(each.known) for each in found)) + "".join(rows)


def main() -> None:
    """Write the page into the folder that is named."""
    (folder,) = sys.argv[1:]
    Path(folder, PAGE).write_text(cases_page(), encoding="utf-8")


if __name__ == "__main__":
    main()

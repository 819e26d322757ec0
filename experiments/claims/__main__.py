"""Examines every claim on many economies, keeps what was found in docs/tables/claims.csv, and writes docs/claims.md.

Called ``python -m marketgame.experiments.claims docs``; with ``--page-only`` it writes the page from what is kept. What
contradicts the ledger is said, and the exit code is then 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from marketgame.experiments.claims.claim import SEED, Check, Effort, Finding
from marketgame.experiments.claims.ledger import LEDGER, chosen
from marketgame.experiments.claims.page import PAGE, TABLE, Kept, page, read_table, write_table

ECONOMIES = 1000


def main() -> int:
    """Examine the claims that are asked for, all without words, and write table and page; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="docs")
    parser.add_argument("numbers", nargs="*", help="claims to examine; all without any")
    parser.add_argument("--economies", type=int, default=ECONOMIES)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--page-only", action="store_true")
    asked = parser.parse_args()
    kept = read_table(asked.folder / TABLE)
    # Several claims rest on the same evidence.
    found: dict[Check, Finding] = {}
    wrong = False
    for each in () if asked.page_only else chosen(asked.numbers):
        effort = Effort(asked.economies, asked.seed)
        finding = found[each.check] = found[each.check] if each.check in found else each.check(effort)
        kept[each.key] = Kept(effort, finding)
        wrong |= not finding.agrees
        sys.stdout.write(f"{each.key}: {'' if finding.agrees else 'CONTRADICTS THE LEDGER: '}{finding.found}\n")
        sys.stdout.flush()
        # Whoever stops it keeps what was found.
        _keep(asked.folder, kept)
    kept = _keep(asked.folder, kept)
    (asked.folder / PAGE).write_text(page(LEDGER, kept, asked.folder), encoding="utf-8")
    return int(wrong)


def _keep(folder: Path, kept: Mapping[str, Kept]) -> dict[str, Kept]:
    """Write what was found about claims that there are, in their order, and return it."""
    known = {each.key: kept[each.key] for each in LEDGER if each.key in kept}
    write_table(folder / TABLE, known)
    return known


if __name__ == "__main__":
    sys.exit(main())

"""The page docs/claims.md, and the table docs/tables/claims.csv of what examining the claims brought."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from marketgame.experiments.claims.claim import Claim, Effort, Finding, Paper, slug
from marketgame.experiments.claims.frequency import Frequency
from marketgame.experiments.claims.printing import summary

PAGE, TABLE = "claims.md", "tables/claims.csv"
COLUMNS = ("claim", "agrees", "economies", "seed", "found", "what", "count", "among", "low", "high")
INTRODUCTION = """\
# What the papers claim, and what became of it

<!-- Written by `python -m marketgame.experiments.claims docs`; changes belong into experiments/claims. -->

Every numbered statement of the two papers is a hypothesis here, and so are the steps of proofs and the remarks that say
something is true. Each was read as printed and attacked; what is left is below. `marketgame claims` prints this ledger,
`marketgame claims gr-lemma-1` all about one, and `marketgame claims --check` finds the evidence anew, on economies
drawn from any seed: its exit code is 1 if anything contradicts the ledger. "Holds" stands on a proof, "refuted" on a
case that anybody can replay; what only a search says is called open, or said to be a frequency, with its exact 95%
interval (Clopper and Pearson). A verdict is about what is printed, under the paper's rules and assumptions, unless it
says otherwise. Verdicts are:

| verdict | meaning |
|---|---|
| holds | true as printed |
| holds repaired | not true, or without meaning, as printed; true with the repair beside it, which concludes the same |
| refuted | not true as printed, and no repair that we know saves what is concluded |
| vacuous | says nothing as printed, or nothing beyond what it assumes |
| open | neither proved nor refuted |

What was drawn, how often what holds, and from which seeds is in [tables/claims.csv](tables/claims.csv).
How we read the papers where they are silent is in [reading-the-papers.md](reading-the-papers.md).
"""


@dataclass(frozen=True)
class Kept:
    """What examining a claim brought, and by how much effort.

    Attributes:
        effort: how many economies were drawn, from which seed.
        finding: what came out.
    """

    effort: Effort
    finding: Finding


def write_table(file: Path, kept: Mapping[str, Kept]) -> None:
    """Write what examining claims brought: a row for each frequency, and one for a claim without any."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for key, one in kept.items():
            first = [key, one.finding.agrees, one.effort.economies, one.effort.seed, one.finding.found]
            for each in one.finding.frequencies:
                ends = (f"{end:.6f}" for end in each.interval)
                writer.writerow([*first, each.what, each.count, each.among, *ends])
            if not one.finding.frequencies:
                writer.writerow([*first, "", "", "", "", ""])


def read_table(file: Path) -> dict[str, Kept]:
    """Return what was kept by claim; nothing if there is no such table."""
    if not file.exists():
        return {}
    found: dict[str, Kept] = {}
    with file.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            before = found[row["claim"]].finding.frequencies if row["claim"] in found else ()
            told = (Frequency(row["what"], int(row["count"]), int(row["among"])),) if row["what"] else ()
            finding = Finding(row["agrees"] == "True", row["found"], (*before, *told))
            found[row["claim"]] = Kept(Effort(int(row["economies"]), int(row["seed"])), finding)
    return found


def page(claims: Sequence[Claim], kept: Mapping[str, Kept], pages: Path) -> str:
    """Return the page of all claims; ``pages`` holds the other pages, which are linked where they prove something."""
    parts = [INTRODUCTION]
    for paper in Paper:
        those = [each for each in claims if each.paper is paper]
        if those:
            parts += [f"## {paper.full_title}\n", f"{summary(those)}.\n", _overview(those)]
            parts += [_details(each, kept.get(each.key), pages) for each in those]
    return "\n".join(parts)


def _overview(claims: Iterable[Claim]) -> str:
    lines = ["| claim | what it says | verdict | how |", "|---|---|---|---|"]
    for each in claims:
        cells = (f"[{each.name}](#{slug(_heading(each))})", each.title, each.verdict.value, ", ".join(each.how))
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines) + "\n"


def _heading(claim: Claim) -> str:
    return f"{claim.paper.short} {claim.name}"


def _details(claim: Claim, kept: Kept | None, pages: Path) -> str:
    lines = [
        f"### {plain_heading(_heading(claim))}\n",
        f"*{claim.title}* ({claim.where}; `marketgame claims {claim.key}`)\n",
        f"**Says.** {claim.statement}\n",
        f"**Verdict: {claim.verdict.value}** ({', '.join(claim.how)}). {claim.reason}\n",
        f"**Tested.** {claim.tested}\n",
    ]
    if claim.counterexample is not None:
        shown = f"marketgame {' '.join(claim.counterexample.command)}"
        lines += [f"**Smallest counterexample.** {claim.counterexample.says}\n", f"```sh\n{shown}\n```\n"]
    if claim.repair is not None:
        lines.append(f"**What is true instead.** {claim.repair.statement}{_proof(claim, pages)}\n")
    if kept is not None:
        drawn = f" ({kept.effort.economies:,} economies, seed {kept.effort.seed})" if kept.finding.frequencies else ""
        lines.append(f"**Found**{drawn}. {kept.finding.found}\n")
        if kept.finding.frequencies:
            lines.append("\n".join(f"* {each}" for each in kept.finding.frequencies) + "\n")
    lines.append(f"**Tests.** {'; '.join(map(_test, claim.tests))}.\n")
    return "\n".join(lines)


def _test(name: str) -> str:
    file, _, test = name.partition("::")
    return f"`{test}` in `{file}`" if test else f"all of `{file}`"


def plain_heading(heading: str) -> str:
    """Return a heading whose anchor is its slug wherever the page is shown: parentheses and colons become dashes there.

    >>> plain_heading("GR Definition 6(b)")
    'GR Definition 6 b'
    """
    return re.sub(r"[^\w-]+", " ", heading).strip()


def _proof(claim: Claim, pages: Path) -> str:
    repair = claim.repair
    if repair is None or not repair.page:
        return ""
    return f" Proof: [{repair.label}]({repair.page}{anchor(pages / repair.page, repair.label)})."


def anchor(file: Path, label: str) -> str:
    """Return the anchor of the section of a page in which something stands in bold.

    Raises:
        ValueError: it stands nowhere in bold.
    """
    text = file.read_text(encoding="utf-8")
    place = text.find(f"**{label}")
    if place < 0:
        raise ValueError(f"{file.name} has no {label} in bold")
    headings = re.findall(r"^#{2,} (.+)$", text[:place], re.MULTILINE)
    # As GitHub makes anchors: lower case, punctuation dropped, a dash for each space.
    return "#" + re.sub(r"[^\w\- ]", "", headings[-1].lower()).replace(" ", "-") if headings else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

"""Made-up attempts at side-contracts, written into the folder of a made-up run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from marketgame import results
from marketgame.results.loading import Run

ACCEPTED, NOT_ASKED = "accepted", "not-asked"
AGREED = (ACCEPTED, "broken")
KEYS = ("organiser", "coalition", "player", "type", "answer", "fate")
COLUMNS = {
    **dict.fromkeys(("run", "round"), pa.int64()),
    **dict.fromkeys(KEYS, pa.dictionary(pa.int32(), pa.string())),
    **dict.fromkeys(("truthful", "broke"), pa.bool_()),
    **dict.fromkeys(("status_quo", "expected_gain", "realised_gain", "side_transfer"), pa.float64()),
}


@dataclass(frozen=True)
class Attempt:
    """One organiser's attempt at one coalition in one round.

    Attributes:
        round: which.
        members: of the coalition.
        fate: as the table writes it.
        refusal: the answer of the member who refused, if the fate is refused.
        refuser: its place in the coalition.
        expected: gains that members expected, where they were asked.
        realised: gains that members realised, where they colluded.
        breakers: who broke the agreement.
        liars: who lied to the side-device.
        organiser: who tried.
    """

    round: int
    members: Sequence[str]
    fate: str = ACCEPTED
    refusal: str = "would-lose"
    refuser: int = 0
    expected: Mapping[str, float] = field(default_factory=dict)
    realised: Mapping[str, float] = field(default_factory=dict)
    breakers: Sequence[str] = ()
    liars: Sequence[str] = ()
    organiser: str = "broker"


def rows_of(attempt: Attempt) -> list[dict[str, object]]:
    """Return the rows of an attempt, one for each member."""
    found = attempt.fate not in ("none-found", "too-late")
    rows: list[dict[str, object]] = []
    for place, member in enumerate(attempt.members):
        refused = attempt.fate == "refused" and place == attempt.refuser
        asked = found and (attempt.fate != "refused" or place <= attempt.refuser)
        answer = NOT_ASKED if not asked else attempt.refusal if refused else ACCEPTED
        rows.append(
            {"run": 0, "round": attempt.round, "organiser": attempt.organiser, "player": member, "type": "only"}
            | {"coalition": " + ".join(attempt.members), "answer": answer, "fate": attempt.fate}
            | {"truthful": member not in attempt.liars if asked and not refused else None}
            | {"status_quo": 10.0 if asked else None}
            | {"expected_gain": attempt.expected.get(member, 1.0) if asked else None}
            | {"realised_gain": attempt.realised.get(member, 1.0) if attempt.fate in AGREED else None}
            | {"side_transfer": 0.0, "broke": member in attempt.breakers}
        )
    return rows


def with_side_contracts(run: Run, attempts: Iterable[Attempt]) -> Run:
    """Write attempts into the folder of a run, and load it."""
    rows = [row for attempt in attempts for row in rows_of(attempt)]
    fields = [
        pa.field(name, kind, metadata={"unit": "numeraire" if kind == pa.float64() else "", "meaning": "?"})
        for name, kind in COLUMNS.items()
    ]
    arrays = [pa.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()]
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    pq.write_table(table, run.folder / "side_contracts.parquet")
    return results.load(run.folder)

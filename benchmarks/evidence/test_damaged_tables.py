"""Folders of runs whose tables hold nonsense: reports and moving pictures of them are made or refused in one line.

A folder that says which bytes were written is refused for any other byte; one that does not, as folders of other
programs do not, is read as far as it goes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marketgame.experiments.play.running import run
from marketgame.results.figures import animation
from marketgame.results.manifests import MANIFEST, manifest_text
from marketgame.results.report import pictures
from tests.experiments.command_calls import Call
from tests.results.made_up_sweeps import write_sweep

pytest_plugins = ("tests.experiments.conftest",)

CASES = 200
RUNS = {
    "cartel": ("example:annex-b-cartel", 4),
    "learning": ("example:three-traders-learning", 6),
    "blocked": ("example:three-farmers-blocked", 4),
    "game": ("example:myerson-example-1-blocked", 4),
}
JUNK: tuple[Any, ...] = (None, "", "x\n\x1b[31m", -1, 1e308, [], {}, [[]], True, {"text": 1}, 10**30)

type Change = Callable[[pd.DataFrame, Random], pd.DataFrame]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of runs that do not say which bytes were written."""
    home = tmp_path_factory.mktemp("runs")
    for name, (scenario, rounds) in RUNS.items():
        run(scenario, rounds=rounds, figures="none", benchmark_seconds=0, out=home / name)
    shares: dict[str, list[object]] = {
        "share": [0.1, 0.5, 0.1, 0.5],
        "rules.pricing": ["void", "void", "spread", "spread"],
    }
    write_sweep(home / "sweep", shares, [1, 2, 3], np.arange(12.0).reshape(4, 3), np.eye(4, 3) > 0)
    sweep = json.loads((home / "sweep" / MANIFEST).read_text(encoding="utf-8"))
    counts = {"runs": 12, "done": 9, "failed": 3}
    sweep |= {"name": "made up", "status": "done", "runs": counts}
    (home / "sweep" / MANIFEST).write_text(manifest_text(sweep))
    for name in RUNS:
        path = home / name / MANIFEST
        known = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(manifest_text({key: value for key, value in known.items() if key != "files"}))
    return home


def one_column(change: Callable[[pd.Series, Random], Any]) -> Change:
    def changed(frame: pd.DataFrame, random: Random) -> pd.DataFrame:
        name = random.choice(list(frame.columns))
        return frame.assign(**{name: change(frame[name].astype(object), random)})

    return changed


def one_cell(value: Any) -> Change:
    def change(column: pd.Series, random: Random) -> pd.Series:
        changed = column.copy()
        if len(changed):
            changed.iloc[random.randrange(len(changed))] = value
        return changed

    return one_column(change)


CHANGES: dict[str, Change] = {
    "no rows": lambda frame, _: frame.iloc[:0],
    "a row less": lambda frame, random: frame.drop(index=random.choice(list(frame.index)) if len(frame) else []),
    "rows twice": lambda frame, _: pd.concat([frame, frame]),
    "in another order": lambda frame, random: frame.sample(frac=1, random_state=random.randrange(1000)),
    "a column less": lambda frame, random: frame.drop(columns=random.choice(list(frame.columns))),
    "a column of nothing": one_column(lambda column, _: [None] * len(column)),
    "a column of words": one_column(lambda column, _: [f"word {place}" for place in range(len(column))]),
    "a column of numbers": one_column(lambda column, _: np.arange(len(column), dtype=float) - 1),
    "no number": one_cell(float("nan")),
    "infinite": one_cell(float("inf")),
    "huge": one_cell(1e308),
    "negative": one_cell(-7),
    "nobody": one_cell("</script>$\\frac{nobody}\n"),
}


def damaged(folder: Path, random: Random) -> str:
    """Damage a folder, and say how."""
    if random.random() < 0.25:
        path = folder / MANIFEST
        manifest = json.loads(path.read_text(encoding="utf-8"))
        inner: Any = manifest
        while True:
            key = random.choice(list(inner) if isinstance(inner, dict) else list(range(len(inner))))
            if not isinstance(inner[key], dict | list) or not inner[key] or random.random() < 0.5:
                break
            inner = inner[key]
        value = inner[key] = random.choice(JUNK)
        path.write_text(manifest_text(manifest), encoding="utf-8")
        return f"{key} of the manifest is {value!r}"
    path = random.choice(sorted(folder.glob("*.parquet")))
    table = pq.read_table(path)
    how = random.choice(list(CHANGES))
    frame = CHANGES[how](table.to_pandas(), random)
    fields = []
    for name in frame.columns:
        array = pa.Array.from_pandas(frame[name]) if frame[name].dtype != object else mixed(frame[name])
        old = table.schema.field(name).metadata if name in table.column_names else None
        fields.append((pa.field(name, array.type, metadata=old), array))
    pq.write_table(pa.table([array for _, array in fields], pa.schema([field for field, _ in fields])), path)
    return f"{path.name}: {how}"


def mixed(column: pd.Series) -> pa.Array:
    try:
        return pa.array(column.tolist())
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in column])


@pytest.mark.parametrize("number", range(CASES))
def test_nonsense_in_a_folder_is_shown_or_refused_in_one_line(
    number: int, folders: Path, marketgame: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = Random(number)
    monkeypatch.setattr(animation, "_DOTS", 30)
    if number % 10:
        # Figures are left out with a warning if they cannot be drawn.
        monkeypatch.setattr(pictures, "standard_figures", lambda *_: {})
        monkeypatch.setattr(pictures, "sweep_figures", lambda *_: {})
    folder = tmp_path / "run"
    shutil.copytree(folders / random.choice([*RUNS, "sweep"]), folder)
    how = damaged(folder, random)
    for words in (
        ("report", folder, "--out", tmp_path / "page.html"),
        ("animate", folder, "--rounds", "0:1", "--out", tmp_path / "film.gif"),
    ):
        answer = marketgame(*words)
        said = f"{how}: {words[0]} ended with {answer.code}: {answer.err[-600:]}"
        assert answer.code in {0, 2}, said
        errors = [line for line in answer.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == (answer.code == 2), said
        assert "Traceback" not in answer.err, said
        if answer.code == 2:
            assert answer.out == "", said
            assert not (tmp_path / ("page.html" if words[0] == "report" else "film.gif")).exists(), said

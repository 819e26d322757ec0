"""Executes the notebooks of the documentation: ``python -m marketgame.experiments.studies.notebooks FOLDER [--check]``.

Each is run from its first cell in an empty folder, and written back with what its cells show, without anything that
differs from one machine or one day to the next: no paths, no times, no widgets. With ``--check`` nothing is written;
texts and tables must be what the notebooks show already. What executes them is among the tools of development.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

# Notebook format 4.5, the first whose cells have names.
FORMAT: Final = 4
# Of the metadata: a hash of the code that the outputs are of.
EXECUTED: Final = "executed"
SECONDS: Final = 600
WIDGET: Final = "application/vnd.jupyter.widget-view+json"
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{6,}")


def digest(cells: list[dict[str, Any]]) -> str:
    """Return a hash of the code of a notebook."""
    code = [as_text(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return hashlib.sha256(json.dumps(code).encode()).hexdigest()


def as_text(lines: str | list[str]) -> str:
    """Return text that the format keeps as one string or as lines."""
    return lines if isinstance(lines, str) else "".join(lines)


def executed(path: Path) -> dict[str, Any]:
    """Return a notebook with what its cells show.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raises an error.
    """
    import nbformat  # noqa: PLC0415 -- a tool of development
    from nbclient import NotebookClient  # noqa: PLC0415

    notebook: Any = nbformat.read(path, FORMAT)  # type: ignore[no-untyped-call]
    # Nothing that an earlier session left may be met.
    os.environ["MARKETGAME_CACHE"] = ""
    with tempfile.TemporaryDirectory() as home:
        client = NotebookClient(
            notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": home}}
        )
        client.execute()
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_passing(output)]
            for output in cell.outputs:
                output.pop("transient", None)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        EXECUTED: digest(notebook.cells),
    }
    found: dict[str, Any] = notebook
    return found


def _is_passing(output: dict[str, Any]) -> bool:
    """Whether an output shows how far something was, and nothing afterwards."""
    if output["output_type"] != "display_data":
        return output.get("name") == "stderr"
    # What a bar leaves behind in the end is empty.
    return WIDGET in output["data"] or not as_text(output["data"].get("text/plain", "")).strip()


def texts_of(cells: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what the cells of a notebook show, but for pictures."""
    for cell in cells:
        for output in cell.get("outputs", ()):
            shown = {"text/plain": output.get("text", ""), **output.get("data", {})}
            for kind in sorted(kind for kind in shown if kind.startswith("text/")):
                yield _ADDRESS.sub("", as_text(shown[kind]))


def execute_all(folder: Path, *, check: bool) -> list[str]:
    """Execute every notebook in a folder; return those that show something else than before, if it is checked."""
    import nbformat  # noqa: PLC0415

    differing = []
    for path in sorted(folder.glob("*.ipynb")):
        before = json.loads(path.read_text(encoding="utf-8"))
        after = executed(path)
        if not check:
            nbformat.write(after, path)  # type: ignore[no-untyped-call]
        elif list(texts_of(before["cells"])) != list(texts_of(after["cells"])):
            differing.append(path.name)
    return differing


if __name__ == "__main__":
    changed = execute_all(Path(sys.argv[1]), check="--check" in sys.argv[2:])
    if changed:
        sys.exit(f"what these show has changed; `make notebooks` writes them anew: {', '.join(changed)}")

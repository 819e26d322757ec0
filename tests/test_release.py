"""No version is made of a tree that is none: its numbers agree, it is committed, and it says what has changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import release

FILES = {
    "pyproject.toml": '[project]\nname = "marketgame"\nversion = "0.2.0"\n',
    "CITATION.cff": "cff-version: 1.2.0\nversion: 0.2.0\ndate-released: 2026-11-30\n",
    "CHANGELOG.md": "# Changelog\n\n## 0.2.0 (2026-11-30)\n\n- Much.\n\n## 0.1.0\n\nThe first.\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a repository that is ready."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path


def git(folder: Path, *words: str) -> str:
    author = ("-c", "user.name=anybody", "-c", "user.email=anybody@example.org")
    return subprocess.run(["git", *author, *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "--allow-empty", "--message", "a change")


def test_a_tree_that_is_ready_is_the_version_that_it_says(tree: Path) -> None:
    version = release.checked(tree)
    assert (version.tag, str(version.day)) == ("v0.2.0", "2026-11-30")


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("pyproject.toml", "0.2.0", "0.2.0.dev1", "three numbers"),
        ("pyproject.toml", "0.2.0", "0.3.0", "CITATION.cff: version is 0.2.0, in pyproject.toml it is 0.3.0"),
        ("CITATION.cff", "0.2.0", "0.1.0", "CITATION.cff: version is 0.1.0"),
        ("CITATION.cff", "2026-11-30", "2026-11-29", "date-released is 2026-11-29, in CHANGELOG.md it is 2026-11-30"),
        ("CHANGELOG.md", "## 0.2.0 (2026-11-30)", "## Unreleased", "there is no section '## 0.2.0"),
        ("CHANGELOG.md", "## 0.2.0 (2026-11-30)", "## 0.2.0", "there is no section '## 0.2.0"),
        ("CHANGELOG.md", "- Much.", "", "the section 0.2.0 says nothing"),
        ("CHANGELOG.md", "# Changelog\n", "# Changelog\n\n## Unreleased\n\n- More.\n", "still lists changes"),
    ],
)
def test_what_disagrees_is_refused(tree: Path, file: str, old: str, new: str, reason: str) -> None:
    (tree / file).write_text(FILES[file].replace(old, new), encoding="utf-8")
    commit(tree)
    with pytest.raises(release.NotReadyError, match=reason.replace("(", r"\(")):
        release.checked(tree)


def test_what_is_not_committed_is_refused(tree: Path) -> None:
    (tree / "new.py").write_text("", encoding="utf-8")
    with pytest.raises(release.NotReadyError, match="not committed"):
        release.checked(tree)


def test_no_version_is_made_twice_and_none_after_a_later_one(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "anybody")
        monkeypatch.setenv(f"{name}_EMAIL", "anybody@example.org")
    version = release.checked(tree)
    release.tagged(tree, version)
    made = git(tree, "rev-parse", "v0.2.0")
    assert git(tree, "cat-file", "-t", "v0.2.0").strip() == "tag"
    commit(tree)
    with pytest.raises(release.NotReadyError, match="not replaced"):
        release.checked(tree)
    with pytest.raises(release.NotReadyError, match="already exists"):
        release.tagged(tree, version)
    assert git(tree, "rev-parse", "v0.2.0") == made
    git(tree, "tag", "--delete", "v0.2.0")
    git(tree, "tag", "v0.10.0")
    with pytest.raises(release.NotReadyError, match=r"v0\.10\.0 was released already"):
        release.checked(tree)


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ({"marketgame/py.typed", "marketgame/experiments/cases/airport.toml"}, None),
        ({"marketgame/py.typed"}, "lacks marketgame/experiments/cases/airport.toml"),
        ({"marketgame/experiments/cases/airport.toml"}, "typed"),
        (
            {
                "marketgame/py.typed",
                "marketgame/experiments/cases/airport.toml",
                "marketgame/results/runs/a/manifest.json",
            },
            "holds marketgame/results/runs/a/manifest.json",
        ),
    ],
)
def test_a_wheel_holds_what_is_committed_and_nothing_else(held: set[str], reason: str | None) -> None:
    committed = ["marketgame/py.typed", "experiments/cases/airport.toml"]
    if reason is None:
        release.refuse_content(held, committed)
    else:
        with pytest.raises(release.NotReadyError, match=reason):
            release.refuse_content(held, committed)

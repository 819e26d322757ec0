"""What is installed works anywhere: the wheel, in an empty environment, beside packages named as our folders are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
FOLDERS = ("marketgame", "mechanisms", "agents", "simulation", "experiments", "results")
FILES = ("pyproject.toml", "README.md", "LICENSE")
NOT_OURS = "raise ImportError('this module is somebody else\\'s')\n"
SCRIPTS = "Scripts" if os.name == "nt" else "bin"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of a checkout in which something has been run."""
    checkout = tmp_path_factory.mktemp("checkout")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    for file in FILES:
        shutil.copy(ROOT / file, checkout)
    run = checkout / "results" / "runs" / "a-run"
    run.mkdir(parents=True)
    (run / "manifest.json").write_text("{}", encoding="utf-8")
    (built,) = WheelBuilder(str(checkout)).build(directory=str(checkout / "dist"), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that holds the wheel, what it needs, and a package named as a folder is."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    (python,) = (home / SCRIPTS).glob("python.exe" if os.name == "nt" else "python")
    installer = sys.executable if find_spec("pip") else str(Path(sys.base_prefix) / "bin" / "python3")
    install = [installer, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    # What marketgame needs is taken from this environment; a `.pth` file in it, that of marketgame itself, is not read.
    needed = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    (packages / "needed.pth").write_text("".join(f"{path}\n" for path in needed), encoding="utf-8")
    (packages / "agents").mkdir()
    (packages / "agents" / "__init__.py").write_text(NOT_OURS, encoding="utf-8")
    return python


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a folder with modules of the names of our folders."""
    for name in ("agents", "results"):
        (tmp_path / f"{name}.py").write_text(NOT_OURS, encoding="utf-8")
    return tmp_path


def said(folder: Path, *words: object) -> str:
    """Return what a program prints when it is called in a folder, without what the environment of the tests sets."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    called = [str(word) for word in words]
    answer = subprocess.run(called, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_wheel_holds_every_source_and_example_under_one_package_and_no_run(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        (Path("" if folder == "marketgame" else "marketgame") / file.relative_to(ROOT)).as_posix()
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts and "runs" not in file.parts
    }
    assert held == wanted
    assert {"marketgame/py.typed", "marketgame/experiments/economies/three-traders.toml"} <= held


def test_an_installed_example_is_solved_and_played_by_its_name_beside_modules_of_the_same_names(
    python: Path, elsewhere: Path
) -> None:
    command = python.with_name("marketgame.exe" if os.name == "nt" else "marketgame")
    solved = json.loads(said(elsewhere, command, "solve", "example:three-traders", "--json"))
    assert solved["economy"] == "three traders"
    options = ("--rounds", 1, "--figures", "png", "--json")
    played = json.loads(said(elsewhere, python, "-m", "marketgame", "run", "example:tutorial-obedient", *options))
    assert (elsewhere / played["folder"] / "manifest.json").is_file()
    assert said(elsewhere, python, "-m", "marketgame", "examples", "tutorial-obedient").split() == [
        *("tutorial-obedient.toml", "three-traders.toml"),
    ]


def test_an_installed_package_is_imported_from_where_it_was_installed(python: Path, elsewhere: Path) -> None:
    program = "import marketgame, marketgame.agents as ours; print(ours.__file__); print(marketgame.load.__module__)"
    home, module = said(elsewhere, python, "-c", program).splitlines()
    assert Path(home).is_relative_to(python.parents[1])
    assert module == "marketgame.experiments.commands.kinds"

"""A stress test says the same whatever units money and goods are counted in, in whatever order anybody is written down.

Whole tables are compared, of all that can be proven. Verdicts and what is recommended never change. Where only units
change, or types change places or are split in two, numbers do not either; where players change places, the number
behind a "no" is that of the deviation that was found first, and only the verdict is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import marketgame as face
from marketgame.experiments.stress.recommendation import MUST
from marketgame.experiments.stress.result import StressTest


class Kind(NamedTuple):
    """A type: how likely, what it owns, what the first unit is worth to it, and by how much less the next."""

    name: str
    odds: float
    owned: float
    money: float
    first: float
    less: float


type Players = dict[str, list[Kind]]

ECONOMIES: dict[str, Players] = {
    "three who know each other": {
        "ann": [Kind("known", 1.0, 2.0, 30.0, 5.0, 1.0)],
        "bob": [Kind("known", 1.0, 1.0, 30.0, 5.5, 1.0)],
        "cat": [Kind("known", 1.0, 1.5, 30.0, 6.2, 1.2)],
    },
    "two with secrets": {
        "ann": [Kind("low", 0.4, 2.0, 30.0, 4.0, 1.0), Kind("high", 0.6, 2.0, 30.0, 6.0, 1.0)],
        "bob": [Kind("low", 0.5, 1.5, 25.0, 5.0, 1.0), Kind("high", 0.5, 1.5, 25.0, 7.0, 1.2)],
    },
    "little money": {
        "ann": [Kind("known", 1.0, 2.0, 4.0, 5.0, 1.0)],
        "bob": [Kind("known", 1.0, 1.0, 5.0, 7.0, 1.0)],
        "cat": [Kind("known", 1.0, 3.0, 3.0, 6.2, 1.2)],
    },
}
PRESETS = ["paper", "no-short-sales", "repaired", "repaired-spread", "matched", "matched-escrow"]


def in_units(money: float, goods: float) -> Callable[[Players], Players]:
    def changed(one: Kind) -> Kind:
        return Kind(
            one.name,
            one.odds,
            one.owned * goods,
            one.money * money,
            one.first * money / goods,
            one.less * money / goods**2,
        )

    return lambda players: {name: [changed(one) for one in kinds] for name, kinds in players.items()}


def moved(players: Players) -> Players:
    (first, kinds), *others = players.items()
    return {**dict(others), first: kinds}


def types_moved(players: Players) -> Players:
    return {name: kinds[::-1] for name, kinds in players.items()}


def split(players: Players) -> Players:
    """Return players the first of whom has its first type twice, half as likely each, if it has secrets at all."""
    (first, kinds), *others = players.items()
    if len(kinds) == 1:
        return players
    half = kinds[0]._replace(odds=kinds[0].odds / 2)
    return {first: [half, half._replace(name=f"{half.name}er"), *kinds[1:]], **dict(others)}


LAWS: dict[str, Callable[[Players], Players]] = {
    "a thousandth of the money": in_units(1000.0, 1.0),
    "a thousand times the money": in_units(0.001, 1.0),
    "kilograms": in_units(1.0, 1000.0),
    "kilotonnes": in_units(1.0, 0.001),
    "types change places": types_moved,
    "a type is split": split,
    "players change places": moved,
}


def stressed(players: Players, file: Path) -> StressTest:
    lines = ['kind = "market-economy"', 'name = "law"', 'goods = ["wheat", "money"]', 'units = ["tonne", "euro"]']
    for name, kinds in players.items():
        lines += ["[[players]]", f'name = "{name}"']
        for one in kinds:
            lines += [f"[players.types.{one.name}]", *([f"probability = {one.odds}"] if len(kinds) > 1 else [])]
            lines += [f"endowment = [{one.owned}, {one.money}]"]
            lines += [f'valuation = {{ family = "quadratic", intercept = [{one.first}], slope = [[{one.less}]] }}']
    file.write_text("\n".join(lines), encoding="utf-8")
    return face.stress(file, presets=PRESETS, ask=MUST, seconds=None)


@pytest.mark.parametrize("economy", ECONOMIES)
def test_units_order_and_twins_change_no_answer(economy: str, tmp_path: Path) -> None:
    players = ECONOMIES[economy]
    first = stressed(players, tmp_path / "first.toml")
    for name, law in LAWS.items():
        test = stressed(law(players), tmp_path / "other.toml")
        assert test.recommended.institution == first.recommended.institution, name
        assert test.recommended.ties == first.recommended.ties, name
        assert test.table["verdict"].tolist() == first.table["verdict"].tolist(), name
        if law is not moved:
            assert test.table["share"].to_numpy() == pytest.approx(first.table["share"].to_numpy(), rel=1e-5), name
            assert test.table["coalition"].tolist() == first.table["coalition"].tolist(), name

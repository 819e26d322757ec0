"""What everybody owns anyhow, constants of valuations and units change no answer of ``solve`` and ``certify``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, override

import numpy as np
import pytest

from marketgame.experiments.collusion import certification
from marketgame.experiments.collusion.files import refuse_unstorable
from marketgame.experiments.files.economy_file import load_economy, valuation_document
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.valuation import NOT_EXACT, SeparableValuation, coefficient, diagonal_matrices
from tests.experiments.command_calls import Call, assert_one_line, one_document
from tests.mechanisms.strategies import economy_of, one_type

CASES = Path(__file__).parents[1] / "cases"
REPAIRED = ("pricing=spread", "solvency=no-short-sales", "bankruptcy=unwind", "coverage=announced-numeraire")
ANSWERS = ("bayesian_incentive_compatible", "unilaterally_stable", "collusion_proof", "strongly_collusion_proof")
REFUTED = 1


def certified(marketgame: Call, file: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    answer = marketgame("certify", file, "--out", folder, "--json", *arguments)
    assert answer.code in (0, REFUTED), answer.err
    return one_document(answer)


def answers(document: dict[str, Any]) -> list[Any]:
    examined = [(one["improvement"], one["internally_consistent_improvement"]) for one in document["coalitions"]]
    found = [(one["coalition"], one["kind"]) for one in document["deviations"]]
    return [[document[name] for name in ANSWERS], examined, found]


def gains(document: dict[str, Any]) -> list[float]:
    return [gain for found in document["deviations"] for gain in found["gain"].values()]


def with_money(file: Path, owned: str, money: str, folder: Path) -> Path:
    """The same economy in which everybody owns another amount of money."""
    folder.mkdir()
    changed = folder / file.name
    text = file.read_text()
    assert owned in text
    changed.write_text(text.replace(owned, money))
    return changed


def test_a_lie_is_not_lost_beside_a_thousand_million_euro(marketgame: Call, tmp_path: Path) -> None:
    """The buyer of v = 5.5 q - q^2 / 2 who says 5 gets 1.5 at 3.5 instead of 1.75 at 3.75.

    The lie brings 8.25 - 1.125 - 5.25 = 1.875, the truth 9.625 - 1.53125 - 6.5625 = 1.53125. Who orders 2 at 3.5
    after the lie, which is what it then likes best, gets 11 - 2 - 7 = 2.
    """
    document = certified(marketgame, CASES / "level-two-traders-scenario.toml", tmp_path / "out")
    assert document["bayesian_incentive_compatible"] is False
    assert document["largest_misreport_gain"] == pytest.approx(0.34375, rel=1e-9)
    assert [found["kind"] for found in document["deviations"]] == ["lie", "lie and reorder"]
    assert gains(document) == pytest.approx([0.34375, 0.46875], rel=1e-9)
    for found in document["deviations"]:
        assert marketgame("replay", found["certificate"]).code == 0


@pytest.mark.parametrize("name", ["level-two-traders", "level-three-farmers-1e8"])
def test_any_money_beyond_what_is_needed_leaves_every_answer_as_it_is(
    name: str, marketgame: Call, tmp_path: Path
) -> None:
    file = CASES / f"{name}.toml"
    owned = {"level-two-traders": "1e9", "level-three-farmers-1e8": "1e8"}[name]
    rules = [word for rule in REPAIRED for word in ("--rule", rule)]
    scenario = CASES / f"{name}-scenario.toml"
    found = []
    for place, money in enumerate(("100.0", owned, "1e12")):
        other = with_money(file, owned, money, tmp_path / str(place))
        (other.parent / scenario.name).write_text(scenario.read_text())
        found.append(certified(marketgame, other.parent / scenario.name, tmp_path / f"out {place}", *rules))
    assert found[0]["bayesian_incentive_compatible"] is False
    for document in found[1:]:
        assert answers(document) == answers(found[0])
        assert gains(document) == pytest.approx(gains(found[0]), rel=1e-9)


@pytest.mark.parametrize("unit", ["e-9", "e-7", "e9"])
def test_a_unit_of_money_rescales_what_is_found_and_nothing_else(unit: str, marketgame: Call, tmp_path: Path) -> None:
    """In the three traders' economy all values, and the money, are counted in another unit."""
    original = load_economy(ECONOMIES / "three-traders.toml")
    file = tmp_path / "rescaled.toml"
    lines = ['kind = "market-economy"', 'name = "three traders"', 'goods = ["wheat", "money"]', 'units = ["t", "e"]']
    factor = float(f"1{unit}")
    for player in original.players:
        (kind,) = player.types
        intercept, slope = kind.valuation.intercept * factor, kind.valuation.slope * factor  # type: ignore[attr-defined]
        lines += [
            "[[players]]",
            f'name = "{player.name}"',
            "[players.types.known]",
            f"endowment = [{float(kind.endowment[0])}, {float(kind.endowment[1] * factor)}]",
            f'valuation = {{family = "quadratic", intercept = {intercept.tolist()}, slope = {slope.tolist()}}}',
        ]
    file.write_text("\n".join(lines))
    pair = ("--coalition", "ann,bob", "--seconds", "120")
    before = certified(marketgame, ECONOMIES / "three-traders.toml", tmp_path / "out", *pair)
    after = certified(marketgame, file, tmp_path / "out rescaled", *pair)
    assert answers(after) == answers(before)
    alone = [place for place, found in enumerate(before["deviations"]) if found["kind"] == "unilateral"]
    assert len(alone) == 3
    for place in alone:
        one, other = (document["deviations"][place]["gain"].values() for document in (before, after))
        assert list(other) == pytest.approx([factor * gain for gain in one], rel=1e-6)


def test_deviations_in_small_money_are_found(marketgame: Call, tmp_path: Path) -> None:
    """Ann, bob and cat each get all the money there is, 9e-6, by a short sale, as with 90 in larger units."""
    document = certified(marketgame, CASES / "certify-money-1e-07.toml", tmp_path / "out", "--coalition", "ann,bob")
    assert document["unilaterally_stable"] is False
    large = certified(marketgame, ECONOMIES / "three-traders.toml", tmp_path / "large", "--coalition", "ann,bob")
    assert answers(document) == answers(large)
    for small, found in zip(document["deviations"], large["deviations"], strict=True):
        if found["kind"] == "unilateral":
            (one,), (other,) = small["gain"].values(), found["gain"].values()
            assert one == pytest.approx(1e-7 * other, rel=1e-6)


def test_gains_beside_a_value_of_ten_to_the_eighteen_are_not_nothing(marketgame: Call) -> None:
    """With v = (1e18 - (1e-9 + q)^-2) / 2 and 0.8, 0.2 and 0.5 owned everybody gets 0.5.

    Autarky loses (1 / 0.64 + 25 + 4) / 2 = 15.28125, the equal division 3 * 4 / 2 = 6. The shift changes that by
    2e-9 times half the difference of the sums of cubes, (1 / 0.512 + 125 + 8 - 24) / 2 = 55.5.
    """
    document = one_document(marketgame("solve", CASES / "power-gains-vanish.toml", "--json"))
    for name in ("first-best", "walrasian"):
        benchmark = document["benchmarks"][name]
        assert benchmark["gains_over_autarky"] == pytest.approx(9.28125 - 1.11e-7, abs=1e-9)
        assert benchmark["gap_to_first_best"] == pytest.approx(0, abs=1e-9)
        assert benchmark["share_of_first_best_gains"] == pytest.approx(1, rel=1e-9)


def test_tables_show_the_gains_that_levels_hide(marketgame: Call, tmp_path: Path) -> None:
    solved = marketgame("solve", CASES / "level-two-traders.toml").out
    assert "0.34375" in solved
    shown = marketgame("certify", CASES / "level-two-traders-scenario.toml", "--out", tmp_path / "out").out
    assert "0.34375" in shown
    assert "0.46875" in shown
    assert "0.34375" in marketgame("replay", tmp_path / "out" / "01-lie-buyer.json").out


@dataclass(frozen=True, eq=False)
class Root(SeparableValuation):
    """v(q) = Σ weight sqrt(1 + q), in floating point only."""

    weight: FloatArray = coefficient("numeraire per root of a unit", gt=0)

    @override
    def value(self, bundles: FloatArray) -> FloatArray:
        return np.asarray((self.weight * np.sqrt(1 + bundles)).sum(axis=-1))

    @override
    def difference(self, before: FloatArray, after: FloatArray, change: FloatArray) -> FloatArray:
        return np.asarray((self.weight * change / (np.sqrt(1 + before) + np.sqrt(1 + after))).sum(axis=-1))

    @override
    def gradient(self, bundles: FloatArray) -> FloatArray:
        return np.asarray(self.weight / (2 * np.sqrt(1 + bundles)))

    @override
    def curvature(self, bundles: FloatArray) -> FloatArray:
        return diagonal_matrices(self.weight / (4 * (1 + bundles) ** 1.5))

    @override
    def demand(self, prices: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray(np.maximum((self.weight / (2 * prices)) ** 2 - 1, 0))

    @override
    def demand_slope(self, prices: FloatArray, demand: FloatArray) -> FloatArray:
        with np.errstate(divide="ignore"):
            return np.asarray((demand > 0) * self.weight**2 / (2 * prices**3))

    @override
    def least_gradient(self, limit: FloatArray) -> FloatArray:
        return self.gradient(limit)

    @override
    def strictly_concave(self, limit: FloatArray) -> bool:
        return True


def of_another_family() -> Economy:
    return economy_of([one_type(name, [owned, 9.0], Root(np.ones(1))) for name, owned in (("a", 1.0), ("b", 2.0))])


def test_what_no_certificate_can_hold_is_refused_before_anything_is_looked_for(
    marketgame: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a search began")

    monkeypatch.setattr(certification, "load_economy", lambda *_: of_another_family())
    monkeypatch.setattr(certification, "examine", forbidden)
    answer = marketgame("certify", ECONOMIES / "three-traders.toml", "--out", tmp_path / "out")
    assert answer.code == 2
    assert_one_line(answer, NOT_EXACT.format("Root"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file", sorted(ECONOMIES.glob("*.toml")), ids=lambda file: file.stem)
def test_every_family_of_an_economy_file_can_be_stored(file: Path) -> None:
    economy = load_economy(file)
    refuse_unstorable(economy)
    for kind in (kind for player in economy.players for kind in player.types):
        assert valuation_document(kind.valuation).keys() >= {"family"}


STEEP, SMALL = "a type worth minus 5e14 without trade", "a rich trader beside small ones"


@pytest.mark.parametrize(
    ("kinds", "rich"),
    [((3.0, 1.0), (5.0, 1e15)), ((3.0, 1e5), (5.0, 1.0)), ((3.0, 1e4), (5.0, 1e12))],
    ids=[STEEP, SMALL, "both"],
)
def test_what_is_told_of_steep_and_of_small_traders_is_efficient_for_everybody(
    kinds: tuple[float, float], rich: tuple[float, float], marketgame: Call, tmp_path: Path
) -> None:
    """Every deviation that is found stands beside an efficient allocation, which replay derives anew in rationals.

    Marginal values of 1e15 at an equal share once made all prices one number, and what the rich trade once made one
    number of all that the others do; replay then refused the certificate.
    """
    (lowest, slope), (wanted, steep) = kinds, rich
    owned, lines = 1 / slope, ['kind = "market-economy"', 'name = "unequal"', 'goods = ["wheat", "money"]']
    lines.append('units = ["t", "e"]')
    players = {
        "ann": [(lowest, slope, owned), (lowest + 2, slope, owned)],
        "bob": [(lowest + 1, slope, owned), (lowest + 3, slope, owned)],
        "cid": [(wanted, steep, 1.0), (wanted - 1, 1.0, 1.0)],
    }
    for name, types in players.items():
        lines += ["[[players]]", f'name = "{name}"']
        for number, (intercept, curvature, quantity) in enumerate(types):
            lines += [
                f"[players.types.t{number}]",
                "probability = 0.5",
                f"endowment = [{quantity}, 100.0]",
                f'valuation = {{family = "quadratic", intercept = [{intercept}], slope = [[{curvature}]]}}',
            ]
    file = tmp_path / "economy.toml"
    file.write_text("\n".join(lines))
    scenario = tmp_path / "scenario.toml"
    scenario.write_text((CASES / "level-two-traders-scenario.toml").read_text().replace("level-two-traders", "economy"))
    certified(marketgame, scenario, tmp_path / "out", "--seconds", "20", "--largest", "1")
    for path in sorted((tmp_path / "out").glob("*.json")):
        if path.name != "manifest.json":
            assert marketgame("replay", path).code == 0, path.name

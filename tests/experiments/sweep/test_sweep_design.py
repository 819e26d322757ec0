"""Designs visit the points they say, and paths lead where they say or are refused before anything runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.experiments.files.game_scenario_file import GameScenarioInput
from marketgame.experiments.files.input_file import InputError, read_table
from marketgame.experiments.files.provenance import SOURCES
from marketgame.experiments.files.scenario_file import ScenarioInput
from marketgame.experiments.files.sources import input_sources
from marketgame.experiments.sweep import Design, Interval, Scale, Sweep, Values, prepare
from marketgame.experiments.sweep.design import points
from marketgame.experiments.sweep.identity import changes, identity
from marketgame.experiments.sweep.paths import known_paths, scenario_path, with_value
from marketgame.experiments.sweep.statement import AxisInput
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.game_scenario import GameScenario
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.field_changes import with_fields

SCENARIOS = Path(__file__).parents[3] / "experiments" / "scenarios"
NOISY = SCENARIOS / "ten-traders-noisy.toml"
SEVERANCE = SCENARIOS / "myerson-example-2-severance.toml"
UNIT = Interval(0.0, 1.0)


def cube(design: Design, axes: int, samples: int, seed: int = 0) -> np.ndarray:
    """Return the points of a design on the unit cube."""
    return np.array(list(points(design, [UNIT] * axes, samples, seed)), dtype=float)


def test_a_grid_visits_every_combination_the_last_axis_changing_fastest() -> None:
    axes = (Values(("a", "b")), Interval(0.0, 1.0, steps=3))
    found = list(points(Design.GRID, axes, samples=99, seed=0))
    assert found == [("a", 0.0), ("a", 0.5), ("a", 1.0), ("b", 0.0), ("b", 0.5), ("b", 1.0)]


@settings(max_examples=25, deadline=None)
@given(samples=st.integers(1, 40), axes=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_a_latin_hypercube_has_one_point_in_every_slice_of_every_axis(samples: int, axes: int, seed: int) -> None:
    slices = np.floor(cube(Design.LATIN_HYPERCUBE, axes, samples, seed) * samples)
    assert (np.sort(slices, axis=0) == np.arange(samples)[:, None]).all()


@settings(max_examples=10, deadline=None)
@given(power=st.integers(1, 7), seed=st.integers(0, 2**32))
def test_sobol_points_have_one_in_every_elementary_box(power: int, seed: int) -> None:
    found = cube(Design.SOBOL, 2, 2**power, seed)
    for split in range(power + 1):
        boxes = np.floor(found * [2**split, 2 ** (power - split)]).astype(int)
        assert len({tuple(box) for box in boxes}) == 2**power


def test_a_sobol_design_that_could_not_be_balanced_is_refused() -> None:
    with pytest.raises(ValueError, match="samples is 12"):
        cube(Design.SOBOL, 2, 12)


@pytest.mark.parametrize(("axes", "samples", "seed"), [(1, 4, 0), (3, 8, 1), (6, 64, 2)])
def test_saltelli_s_design_is_salib_s(axes: int, samples: int, seed: int) -> None:
    problem = {"num_vars": axes, "names": [str(axis) for axis in range(axes)], "bounds": [[0.0, 1.0]] * axes}
    sample = import_module("SALib.sample.sobol").sample
    theirs = sample(problem, samples, calc_second_order=False, seed=np.random.default_rng(seed))
    assert np.array_equal(cube(Design.SALTELLI, axes, samples, seed), theirs)


def test_saltelli_exchanges_one_coordinate_at_a_time() -> None:
    found = cube(Design.SALTELLI, 3, 8).reshape(8, 5, 3)
    first, second = found[:, 0], found[:, -1]
    assert (first != second).all()
    for axis in range(3):
        others = np.arange(3) != axis
        assert (found[:, 1 + axis, axis] == second[:, axis]).all()
        assert (found[:, 1 + axis][:, others] == first[:, others]).all()


@pytest.mark.parametrize("design", Design)
def test_a_design_is_the_same_every_time_and_another_with_another_seed(design: Design) -> None:
    axes = [Interval(0.0, 1.0, steps=4)] * 2
    assert list(points(design, axes, 8, 3)) == list(points(design, axes, 8, 3))
    if design is not Design.GRID:
        assert list(points(design, axes, 8, 3)) != list(points(design, axes, 8, 4))


@settings(max_examples=50, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), low=st.integers(-50, 50), width=st.integers(1, 60))
def test_values_stay_between_the_ends_of_their_interval(share: float, low: int, width: int) -> None:
    high = low + width
    linear = Interval(low, high).at(share)
    assert isinstance(linear, float)
    assert low <= linear <= high
    whole = Interval(low, high, whole=True).at(share)
    assert isinstance(whole, int)
    assert low <= whole <= high
    logarithmic = Interval(1.0, 1.0 + width, Scale.LOGARITHMIC).at(share)
    assert isinstance(logarithmic, float)
    assert 1.0 <= logarithmic <= 1.0 + width


def test_whole_numbers_are_equally_likely() -> None:
    axis = Interval(1, 4, whole=True)
    assert [axis.at(eighth / 8) for eighth in range(8)] == [1, 1, 2, 2, 3, 3, 4, 4]


def test_a_logarithmic_scale_spaces_by_ratios() -> None:
    values = Interval(0.01, 100.0, Scale.LOGARITHMIC, steps=5).listed()
    assert values == pytest.approx((0.01, 0.1, 1.0, 10.0, 100.0))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Interval(2.0, 1.0), "low must be less than high"),
        (lambda: Interval(0.0, 1.0, Scale.LOGARITHMIC), "low must be greater than 0"),
        (lambda: Interval(0.5, 3.0, whole=True), "whole numbers"),
        (lambda: Interval(0.0, 1.0).listed(), "`steps`"),
        (lambda: Values(()), "at least one"),
        (lambda: Values((1, 2, 1)), "twice"),
    ],
)
def test_axes_that_make_no_sense_are_refused(build: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def noisy(text: str, content: Mapping[str, object] | None = None) -> object:
    """Return what stands at a path after 0.25 has been put there."""
    base = content or read_table(NOISY)
    path = scenario_path(text, base, ScenarioInput)
    return with_value(base, path, 0.25)


def test_a_path_reaches_the_table_of_a_behaviour_by_name_and_by_position() -> None:
    by_name, by_position = noisy("traders.share.noisy"), noisy("traders[0].share")
    assert by_name == by_position
    assert isinstance(by_name, dict)
    assert by_name["traders"][0]["share"] == 0.25


def test_a_path_makes_the_tables_that_are_not_there_and_changes_nothing_else() -> None:
    base = read_table(NOISY)
    changed = with_value(base, scenario_path("rules.solvency", base, ScenarioInput), "no-short-sales")
    assert changed == base | {"rules": {"solvency": "no-short-sales"}}
    added = with_value(base, scenario_path("traders.share.withholding", base, ScenarioInput), 0.1)
    assert added["traders"] == [*base["traders"], {"behaviour": "withholding", "share": 0.1}]
    assert base == read_table(NOISY)


def test_every_known_path_of_a_market_can_be_set() -> None:
    base = read_table(NOISY)
    for text, path in known_paths(ScenarioInput).items():
        assert with_value(base, scenario_path(text, base, ScenarioInput), "marker") != base, path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rules.solvancy", "did you mean 'rules.solvency'"),
        ("solvency", "did you mean 'rules.solvency'"),
        ("trader.share.noisy", "did you mean 'traders.share.noisy'"),
        ("traders.share.noissy", "did you mean 'traders.share.noisy'"),
        ("traders.quotescale.noisy", "did you mean 'traders.quote_scale.noisy'"),
        ("xyzzy", r"it has rounds, population, .*, economy, rules"),
        ("seed", "the same seeds; set `seeds`"),
        ("kind", "cannot be an axis"),
        ("traders[1].share", "has 1 tables"),
        ("traders[0].shore", r"traders\[0\] has no 'shore'; .* did you mean 'share'"),
        ("rules.solvency.deeper", "a scenario has no"),
    ],
)
def test_a_misspelt_path_is_refused_with_what_was_meant(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        noisy(text)


NAMED = {
    "economy": "../economies/three-farmers.toml",
    "traders": [
        {"behaviour": "noisy", "name": "nervous", "share": 0.1},
        {"behaviour": "noisy", "name": "calm", "quote_scale": 0.01},
    ],
    "organisers": [{"name": "broker"}, {"name": "ring"}],
    "blockers": [{"name": "rival", "largest": 2}],
}


@pytest.mark.parametrize(
    ("text", "steps", "whole"),
    [
        ("organisers.ring.frequency", ("organisers", 1, "frequency"), False),
        ("organisers.ring.effort.rounds", ("organisers", 1, "effort", "rounds"), True),
        ("organisers[1].largest", ("organisers", 1, "largest"), True),
        ("blockers.rival.largest", ("blockers", 0, "largest"), True),
        ("traders.calm.quote_scale", ("traders", 1, "quote_scale"), False),
        ("traders.nervous.share", ("traders", 0, "share"), False),
    ],
)
def test_tables_are_called_by_their_names_as_in_messages(text: str, steps: tuple[object, ...], whole: bool) -> None:
    path = scenario_path(text, NAMED, ScenarioInput)
    assert (path.steps, path.whole) == (steps, whole)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("organisers.rng.frequency", "did you mean 'organisers.ring.frequency'"),
        ("organisers.ring.frequenzy", "did you mean 'organisers.ring.frequency'"),
        ("traders.nervos.share", "did you mean 'traders.nervous.share'"),
        ("organisers[2].depth", r"organisers has 2 tables \[\[organisers\]\], counted from 0"),
        ("organisers.ring.effort[0]", "organisers.ring.effort has no 0; it must be one of"),
        ("organisers..depth", "a scenario has no 'organisers..depth'"),
    ],
)
def test_a_name_that_no_table_has_is_refused_with_what_was_meant(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scenario_path(text, NAMED, ScenarioInput)


def test_a_table_is_the_same_by_whatever_it_is_called() -> None:
    for pair in (("traders[0].share", "traders.share.noisy"), ("traders.share.noisy", "traders[0].share")):
        with pytest.raises(InputError, match="set the same thing"):
            prepare(Sweep(NOISY, {pair[0]: [0.1], pair[1]: [0.2]}))


MODEST = "economy.players.ann.types.modest"
MARKET = SCENARIOS / "three-farmers-organised.toml"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{MODEST}.endowment[0]", lambda kind: kind.endowment[0]),
        (f"{MODEST}.valuation.intercept[0]", lambda kind: kind.valuation.listed.intercept[0]),
        (f"{MODEST}.valuation.slope[0][0]", lambda kind: kind.valuation.listed.slope[0, 0]),
        ("economy.players[0].types.modest.endowment[1]", lambda kind: kind.endowment[1]),
    ],
)
def test_every_number_of_an_economy_can_be_swept(text: str, found: Callable[[Any], float]) -> None:
    plan = prepare(Sweep(MARKET, {text: [3.0, 3.5]}))
    markets = [point.scenario for point in plan.points if isinstance(point.scenario, MarketScenario)]
    assert [found(market.economy.players[0].types[0]) for market in markets] == [3.0, 3.5]


def test_every_number_of_a_game_can_be_swept() -> None:
    plan = prepare(Sweep(SEVERANCE, {"game.mechanism.rules[0].payment.seller": [0.0], "rounds": [1]}))
    assert isinstance(plan.points[0].scenario, GameScenario)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({f"{MODEST}.endowment[2]": [1.0]}, "endowment has 2 entries, counted from 0"),
        ({"economy.players.anna.types.modest.endowment[0]": [1.0]}, "economy.players has no 'anna'.* mean 'ann'"),
        ({"economy.players.ann.types.modes.endowment[0]": [1.0]}, "players.ann.types has no 'modes'.* mean 'modest'"),
        ({f"{MODEST}.endowmnt[0]": [1.0]}, "types.modest has no 'endowmnt'.* mean 'endowment'"),
        ({f"{MODEST}.endowment[0]": [-1.0]}, r"point 0 .*players.ann.types.modest.endowment\[0\] is -1"),
        ({f"{MODEST}.endowment[0]": [1.0], "economy": ["x.toml"]}, "set the same thing"),
    ],
)
def test_a_wrong_number_of_an_economy_is_refused_where_it_stands(axes: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(Sweep(MARKET, axes))


def test_changed_economies_are_part_of_the_identity_of_a_sweep() -> None:
    def known_by(value: float) -> Any:
        return identity(prepare(Sweep(MARKET, {f"{MODEST}.endowment[0]": [value]})), simulate)

    assert known_by(3.0) == known_by(3.0)
    assert changes(known_by(3.0), known_by(3.5)) == ["design: points"]


def test_a_path_that_could_mean_two_tables_is_refused() -> None:
    twice = {"traders": [{"behaviour": "noisy", "share": 0.1}, {"behaviour": "noisy", "types": ["modest"]}]}
    with pytest.raises(ValueError, match=r"traders\[0\]\.share or traders\[1\]\.share"):
        noisy("traders.share.noisy", twice)


def test_paths_of_a_game_reach_below_names_of_players_and_types() -> None:
    base = read_table(SEVERANCE)
    path = scenario_path("contract.severance.seller.L", base, GameScenarioInput)
    assert with_value(base, path, 0.5)["contract"]["severance"] == {"seller": {"L": 0.5}}
    with pytest.raises(ValueError, match="a scenario has no"):
        scenario_path("contract.severance.seller.L.deeper", base, GameScenarioInput)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"axes": {}}, "axes is empty"),
        ({"axes": {"rules.solvency": ["bankrupt"]}}, "point 0 .*rules.solvency is 'bankrupt'; it must be one of"),
        ({"axes": {"traders.share.noisy": [0.5, 1.5]}}, r"point 1 \(traders.share.noisy = 1.5\) is refused"),
        ({"axes": {"traders.share.misreporting": [0.5]}}, "reports is missing"),
        ({"axes": {"economy": ["nowhere.toml"]}}, "nowhere.toml"),
        ({"axes": {"rules": [{}], "rules.timing": ["simultaneous"]}}, "set the same thing"),
        ({"settings": {"rounds": 3}, "axes": {"rounds": [1, 2]}}, "set the same thing"),
        ({"axes": {"rounds": Interval(1, 9)}}, "axes.'rounds' is an interval without `steps`"),
        ({"axes": {"rounds": "many"}}, "axes.'rounds' is 'many'; it must be a list"),
        ({"seeds": 0}, "seeds is 0"),
        ({"first_seed": -1}, "first_seed is -1"),
        ({"seconds_per_run": 0.0}, "seconds_per_run is 0.0"),
        ({"tables": ("round",)}, "tables is 'round'.*did you mean 'rounds'"),
        ({"scenario": "nowhere.toml"}, "there is no such file"),
    ],
)
def test_a_sweep_is_checked_to_its_last_point_before_anything_runs(change: dict[str, object], message: str) -> None:
    sweep = with_fields(Sweep(NOISY, {"traders.share.noisy": [0.0]}), **change)
    with pytest.raises(InputError, match=message):
        prepare(sweep)


def test_a_game_is_refused_names_it_does_not_have() -> None:
    with pytest.raises(InputError, match=r"point 0 .* did you mean 'seller'"):
        prepare(Sweep(SEVERANCE, {"contract.severance.seler.L": [0.1]}))


def test_every_point_is_played_with_the_same_seeds() -> None:
    plan = prepare(Sweep(NOISY, {"rounds": [1, 2, 3]}, seeds=4, first_seed=100))
    seeds = [[plan.seed_of(run) for run in range(plan.runs) if plan.point_of(run) == point] for point in range(3)]
    assert seeds == [[100, 101, 102, 103]] * 3
    assert prepare(Sweep(NOISY, {"rounds": [1]})).first_seed == 5  # the scenario's own


def test_numbers_drawn_for_a_whole_number_are_whole() -> None:
    sweep = Sweep(NOISY, {"rounds": Interval(1, 5)}, design=Design.SOBOL, samples=16)
    drawn = [point.scenario.rounds for point in prepare(sweep).points]
    assert set(drawn) == {1, 2, 3, 4, 5}


def test_institutions_are_compared_under_the_same_luck() -> None:
    sweep = Sweep(
        NOISY,
        {"rules.solvency": ["budget", "no-short-sales"], "rules.withholding": ["wasted", "consumed"]},
        settings={"rounds": 4},
        seeds=1,
    )
    plays = [simulate(point.scenario) for point in prepare(sweep).points]
    for play in plays[1:]:
        assert play["rounds"]["profile"].equals(plays[0]["rounds"]["profile"])
        for column in ("type", "behaviour", "reported_type"):
            assert play["players"][column].to_pylist() == plays[0]["players"][column].to_pylist()
        assert play["holdings"]["quote"].equals(plays[0]["holdings"]["quote"])


def test_every_source_that_turns_files_into_scenarios_is_part_of_the_identity_of_a_sweep() -> None:
    program = "import sys, marketgame.experiments.sweep.base, marketgame.experiments.sweep.playing; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=SOURCES)
    modules = [name for name in loaded.stdout.split() if name.startswith("marketgame.experiments.")]
    assert "marketgame.experiments.files.scenario_file" in modules
    digested = {file.relative_to(SOURCES).as_posix() for file in input_sources()}
    # What the sweep itself decides is in its design.
    decided = [
        name
        for name in modules
        if name.startswith("marketgame.experiments.sweep") and name != "marketgame.experiments.sweep.base"
    ]
    places = [name.removeprefix("marketgame.").replace(".", "/") for name in modules if name not in decided]
    missing = {f"{place}.py" for place in places if not (SOURCES / place).is_dir()} - digested
    assert missing <= {"experiments/files/explanation.py", "experiments/files/provenance.py"}  # they change no scenario
    assert "experiments/studies/sweep_pages.py" not in digested


def test_the_identity_of_a_sweep_does_not_depend_on_how_it_is_limited_but_on_what_it_computes() -> None:
    sweep = Sweep(NOISY, {"rounds": [1, 2]}, seeds=2)
    before = identity(prepare(sweep), simulate)
    assert changes(before, identity(prepare(replace(sweep, seconds_per_run=9.0, name="other")), simulate)) == []
    assert changes(before, identity(prepare(replace(sweep, seeds=3)), simulate)) == ["design: seeds"]
    assert changes(before, identity(prepare(replace(sweep, axes={"rounds": [1, 3]})), simulate)) == ["design: points"]
    assert changes(before, identity(prepare(sweep), prepare)) == ["code: simulate"]


@pytest.mark.parametrize(
    ("design", "axes"),
    [
        (Design.GRID, {"rounds": Interval(1, 10**9, steps=2**63)}),
        (Design.GRID, {"rounds": list(range(1, 1001)), "seed": list(range(1, 1001))}),
        (Design.SOBOL, {"rounds": Interval(1, 5)}),
        (Design.SALTELLI, {"rounds": Interval(1, 5)}),
        (Design.LATIN_HYPERCUBE, {"rounds": Interval(1, 5)}),
    ],
)
def test_more_points_than_anybody_waits_for_are_refused_before_any_is_made(
    monkeypatch: pytest.MonkeyPatch, design: Design, axes: dict[str, AxisInput]
) -> None:
    monkeypatch.setattr(Interval, "listed", lambda _: pytest.fail("the values of an axis are made"))
    with pytest.raises(InputError, match="points; a sweep visits at most 100000"):
        prepare(Sweep(NOISY, axes, design=design, samples=2**30))

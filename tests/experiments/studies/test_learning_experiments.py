"""What the documentation says of learners is what its tables say, and these are what the sweeps give."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from marketgame.experiments.files.scenario_file import load_scenario
from marketgame.experiments.studies.learning import cascades, experiment, lying, short_sale, timing
from marketgame.experiments.studies.learning.__main__ import EXPERIMENTS, main
from marketgame.experiments.studies.learning.experiment import (
    COMMAND,
    LEARNING,
    ORIGINS,
    PICTURE,
    TABLE,
    median_between,
    played,
)
from marketgame.experiments.studies.sweep_pages import SWEEPS
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Timing
from marketgame.mechanisms.market_game.settle import settle
from marketgame.results.figures import style
from marketgame.simulation.market.model import MarketModel

DOCS = Path(__file__).parents[3] / "docs"
NAMES = list(EXPERIMENTS)


def tables_of(name: str) -> list[str]:
    """Return what the names of an experiment's tables add to its own."""
    return sorted(path.stem.removeprefix(name) for path in (DOCS / "tables").glob(f"{name}*.csv"))


def saved(name: str) -> pd.DataFrame:
    """Return a table of the documentation."""
    return pd.read_csv(DOCS / "tables" / f"{name}.csv")


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_and_says_what_the_saved_table_holds(name: str) -> None:
    page, table, stated = (DOCS / LEARNING).read_text(encoding="utf-8"), saved(name), EXPERIMENTS[name]
    command = f"python -m marketgame.experiments.studies.learning docs {name}\n```\n\n<!-- table {name} -->\n\n|"
    assert command in page
    assert f"(pictures/{name}.png)" in page
    shown = page.partition(f"<!-- table {name} -->\n\n")[2].partition("\n\n<!-- end -->")[0].splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in shown]
    words = stated.show(table)
    assert cells[0] == list(words.columns)
    assert cells[2:] == words.to_numpy().tolist()
    said = page.partition(f"<!-- table {name}, read -->\n\n")[2].partition("\n\n<!-- end -->")[0]
    assert said == stated.read(table)
    assert len(re.findall(r"\.(?: [A-Z]|$)", said)) == 3, "a reading has three sentences"
    assert "{" not in said


def test_all_tables_and_pictures_were_made_by_the_one_published_command_on_one_tree() -> None:
    origins = json.loads((DOCS / ORIGINS).read_text(encoding="utf-8"))
    assert set(origins) == set(NAMES)
    for name, origin in origins.items():
        assert origin["command"] == f"{COMMAND} docs"
        files = {*(TABLE.format(name + added) for added in tables_of(name)), PICTURE.format(name)}
        assert set(origin["files"]) == files
        for file, digest in origin["files"].items():
            assert hashlib.sha256((DOCS / file).read_bytes()).hexdigest() == digest, file
    assert len({(origin["sources"], *origin["software"].items()) for origin in origins.values()}) == 1


def test_publishing_an_experiment_keeps_what_made_it_and_leaves_that_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment, "sources", lambda: "these")
    name = cascades.SWEEP
    tables = {added: saved(name + added) for added in tables_of(name)}
    (tmp_path / "tables").mkdir()
    (tmp_path / ORIGINS).write_text('{"another": {}}', encoding="utf-8")
    replace(EXPERIMENTS[name], measure=lambda _: tables).publish(tmp_path, played)
    origins = json.loads((tmp_path / ORIGINS).read_text(encoding="utf-8"))
    assert set(origins) == {name, "another"}
    assert origins[name]["sources"] == "these"
    for file, digest in origins[name]["files"].items():
        assert hashlib.sha256((tmp_path / file).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("name", NAMES)
def test_saved_tables_are_drawn_in_letters_that_can_be_read(name: str) -> None:
    drawn = EXPERIMENTS[name].draw({added: saved(name + added) for added in tables_of(name)})
    assert min(float(text.get_fontsize()) for text in drawn.findobj(Text) if text.get_text()) >= style.SMALL


def test_an_unknown_experiment_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "arbitrage"]) == 2
    assert "no experiment 'arbitrage'" in capsys.readouterr().err


def test_learners_find_the_short_sale_and_settle_at_the_first_best_where_it_is_futile() -> None:
    table = saved(short_sale.SWEEP)
    paper, repaired = (table[table["rules"] == rules] for rules in (short_sale.PAPER, short_sale.REPAIRED))
    assert (paper["found"] == 1).all()
    assert (paper["short_sales_low"] > 1 / 2).all()
    assert paper["at_first_best_high"].max() < repaired["at_first_best_low"].min()
    assert (table["share_of_gains_high"] <= 1 + 1e-9).all()


def test_only_with_expected_externality_is_there_a_lie_to_learn_and_learners_gain_by_none() -> None:
    table = saved(lying.SWEEP)
    usual = table[lying.TRANSFERS] == "expected-externality"
    assert (table["largest_gain_by_the_checker"] > 0).equals(usual)
    liars, truth = table["traders"] == lying.LIARS, table["traders"] == lying.TRUTH
    assert table[usual & liars]["gain_low"].item() > 0
    assert (table[~usual & ~truth]["gain_high"] < 0).all()
    assert (table[usual & ~truth & ~liars]["gain_high"] < 0).all()
    assert (table[truth]["gain"] == 0).all()


def test_no_learner_has_more_bankruptcies_where_prices_are_seen_first() -> None:
    table = saved(timing.SWEEP).set_index([timing.TIMING, "learner"])
    seen, unseen = (table.loc[each.value] for each in (Timing.PRICES_FIRST, Timing.SIMULTANEOUS))
    assert (seen["bankrupt"] < unseen["bankrupt"]).all()
    assert (seen["mispriced"] < unseen["mispriced"]).all()


def assert_waves(table: pd.DataFrame) -> None:
    """Check that where trades stand all fall at once, and that unwinding ruins those and perhaps more."""
    stand, unwound = (table[table[cascades.BANKRUPTCY] == each.value].set_index(cascades.SHARE) for each in Bankruptcy)
    assert stand["bankrupt"].to_numpy() == pytest.approx(stand["at_once"].to_numpy())
    assert stand["waves"].max() <= 1
    assert stand["at_once"].to_numpy() == pytest.approx(unwound["at_once"].to_numpy())
    assert (unwound["bankrupt"] >= unwound["at_once"] - 1e-9).all()
    assert (unwound["waves"] >= stand["waves"] - 1e-9).all()


def test_trades_that_stand_ruin_in_one_wave_and_unwinding_ruins_those_and_more() -> None:
    assert_waves(saved(cascades.SWEEP))


@pytest.mark.parametrize("rules", [MarketRules(), MarketRules(bankruptcy=Bankruptcy.UNWIND)], ids=["stand", "unwind"])
def test_waves_add_up_to_all_who_are_bankrupt(rules: MarketRules) -> None:
    scenario = load_scenario(SWEEPS.parent / "scenarios" / "ten-traders-arbitrageurs.toml")
    model = MarketModel(replace(scenario, rules=rules))
    for _ in range(3):
        model.step()
        assert model.last_play is not None
        play = model.last_play.settlement.play
        counted = cascades.waves(play, rules)
        assert sum(counted) == settle(play, rules).bankrupt.sum() > 0
        assert len(counted) > 1 or rules.bankruptcy is Bankruptcy.TRADES_STAND


def test_medians_of_waits_that_may_not_end_have_intervals_of_order_statistics() -> None:
    # Of nine values the second and the eighth enclose the median with probability 1 - 2 (1 + 9) / 2**9 = 0.961.
    assert median_between([5, 1, 2, 3, 4, 6, 7, np.inf, np.inf]) == (5, 2, np.inf)
    # No two of three values do so at 95%.
    assert median_between([3, 1, 2]) == (2, -np.inf, np.inf)

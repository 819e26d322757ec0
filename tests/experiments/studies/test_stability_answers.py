"""How many answers about stability stay open: cells that are drawn the same every time, and what is said of some."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from marketgame.experiments import HOME
from marketgame.experiments.studies import stability_answers as study
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, Pricing

PUBLISHED = HOME.parent / "docs" / "tables" / "stability-answers.csv"


def test_all_rules_and_sizes_come_in_turn_and_cells_do_not_depend_on_their_number() -> None:
    cells = list(study.cells())
    assert {cell.rules for cell in cells} == set(study.RULES)
    assert len({cell.economy.name for cell in cells}) == 2 * len(study.SIZES)
    for one, other in zip(cells, study.cells(3), strict=False):
        assert one.rules == other.rules
        assert np.array_equal(one.economy.endowment_table, other.economy.endowment_table)


def test_theorems_answer_all_questions_where_they_apply() -> None:
    repaired = (Pricing.SPREAD, Bankruptcy.UNWIND, Coverage.ANNOUNCED_NUMERAIRE)
    circulating = (Pricing.COUNTERPARTY, Bankruptcy.UNWIND)
    small = [cell for cell in islice(study.cells(), 30) if "complete" in cell.economy.name]
    safe = next(c for c in small if (c.rules.pricing, c.rules.bankruptcy, c.rules.coverage) == repaired)
    assert set(study.answers(study.examined(safe, 600.0)).values()) == {Verdict.PROVEN}
    broken = next(c for c in small if (c.rules.pricing, c.rules.bankruptcy) == circulating)
    found = study.answers(study.examined(broken, 600.0))
    assert found["unilaterally stable"] is Verdict.PROVEN
    assert found["collusion-proof"] is found["strongly collusion-proof"] is Verdict.REFUTED


def test_in_the_published_table_what_is_known_of_some_coalitions_is_never_contradicted(tmp_path: Path) -> None:
    table = pd.read_csv(PUBLISHED)
    assert len(table) == 3 * study.CELLS
    wide = table["answer"].to_numpy().reshape(study.CELLS, 3)
    assert list(table["question"][:3]) == ["unilaterally stable", "collusion-proof", "strongly collusion-proof"]
    for weak, strong in ((0, 1), (1, 2)):
        assert (wide[wide[:, weak] == "refuted", strong] == "refuted").all()
        assert (wide[wide[:, strong] == "proven", weak] == "proven").all()
    assert (wide[:, [0, 2]] != "not-refuted").mean() > 0.95


def test_in_the_published_table_no_answer_is_open_where_two_can_hide_what_ruins_one() -> None:
    table = pd.read_csv(PUBLISHED, keep_default_na=False)
    asked = table[table["question"] == "collusion-proof"]
    hidden = (asked["bankruptcy"] == Bankruptcy.TRADES_STAND) & (asked["pricing"] != Pricing.VOID)
    assert (asked.loc[hidden, "approached"] == "up to any tolerance").all()
    seldom = asked["approached"] == "but for a part seldom told"
    void = (asked["bankruptcy"] == Bankruptcy.TRADES_STAND) & (asked["pricing"] == Pricing.VOID)
    assert (asked.loc[~hidden & ~seldom, "approached"] == "").all()
    assert void[seldom].all()
    # Where no two have either, it is proven that none is kept exactly.
    assert (asked.loc[void & ~seldom, "answer"] == "proven").all()
    assert "not-refuted" not in set(asked.loc[hidden, "answer"])

"""``marketgame replay`` of what is certified about outsiders who answer misquotes by a rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from marketgame.experiments.certificate_files.files import certificate_text
from tests.experiments.certificate_files.test_replay import sealed, setting, without, written
from tests.experiments.command_calls import Call, assert_one_line
from tests.mechanisms.certificates.test_certificates_reactions import (
    a_short_sale_against_arbitrageurs,
    stable_against_wary_outsiders,
)


def of_wary_outsiders() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(certificate_text(stable_against_wary_outsiders()))
    assert document["content"]["bounds"][3]["reaction"] == {"rule": "withholding-after-misquotes", "share": 1e-6}
    return document


def by_type(*rules: list[dict[str, Any] | None]) -> dict[str, Any]:
    return {"rule": "by-type", "rules": list(rules)}


PAIR_REACTION = ("content", "bounds", 3, "reaction")


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        (setting((*PAIR_REACTION, "share"), 0.0), ["reaction", "share is 0", "greater than 0"]),
        (setting((*PAIR_REACTION, "share"), 1.5), ["share is 1.5", "at most 1"]),
        (setting((*PAIR_REACTION, "rule"), "sulking"), ["rule is 'sulking'", "withholding-after-misquotes"]),
        (setting((*PAIR_REACTION, "size"), 1.0), ["size is not a known key"]),
        (without((*PAIR_REACTION, "share")), ["share is missing"]),
        (setting(PAIR_REACTION, {"rule": "arbitraging-after-misquotes", "size": -1.0}), ["size is -1", "at least 0"]),
        (setting(PAIR_REACTION, by_type([], [], [])), ["reaction.rules", "[0, 0, 0]", "[1, 1, 1]"]),
        (setting(PAIR_REACTION, by_type([None], [None])), ["reaction.rules", "[1, 1]", "[1, 1, 1]"]),
        (setting(PAIR_REACTION, by_type([None], [None], [{"rule": "sulking"}])), ["rule is 'sulking'"]),
    ],
)
def test_a_reaction_that_makes_no_sense_is_named(
    change: Callable[[dict[str, Any]], dict[str, Any]], fragments: list[str], tmp_path: Path, marketgame: Call
) -> None:
    file = written(tmp_path, json.dumps(sealed(change(of_wary_outsiders()))))
    assert_one_line(marketgame("replay", file), file, *fragments)


@pytest.mark.parametrize(
    "reaction",
    [
        None,
        {"rule": "withholding-after-misquotes", "share": 1.0},
        {"rule": "arbitraging-after-misquotes", "size": 10.0},
        by_type([None], [None], [{"rule": "arbitraging-after-misquotes", "size": 10.0}]),
    ],
)
def test_a_proof_is_refused_against_outsiders_other_than_those_it_is_about(
    reaction: dict[str, Any] | None, tmp_path: Path, marketgame: Call
) -> None:
    file = written(tmp_path, json.dumps(sealed(setting(PAIR_REACTION, reaction)(of_wary_outsiders()))))
    answer = marketgame("replay", file)
    assert answer.code == 1
    assert "could gain up to" in answer.out
    assert answer.out.splitlines()[-1] == "refused"


def test_replies_that_no_rule_gives_are_refused(tmp_path: Path, marketgame: Call) -> None:
    document = json.loads(certificate_text(a_short_sale_against_arbitrageurs()))
    situation = document["content"]["situation"]
    document["content"]["replies"] = {name: situation[name] for name in ("orders", "announced_endowments")}
    file = written(tmp_path, json.dumps(sealed(document)))
    assert_one_line(marketgame("replay", file), "content.replies is a table; it must be null")

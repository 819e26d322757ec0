"""``marketgame replay`` and the files it reads: what is true is confirmed, what was tampered with is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import (
    CertificateInput,
    certificate_text,
    content_hash,
    load_certificate,
    save_certificate,
)
from marketgame.experiments.certificate_files.played import verify
from marketgame.experiments.commands.explained import CERTIFICATES
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.explanation import tables_of
from marketgame.experiments.files.game_file import load_game
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.blocking import BlockingPlan, NoBlockingPlan, find_blocking_plan
from marketgame.mechanisms.certificates.blocking import certify_inhibition, certify_plan
from marketgame.mechanisms.certificates.certificate import Certificate
from marketgame.mechanisms.certificates.deviation import certify_deviation
from marketgame.mechanisms.certificates.durability import DurabilityCertificate
from marketgame.mechanisms.certificates.stability import certify_stability
from marketgame.mechanisms.coalitional_games.mechanism import stakes
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.core.durability.examination import Refutation
from marketgame.mechanisms.core.durability.search import AlternativeSearch, search_durability
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import DiagonalQuadratic, Exponential, Linear, Logarithmic, Power
from marketgame.mechanisms.market_game.rules import MarketRules
from tests.experiments.command_calls import GAMES, Call, assert_one_line, one_document
from tests.mechanisms.certificates.test_certificates import short_sale, two_faces
from tests.mechanisms.certificates.test_certificates_contracts import (
    a_lie,
    a_lie_and_other_orders,
    an_agreement,
    by_member,
    stable,
)
from tests.mechanisms.certificates.test_certificates_reactions import (
    a_short_sale_against_arbitrageurs,
    an_agreement_against_arbitrageurs,
    stable_against_wary_outsiders,
)
from tests.mechanisms.certificates.test_joint_misreport_certificates import a_joint_lie
from tests.mechanisms.collusion.test_lies_and_replies import a_joint_lie_and_replies

TEXT = CERTIFICATES.example.read_text(encoding="utf-8")


def of_a_lottery() -> Certificate:
    contract, situation = two_faces()
    return certify_deviation(situation, short_sale(situation), contract)


def of_carbon() -> Certificate:
    contract = grand_contract(load_economy(ECONOMIES / "oecd.toml"))
    return certify_stability(contract, MarketRules.no_short_sales(), [(1,)])


def of_every_family() -> Certificate:
    tastes = (
        Logarithmic(np.array([8.0]), np.array([1.0])),
        Power(np.array([9.0]), np.array([0.5]), np.array([0.7])),
        Exponential(np.array([7.0]), np.array([0.3])),
        Linear(np.array([1.0 / 3.0])),
        DiagonalQuadratic(np.array([6.0]), np.array([1.1])),
    )
    owned = np.array([2.0, 50.0])
    players = tuple(Player(f"trader {place}", (PlayerType("only", owned, one),)) for place, one in enumerate(tastes))
    prior = IndependentPrior([np.ones(1)] * len(players))
    contract = grand_contract(Economy("families", ("good", "money"), ("unit", "euro"), players, prior))
    return certify_stability(contract, MarketRules(), [tuple(range(len(players)))])


def of_complements() -> Certificate:
    contract = grand_contract(load_economy(ECONOMIES / "two-goods-complements.toml"))
    return certify_stability(contract, MarketRules(), [tuple(range(len(contract.economy.players)))])


def of_a_plan() -> Certificate:
    established = load_game(GAMES / "myerson-example-1-equal-gains.toml")
    assert established.mechanism is not None
    omega = stakes(established.game, established.mechanism)
    plan = find_blocking_plan(established.game, omega)
    assert isinstance(plan, BlockingPlan)
    return certify_plan(established.game, omega, plan.invitations, plan.payments)


def of_no_plan() -> Certificate:
    established = load_game(GAMES / "myerson-example-1.toml")
    assert established.mechanism is not None
    omega = stakes(established.game, established.mechanism)
    proof = find_blocking_plan(established.game, omega)
    assert isinstance(proof, NoBlockingPlan)
    return certify_inhibition(established.game, omega, proof.virtual)


def of_a_vote() -> Certificate:
    established = load_game(GAMES.parent / "cases" / "holmstrom-myerson-1983-dictator.toml")
    assert established.mechanism is not None
    found = search_durability(established.game, established.mechanism, AlternativeSearch(games=0))
    assert isinstance(found, Refutation)
    return DurabilityCertificate.of(established.game, established.mechanism, found)


# Some take a search to make; nothing changes them.
MADE: dict[str, Callable[[], Certificate]] = {
    "lottery": of_a_lottery,
    "lie": a_lie,
    "lie and other orders": a_lie_and_other_orders,
    "joint lie": a_joint_lie,
    "joint lie and replies": a_joint_lie_and_replies,
    "side-contract": lambda: an_agreement()[1],
    "stability": stable,
    "stability by member": by_member,
    "carbon": of_carbon,
    "families": of_every_family,
    "complements": of_complements,
    "plan": of_a_plan,
    "no plan": of_no_plan,
    "vote": of_a_vote,
    "stability against wary outsiders": stable_against_wary_outsiders,
    "deviation against arbitrageurs": a_short_sale_against_arbitrageurs,
    "side-contract against arbitrageurs": an_agreement_against_arbitrageurs,
}
CASES: dict[str, Callable[[], Certificate]] = {name: cache(make) for name, make in MADE.items()}


def sealed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the hash that it should have."""
    return document | {"sha256": content_hash(document)}


def written(folder: Path, text: str) -> Path:
    file = folder / "certificate.json"
    file.write_text(text, encoding="utf-8")
    return file


def numbers_in(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the path of every number inside a document."""
    if isinstance(node, float):
        return [path]
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, entry in entries for place in numbers_in(entry, (*path, key))]


def with_value(document: dict[str, Any], place: tuple[str | int, ...], change: Callable[[Any], Any]) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    node: Any = changed
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = change(node.get(place[-1]) if isinstance(node, dict) else node[place[-1]])
    return changed


@pytest.mark.parametrize("case", CASES)
def test_a_certificate_survives_its_file_exactly_and_is_confirmed(case: str, tmp_path: Path, marketgame: Call) -> None:
    certificate = CASES[case]()
    file = tmp_path / "certificate.json"
    save_certificate(certificate, file)
    again = load_certificate(file)
    assert certificate_text(again) == certificate_text(certificate) == file.read_text(encoding="utf-8")
    answer = marketgame("replay", file)
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == "confirmed"
    document = one_document(marketgame("replay", file, "--json"))
    assert document["confirmed"] is True
    assert document["mismatches"] == document["failures"] == []


def test_the_replay_shows_stored_beside_recomputed_numbers_and_who_goes_bankrupt(
    marketgame: Call, tmp_path: Path
) -> None:
    contract = grand_contract(load_economy(ECONOMIES / "three-traders.toml"))
    situation = situation_of(contract, 0, (1,), MarketRules.no_short_sales())
    file = tmp_path / "bankrupt.json"
    save_certificate(certify_deviation(situation, short_sale(situation), contract), file)
    answer = marketgame("replay", file)
    assert answer.code == 1
    assert answer.out.splitlines()[-1] == "refused"
    assert "no member may lose" in answer.out
    name = contract.economy.player_names[1]
    document = one_document(marketgame("replay", file, "--json"))
    assert document["coalition"] == [name]
    assert document["players"][name]["bankrupt"] == {"stored": 1.0, "recomputed": 1.0}
    gain = document["players"][name]["gain"]
    assert gain["stored"] == gain["recomputed"] < 0
    (line,) = [row for row in answer.out.splitlines() if row.strip().startswith(name) and " yes " in row]
    assert line


@pytest.mark.parametrize(
    "case",
    [
        "deviation",
        "lie",
        "side-contract",
        "plan",
        "deviation against arbitrageurs",
        "side-contract against arbitrageurs",
    ],
)
def test_every_number_counts_even_if_the_hash_is_made_to_fit(case: str, tmp_path: Path) -> None:
    document = json.loads(TEXT if case == "deviation" else certificate_text(CASES[case]()))
    places = numbers_in(document["content"])
    if case != "deviation":
        # A type or an action that a claim does not touch may be another: what is claimed remains true.
        places = [place for place in places if place[0] not in {"economy", "game", "stakes"}]
    # Of large documents a sample that meets every list.
    places = places[:: 1 + len(places) // 60]
    assert len(places) > 10
    accepted = []
    for place in places:
        changed = sealed(with_value(document, ("content", *place), lambda value: value + 0.01 * (1 + abs(value))))
        try:
            verification = verify(load_certificate(written(tmp_path, json.dumps(changed))))
        except InputError:
            continue
        if verification.confirmed:
            accepted.append(place)
    assert accepted == []


def test_a_wrong_number_under_a_fitting_hash_is_printed_beside_the_right_one(marketgame: Call, tmp_path: Path) -> None:
    document = json.loads(TEXT)
    gain = document["content"]["outcome"]["gain"]
    file = written(
        tmp_path,
        json.dumps(sealed(with_value(document, ("content", "outcome", "gain", 1), lambda value: value + 1))),
    )
    answer = marketgame("replay", file)
    assert answer.code == 1
    assert "outcome.gain[1]" in answer.out
    assert repr(gain[1] + 1) in answer.out
    assert repr(gain[1]) in answer.out
    assert answer.out.splitlines()[-1] == "refused"
    (mismatch,) = one_document(marketgame("replay", file, "--json"))["mismatches"]
    assert mismatch["quantity"] == "outcome.gain[1]"
    assert mismatch["stored"] == gain[1] + 1
    np.testing.assert_allclose(mismatch["recomputed"], gain[1])


def test_any_change_without_a_fitting_hash_is_refused_unread(tmp_path: Path, marketgame: Call) -> None:
    document = json.loads(TEXT)
    for place in (("outcome", "gain", 0), ("economy", "players", 0, "types", 0, "endowment", 0)):
        changed = with_value(document, ("content", *place), lambda value: value + 1e-9)
        file = written(tmp_path, json.dumps(changed))
        assert_one_line(marketgame("replay", file), file, f"sha256 is '{document['sha256'][:12]}", "changed after")
    renamed = with_value(document, ("content", "economy", "players", 0, "name"), lambda _: "somebody else")
    assert_one_line(marketgame("replay", written(tmp_path, json.dumps(renamed))), "sha256", "changed after")
    unsealed = {key: value for key, value in document.items() if key != "sha256"}
    assert_one_line(marketgame("replay", written(tmp_path, json.dumps(unsealed))), "sha256 is missing")
    forged = document | {"sha256": "0" * 64}
    assert_one_line(marketgame("replay", written(tmp_path, json.dumps(forged))), "sha256 is '000000000000...'")


def without(place: tuple[str | int, ...]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def change(document: dict[str, Any]) -> dict[str, Any]:
        changed = copy.deepcopy(document)
        node: Any = changed
        for step in place[:-1]:
            node = node[step]
        del node[place[-1]]
        return changed

    return change


def setting(place: tuple[str | int, ...], value: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda document: with_value(document, place, lambda _: value)


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        (setting(("kind",), "scenario"), ["kind is 'scenario'", "certificate"]),
        (setting(("kind",), 3), ["kind is 3"]),
        (without(("kind",)), ["kind is missing"]),
        (setting(("format",), 2), ["format is 2"]),
        (without(("content",)), ["content is missing"]),
        (setting(("content", "certifies"), "deviations"), ["content.certifies is 'deviations'", "'deviation'"]),
        (without(("content", "outcome", "gain")), ["content.outcome.gain is missing"]),
        (without(("content", "action", "orders")), ["content.action.orders is missing"]),
        (setting(("content", "outcome", "gain", 1), float("nan")), ["content.outcome.gain[1] is nan", "finite"]),
        (setting(("content", "outcome", "gain", 1), float("inf")), ["content.outcome.gain[1] is inf", "finite"]),
        (setting(("content", "outcome", "gain", 1), "54.8"), ["content.outcome.gain[1] is '54.8'", "number"]),
        (setting(("content", "outcome", "gain", 1), None), ["content.outcome.gain[1] is None", "number"]),
        (setting(("content", "rules", "pricing"), "voided"), ["content.rules.pricing is 'voided'", "void"]),
        (setting(("content", "claim"), "none"), ["content.claim is 'none'", "improvement"]),
        (setting(("content", "surplus"), 1.0), ["content.surplus is not a known key"]),
    ],
)
def test_a_field_that_is_wrong_is_named(
    change: Callable[[dict[str, Any]], dict[str, Any]], fragments: list[str], tmp_path: Path, marketgame: Call
) -> None:
    file = written(tmp_path, json.dumps(sealed(change(json.loads(TEXT)))))
    assert_one_line(marketgame("replay", file), file, *fragments)


def test_of_a_certificate_that_says_it_is_another_every_field_is_named(tmp_path: Path, marketgame: Call) -> None:
    document = json.loads(TEXT)
    file = written(tmp_path, json.dumps(sealed(setting(("content", "certifies"), "stability")(document))))
    answer = marketgame("replay", file)
    assert (answer.code, answer.out) == (2, "")
    assert all(line.startswith(f"error: {file}: content.") for line in answer.err.splitlines())
    for field in ("situation", "action", "outcome"):
        assert f"content.{field} is not a known key" in answer.err
    assert "content.bounds is missing" in answer.err


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        (setting(("content", "situation", "coalition", 0), "nobody"), ["coalition has 'nobody'", "trader 1"]),
        (setting(("content", "situation", "types", 0, 2), "never"), ["types of trader 2 has 'never'", "only"]),
        (setting(("content", "situation", "types", 0), ["only"]), ["types has 1 entries", "3"]),
        (setting(("content", "situation", "probability", 0), 0.5), ["probabilities are [0.5]"]),
        (setting(("content", "situation", "transfers"), [[0.0]]), ["transfers has shape"]),
        (setting(("content", "situation", "quotes", 0, 1), [1.0]), ["quotes has lists of different lengths"]),
        (setting(("content", "action", "side_transfers"), [1.0]), ["side transfers sum to 1"]),
        (setting(("content", "action", "quotes"), [[-1.0, 1.0]]), ["quotes must be at least 0"]),
        (setting(("content", "economy", "probability"), [0.5, 0.5]), ["probability has 2 entries"]),
        (setting(("content", "economy", "players", 0, "name"), "trader 1"), ["two players are named 'trader 1'"]),
        (setting(("content", "outcome", "gain", 0), 10**400), ["content"]),
        (setting(("content", "outcome", "gain"), [0.0]), ["outcome.gain has 1 entries", "must have 3"]),
        (
            setting(("content", "outcome", "after", "bankrupt"), [[False]]),
            ["after.bankrupt has shape (1, 1)", "(1, 3)"],
        ),
        (setting(("content", "action", "orders"), [[[0.0, 0.0]]]), ["action.orders has shape (1, 1, 2)"]),
        (setting(("content", "economy", "players", 0, "types", 0, "endowment"), [1.0]), ["types.only.endowment has 1"]),
    ],
)
def test_parts_that_do_not_go_together_are_refused_even_under_a_fitting_hash(
    change: Callable[[dict[str, Any]], dict[str, Any]], fragments: list[str], tmp_path: Path, marketgame: Call
) -> None:
    file = written(tmp_path, json.dumps(sealed(change(json.loads(TEXT)))))
    assert_one_line(marketgame("replay", file), file, *fragments)


@pytest.mark.parametrize(
    ("place", "fragment"),
    [
        (("clauses", 0, "quotes"), "quotes has"),
        (("clauses", 0, "announced_endowments"), "announced_endowments has"),
        (("clauses", 0, "profiles"), "must list each once"),
        (("status_quo", 0), "status_quo has"),
        (("promised", 0), "promised has"),
    ],
)
def test_a_side_contract_with_an_entry_too_many_is_refused(
    place: tuple[str | int, ...], fragment: str, tmp_path: Path, marketgame: Call
) -> None:
    document = json.loads(certificate_text(CASES["side-contract"]()))
    longer = with_value(document, ("content", *place), lambda entries: [*entries, entries[-1]])
    file = written(tmp_path, json.dumps(sealed(longer)))
    assert_one_line(marketgame("replay", file), file, fragment)


@pytest.mark.parametrize("kept", [0, 1, 100, len(TEXT) // 2, len(TEXT) - 3])
def test_a_truncated_file_is_refused(kept: int, tmp_path: Path, marketgame: Call) -> None:
    file = written(tmp_path, TEXT[:kept])
    assert_one_line(marketgame("replay", file), file, "not a whole JSON document")


def test_files_that_are_no_certificates_are_refused(tmp_path: Path, marketgame: Call) -> None:
    assert_one_line(marketgame("replay", tmp_path / "nothing.json"), "no such file")
    assert_one_line(marketgame("replay", tmp_path), "this is a folder")
    assert_one_line(marketgame("replay", ECONOMIES / "three-farmers.toml"), "not a whole JSON document")
    assert_one_line(marketgame("replay", written(tmp_path, "[]")), "must be a JSON object")
    assert_one_line(marketgame("replay", written(tmp_path, "[" * 100_000)), "nested too deeply")
    twice = TEXT.replace('"format": 1,', '"format": 1, "format": 1,')
    assert_one_line(marketgame("replay", written(tmp_path, twice)), "'format' is given twice")
    file = tmp_path / "certificate.json"
    file.write_bytes(b"\xff\xfe\x00")
    assert_one_line(marketgame("replay", file), "not text")


def test_what_no_longer_can_be_played_is_refused_with_the_reason(tmp_path: Path, marketgame: Call) -> None:
    document = setting(("content", "rules", "coverage"), "announced-numeraire")(json.loads(TEXT))
    document["content"]["action"]["announced_endowments"] = [[1.0, 31.0]]
    answer = marketgame("replay", written(tmp_path, json.dumps(sealed(document))))
    assert answer.code == 1
    assert "cannot be played: somebody announces 1 more than it owns" in answer.out.replace("\n", " ")
    assert answer.out.splitlines()[-1] == "refused"


def test_certificates_are_validated_and_explained_like_every_other_file(marketgame: Call, tmp_path: Path) -> None:
    answer = marketgame("validate", CERTIFICATES.example)
    assert answer.code == 0
    assert "valid, certificate 'three-traders-short-sale'" in answer.out
    assert marketgame("validate", written(tmp_path, TEXT[:-9])).code == 2
    explained = marketgame("explain", "certificate").out
    for table in tables_of(CertificateInput):
        for field in table.fields:
            assert field.meaning, f"{table.path}.{field.name}"
            assert field.name in explained
    assert CERTIFICATES.example.name in explained
    assert marketgame("replay", CERTIFICATES.example).code == 0


@pytest.mark.parametrize(
    ("about", "claim"),
    [
        ([], "no lie of one player gains against the contract"),
        ([(0, 1)], "no deviation by ann + bob gains against the contract"),
        ([(0,), (1,), (2,), (0, 1)], "no coalition of up to 1, nor ann + bob gains against the contract"),
    ],
)
def test_a_proof_says_whom_it_is_about(
    about: list[tuple[int, ...]], claim: str, marketgame: Call, tmp_path: Path
) -> None:
    contract = grand_contract(load_economy(ECONOMIES / "three-traders.toml"))
    proof = certify_stability(contract, MarketRules.no_short_sales(), about)
    save_certificate(proof, tmp_path / "proof.json")
    assert claim in " ".join(marketgame("replay", tmp_path / "proof.json").out.split())


@pytest.mark.parametrize("copies", [1, 3])
def test_a_proof_that_lists_a_coalition_again_is_refused_and_shown(
    copies: int, tmp_path: Path, marketgame: Call
) -> None:
    """What comes out lists it once, so the further bounds have nothing beside them."""
    document = json.loads(certificate_text(stable()))
    document["content"]["bounds"] += [document["content"]["bounds"][-1]] * copies
    answer = marketgame("replay", written(tmp_path, json.dumps(sealed(document))))
    assert answer.code in {1, 2}, answer.err
    assert answer.code == 2 or answer.out.rstrip().endswith("refused")

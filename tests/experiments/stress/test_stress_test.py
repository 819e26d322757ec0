"""The stress test says what the theorems say, proves or refutes it by files that are replayed, and goes on anywhere."""

from __future__ import annotations

import json
import pickle
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import marketgame as face
from marketgame.experiments.certificate_files.files import certificate_in, certificate_text, load_certificate
from marketgame.experiments.certificate_files.played import verify
from marketgame.experiments.collusion.certification import certified_scenario
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import InputFiles
from marketgame.experiments.stress import asking, played
from marketgame.experiments.stress.asking import MANY, Asked, Cell, OtherSourcesError, Outcome, Task, ask, ask_all
from marketgame.experiments.stress.comparisons import COMPARISONS
from marketgame.experiments.stress.folder import DOCUMENT, PAGE, PICTURE, TABLE, Kept
from marketgame.experiments.stress.grouping import lines
from marketgame.experiments.stress.implications import NARROWER, with_implied
from marketgame.experiments.stress.institution import Institution, Known
from marketgame.experiments.stress.market_answers import answered
from marketgame.experiments.stress.market_institution import MarketInstitution, Outsiders
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.recommendation import MUST, Candidate, recommended
from marketgame.experiments.stress.restrictiveness import least_restrictive, restricts_at_least
from marketgame.experiments.stress.result import Status, StressTest, stress_document
from marketgame.experiments.stress.ruling import Answered, Certainty, Evidence, Measure, Ruling
from marketgame.experiments.stress.selection import PRESETS, chosen
from marketgame.experiments.stress.stored import filed
from marketgame.experiments.stress.stressing import asked_of, in_memory
from marketgame.experiments.stress.words import NOT_ASKED, cell_text, counted_in, sentences
from marketgame.experiments.sweep.executors import Workers
from marketgame.experiments.sweep.identity import code_digest
from marketgame.mechanisms.certificates.deviation import DeviationCertificate
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import Execution, MarketRules
from marketgame.results.manifests import FILES, MANIFEST, read_manifest
from marketgame.results.report.page import is_intact
from marketgame.simulation.scenario.market_scenario import MarketScenario
from tests.experiments.command_calls import Call, assert_one_line

# What one player breaks, what coalitions do, and what nobody does.
SOME = ("paper", "no-short-sales", "matched-escrow")
TRADERS, FARMERS = "example:three-traders", "example:three-farmers"
# What is played is a sample, which says what was played.
PLAYED = {Question.CARELESS, Question.LEARNING}
LITTLE = played.Effort(careless_plays=4, most_careless=2, replications=2, rounds=10, longer=1)
FILE = Evidence("proof.json", "")
NO, YES, OPEN, SAMPLED = Verdict.REFUTED, Verdict.PROVEN, Verdict.NOT_REFUTED, Verdict.SAMPLED


@pytest.fixture(scope="module", autouse=True)
def little_is_played() -> Iterator[None]:
    """Carelessness and learning are the question of other tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(played, "BY_DEFAULT", LITTLE)
        yield


# Without what is played, which takes longer and has tests of its own.
ASKED = ("--workers", 1, "--ask", "one liar", "--ask", "one player", "--ask", "any coalition")


@pytest.fixture(scope="module")
def stressed(tmp_path_factory: pytest.TempPathFactory) -> StressTest:
    """The usual institutions on three traders who know each other's types."""
    return face.stress(
        TRADERS, presets=list(PRESETS), ask=MUST, out=tmp_path_factory.mktemp("stress") / "traders", seconds=None
    )


@pytest.fixture(scope="module")
def farmers(tmp_path_factory: pytest.TempPathFactory) -> StressTest:
    """What Theorem 8 recommends to three farmers with private types, with two kinds of transfers."""
    out = tmp_path_factory.mktemp("stress") / "farmers"
    return face.stress(FARMERS, presets=["matched-escrow", "escrow"], ask=MUST, out=out, seconds=None)


def of(test: StressTest, preset: str, transfers: str) -> Candidate:
    found = [
        one
        for one in test.institutions
        if one.institution.transfers == transfers
        and {**one.institution.described} == MarketInstitution(PRESETS[preset]).described
    ]
    assert len(found) == 1
    return found[0]


def rows_of(test: StressTest, of: StressTest) -> pd.DataFrame:
    """Return the rows of a table about the institutions of another."""
    names = {one.institution.name for one in of.institutions}
    return test.table.loc[test.table["institution"].isin(names), of.table.columns].reset_index(drop=True)


def verdicts(one: Candidate) -> list[Verdict | None]:
    return [one.verdict(question) for question in MUST]


def test_with_complete_information_what_survives_is_what_theorems_two_and_eight_say(stressed: StressTest) -> None:
    surviving = {name for name in PRESETS if set(verdicts(of(stressed, name, "none"))) == {YES}}
    assert surviving == {"repaired", "repaired-spread", "matched-escrow", "repaired-matched-escrow"}
    alone = {name for name in PRESETS if of(stressed, name, "none").verdict(Question.ONE) is NO}
    assert alone == {"paper", "escrow"}
    found = stressed.recommended
    assert found.institution == of(stressed, "matched-escrow", "none").institution.name
    assert found.ties == (of(stressed, "repaired-spread", "none").institution.name,)
    assert found.price is not None
    assert found.price.value == pytest.approx(0.0, abs=1e-9)


def test_with_private_types_only_coalition_proof_transfers_survive_liars_together(farmers: StressTest) -> None:
    proof = of(farmers, "matched-escrow", "coalition-proof")
    assert set(verdicts(proof)) == {YES}
    alone = of(farmers, "matched-escrow", "expected-externality")
    broken = {question for question in MUST if alone.verdict(question) is NO}
    assert broken == {Question.LIARS, Question.DISOBEY}
    assert farmers.recommended.institution == proof.institution.name
    assert farmers.recommended.ties == ()
    # Deposits alone bind nobody who is free to order anything else.
    assert of(farmers, "escrow", "coalition-proof").verdict(Question.ONE) is NO


@pytest.mark.parametrize("name", ["stressed", "farmers"])
def test_every_no_and_every_yes_has_a_file_that_is_confirmed(name: str, request: pytest.FixtureRequest) -> None:
    test: StressTest = request.getfixturevalue(name)
    files = set()
    for one in test.institutions:
        for question, ruling in one.rulings.items():
            place = test.certificate(ruling)
            if question in PLAYED:
                assert ruling.premises, question
                continue
            unsearched = ruling.verdict is OPEN and one.institution in COMPARISONS
            assert place is not None or (unsearched and ruling.verdict is not YES), question
            files |= {place} - {None}
    kept = set(test.folder.glob("certificates/*/*.json")) if test.folder is not None else set()
    assert files <= kept
    for file in kept:
        assert verify(load_certificate(file)).confirmed, file


@pytest.mark.parametrize("name", ["stressed", "farmers"])
def test_every_welfare_that_is_exact_or_bounded_has_a_file_that_is_confirmed(
    name: str, request: pytest.FixtureRequest
) -> None:
    test: StressTest = request.getfixturevalue(name)
    document = json.loads(json.dumps(stress_document(test)))
    assert test.benchmarks.keys() == {Measure.FIRST_BEST, Measure.EFFICIENT, Measure.EFFICIENT_WILLING}
    for welfare in (test.benchmarks, *(one.welfare for one in test.institutions)):
        for measure, found in welfare.items():
            if measure not in {*test.benchmarks, Measure.PLAYED}:
                continue
            assert found.certainty in {Certainty.EXACT, Certainty.BOUND}
            assert found.evidence is not None
            assert found.evidence.confirmed
            place = test.certificate(found)
            assert place is not None
            assert verify(load_certificate(place)).confirmed
    for measure, known in document["benchmarks"].items():
        assert known["certificate"] == str(test.certificate(test.benchmarks[Measure(measure)]))


@pytest.mark.parametrize("name", ["stressed", "farmers"])
def test_an_answer_that_follows_from_another_rests_on_its_file(name: str, request: pytest.FixtureRequest) -> None:
    test: StressTest = request.getfixturevalue(name)
    for one in test.institutions:
        for ruling in one.rulings.values():
            if ruling.follows_from is not None:
                other = one.rulings[ruling.follows_from]
                assert ruling.evidence == other.evidence
                assert ruling.verdict is other.verdict


@pytest.mark.parametrize("name", ["stressed", "farmers"])
def test_a_wide_yes_implies_the_narrow_ones_and_a_narrow_no_the_wide_ones(
    name: str, request: pytest.FixtureRequest
) -> None:
    test: StressTest = request.getfixturevalue(name)
    for one in test.institutions:
        for wide, narrow in NARROWER.items():
            for each in narrow:
                assert one.verdict(wide) is not YES or one.verdict(each) is YES
                assert one.verdict(each) is not NO or one.verdict(wide) is NO


RULINGS = st.dictionaries(st.sampled_from(list(Question)), st.sampled_from([NO, YES, OPEN, SAMPLED]))


@given(RULINGS, st.booleans())
def test_what_follows_is_found_at_once_and_changes_nothing_that_is_settled(
    found: dict[Question, Verdict], secrets: bool
) -> None:
    rulings = {question: Ruling(verdict, "drawn", evidence=FILE) for question, verdict in found.items()}
    conflict = any(
        found.get(wide) is YES and found.get(each) is NO for wide, narrow in NARROWER.items() for each in narrow
    )
    implied = with_implied(rulings, secrets=secrets)
    assert implied.keys() >= rulings.keys()
    if conflict or not secrets:
        return
    assert with_implied(implied, secrets=secrets) == implied
    for wide, narrow in NARROWER.items():
        for each in narrow:
            if found.get(each) is NO:
                assert implied[wide].verdict is NO
            if found.get(wide) is YES:
                assert implied[each].verdict is YES


GAINS = st.dictionaries(
    st.sampled_from([*NARROWER, Question.ONE_LIAR, Question.ONE]), st.sampled_from([0.1, 2.0, 30.0])
)


@given(GAINS)
def test_a_wide_question_shows_the_most_that_is_gained_of_all_that_breaks_it(gains: dict[Question, float]) -> None:
    rulings = {
        question: Ruling(NO, "drawn", total_gain=gain, evidence=Evidence(f"{question}.json", ""))
        for question, gain in gains.items()
    }
    implied = with_implied(rulings, secrets=True)
    for wide, narrow in NARROWER.items():
        broken = [one for one in (wide, *narrow) if one in gains]
        if broken:
            most = max(broken, key=gains.__getitem__)
            shown = implied[wide]
            assert shown.total_gain == gains[most]
            assert shown.follows_from is (None if gains[most] == gains.get(wide) else most)
            # Its file is that of the answer that it follows from.
            assert shown.evidence == rulings[shown.follows_from or wide].evidence


def test_whoever_asks_the_widest_question_alone_hears_of_single_players_too() -> None:
    test = face.stress(TRADERS, presets=["matched-escrow"], ask=[Question.DISOBEY], seconds=None, workers=1)
    (one,) = test.institutions
    assert [one.verdict(question) for question in (Question.DISOBEY, *NARROWER[Question.DISOBEY])] == [YES] * 7


def test_a_deadline_that_is_over_leaves_everything_unasked_and_the_same_folder_goes_on(
    stressed: StressTest, tmp_path: Path
) -> None:
    nothing = face.stress(TRADERS, presets=SOME, ask=MUST, seconds=0, out=tmp_path / "out")
    assert nothing.status is Status.TIME_IS_OVER
    assert set(nothing.table["verdict"]) == {NOT_ASKED}
    assert nothing.recommended.institution is None
    assert nothing.recommended.unknown == len(nothing.institutions)
    assert "not refuted" not in set(nothing.table["verdict"])
    whole = face.stress(TRADERS, presets=SOME, ask=MUST, seconds=None, out=tmp_path / "out")
    pd.testing.assert_frame_equal(whole.table, rows_of(stressed, whole))


def test_killed_after_any_answer_the_same_call_ends_with_the_same_table_and_asks_nothing_twice(
    stressed: StressTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, told = Kept.keep, list[Cell]()

    def killed(place: Kept, outcome: Outcome) -> Outcome:
        if len(told) % 6 == 5:
            told.append(Cell("", Inquiry.REPORTS))
            raise KeyboardInterrupt
        told.append(outcome.cell)
        return original(place, outcome)

    monkeypatch.setattr(Kept, "keep", killed)
    tests = 0
    while True:
        tests += 1
        try:
            whole = face.stress(TRADERS, presets=SOME, ask=MUST, seconds=None, out=tmp_path / "out")
            break
        except KeyboardInterrupt:
            assert tests < 20
    asked = [cell for cell in told if cell.institution]
    assert len(asked) == len(set(asked))
    assert tests > 2
    pd.testing.assert_frame_equal(whole.table, rows_of(stressed, whole))


def test_on_several_workers_the_table_is_the_same(stressed: StressTest) -> None:
    asked = asked_of(TRADERS, InputFiles(), presets=list(PRESETS), ask=MUST)
    with ThreadPoolExecutor(3) as pool:
        found = ask_all(asked, {}, NO_DEADLINE, Workers(pool, 3), lambda _: None)
    for one in stressed.institutions:
        known = asked.known(one.institution.name, found)
        assert {question: ruling.verdict for question, ruling in known.items()} == {
            question: ruling.verdict for question, ruling in one.rulings.items()
        }
        assert [ruling.money for ruling in known.values()] == [ruling.money for ruling in one.rulings.values()]


def test_a_cell_travels_to_another_process_which_refuses_other_sources() -> None:
    asked = asked_of(TRADERS, InputFiles(), presets=["matched-escrow"])
    institution = asked.institutions[-1]
    cell = Cell(institution.name, Inquiry.REPORTS)
    task = Task(cell, institution, pickle.dumps(asked.scenario), {}, None, code_digest())
    outcome = ask(pickle.loads(pickle.dumps(task)))
    assert outcome is not None
    assert outcome.answered.rulings[Question.ONE_LIAR].verdict is YES
    with pytest.raises(OtherSourcesError, match="other sources"):
        ask(replace(task, code="other"))


def test_a_folder_of_another_economy_or_code_is_refused_unless_it_is_to_be_begun_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    face.stress(TRADERS, presets=["escrow"], seconds=0, out=out)
    with pytest.raises(face.InputError, match="changed since"):
        face.stress("example:grain-for-one", presets=["escrow"], seconds=0, out=out)
    again = face.stress("example:grain-for-one", presets=["escrow"], seconds=0, out=out, on_change="restart")
    assert again.name == "grain for one"


def farmland() -> MarketScenario:
    return asked_of(FARMERS, InputFiles()).scenario


def institutions() -> list[Institution]:
    scenario = farmland()
    sets = [{**dict(zip(("pricing", "solvency"), one, strict=True))} for one in PAIRS]
    some = chosen(scenario, own=False, rules=sets, transfers=["none", "lp"])
    return [*some, *chosen(scenario, own=False, presets=["matched", "escrow"])]


PAIRS = list(product(("counterparty", "void", "spread"), ("budget", "no-short-sales")))


def test_restricting_is_a_partial_order_and_the_paper_restricts_least() -> None:
    some = institutions()
    for one, two in product(some, some):
        both = restricts_at_least(one, two) and restricts_at_least(two, one)
        assert both == ((one.described, one.transfers) == (two.described, two.transfers))
        for three in some:
            if restricts_at_least(one, two) and restricts_at_least(two, three):
                assert restricts_at_least(one, three)
    paper = MarketInstitution(MarketRules.paper(), transfers=TransferRule.NONE)
    usual = [one for one in chosen(farmland(), own=False) if isinstance(one, MarketInstitution)]
    assert all(restricts_at_least(one, paper) or one.described["pricing"] == "spread" for one in usual)
    every = [*some, paper, *usual]
    assert paper in least_restrictive(every)
    assert least_restrictive(every) == [
        one
        for one in every
        if not any(restricts_at_least(one, two) and not restricts_at_least(two, one) for two in every)
    ]


def test_what_is_only_sampled_or_not_refuted_is_never_recommended() -> None:
    institution = MarketInstitution(MarketRules.paper(), Outsiders.OBEY)
    for verdict in (SAMPLED, OPEN, NO, None):
        rulings = dict.fromkeys(MUST, Ruling(YES, "", evidence=FILE))
        if verdict is None:
            del rulings[Question.ANY]
        else:
            rulings[Question.ANY] = Ruling(verdict, "", evidence=FILE)
        found = recommended([Candidate(institution, rulings, {})], {})
        assert found.institution is None
        assert found.closest == institution.name
        assert found.missing == ((Question.ANY, verdict),)
        assert found.unknown == (verdict is not NO)
    assert (
        recommended([Candidate(institution, dict.fromkeys(MUST, Ruling(YES, "", evidence=FILE)), {})], {}).institution
        is not None
    )


def test_a_scenario_is_an_institution_of_its_own_and_comes_first(tmp_path: Path) -> None:
    found = face.stress("example:three-traders-organised-repaired", presets=["matched-escrow"], ask=MUST, seconds=30)
    own = found.institutions[0]
    assert own.institution.described["pricing"] == "void"
    assert "as stated" in own.institution.name
    assert own.verdict(Question.ANY) is YES
    assert found.certificates
    assert found.folder is None


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (("--rules", "pricing=cheap"), "pricing"),
        (("--rules", "price=void"), "'price'"),
        (("--rules", "void"), "NAME=VALUE"),
        (("--rules", "pricing=void,pricing=spread"), "twice"),
        (("--preset", "papre"), "'papre'"),
        (("--transfers", "gift"), "gift"),
        (("--must", "everything"), "'everything'"),
        (("--ask", "nobody"), "'nobody'"),
        (("--workers", 1, "--cluster", "here:1"), "--workers and --cluster"),
    ],
)
def test_bad_input_is_said_in_one_line(words: tuple[object, ...], fragment: str, marketgame: Call) -> None:
    assert_one_line(marketgame("stress", TRADERS, *words), fragment)


def test_the_document_has_the_keys_that_others_read(marketgame: Call, tmp_path: Path) -> None:
    answer = marketgame("stress", TRADERS, "--preset", "paper", *ASKED, "--out", tmp_path / "out", "--json")
    # The paper's rules survive nobody: there is nothing to recommend.
    assert answer.code == 1
    document = json.loads(answer.out)
    (institution,) = document["institutions"]
    assert {"rules", "transfers", "answers", "welfare"} <= institution.keys()
    one = institution["answers"]["one player"]
    assert one["verdict"] is False
    assert one["gain"] > 0
    assert Path(one["certificate"]).is_file()
    assert institution["answers"]["one liar"]["verdict"] is True
    assert institution["welfare"]["played"] == pytest.approx(institution["welfare"]["first_best"])
    assert document["recommended"]["institution"] is None
    assert document["recommended"]["closest"] == institution["name"]
    assert marketgame("replay", one["certificate"]).code == 0


@dataclass
class Slow:
    """An institution that needs more than its share of the time for the first of many questions."""

    name: str = "slow"
    transfers: str = "none"
    described: Mapping[str, str] = field(default_factory=dict)
    calls: list[Inquiry] = field(default_factory=list)

    def can_be_asked(self, inquiry: Inquiry, _scenario: MarketScenario) -> bool:
        return inquiry not in {Inquiry.WELFARE, Inquiry.REPORTS}

    def answer(self, inquiry: Inquiry, _scenario: MarketScenario, _known: Known, _deadline: Deadline) -> Answered:
        self.calls.append(inquiry)
        ruling = Ruling(OPEN, "", cut=self.calls == [Inquiry.ORDERS])
        return Answered(dict.fromkeys(inquiry.questions, ruling))


def test_what_time_cut_short_is_asked_again_in_the_end_and_nothing_else() -> None:
    slow = Slow()
    found = ask_all(Asked(farmland(), (slow,)), {}, Deadline.after(1000.0), None, lambda _: None)
    assert slow.calls == [inquiry for inquiry in Inquiry if slow.can_be_asked(inquiry, farmland())] + [Inquiry.ORDERS]
    assert not any(outcome.cut for outcome in found.values())


def test_the_page_plays_every_certificate_again_and_says_what_is_recommended(
    stressed: StressTest, tmp_path: Path, marketgame: Call
) -> None:
    folder = tmp_path / "again"
    assert stressed.folder is not None
    shutil.copytree(stressed.folder, folder)
    assert marketgame("report", folder, "--out", tmp_path / "page.html").code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"Recommended: {stressed.recommended.institution}." in page
    assert "Proposition 4" in page
    stored = next(folder.glob("certificates/*/*.json"))
    stored.write_text(stored.read_text(encoding="utf-8").replace("0", "1", 1), encoding="utf-8")
    assert_one_line(marketgame("report", folder, "--out", tmp_path / "page.html"), stored.name)


def test_one_call_leaves_a_page_of_what_it_played_again_whatever_was_in_time(
    stressed: StressTest, tmp_path: Path, marketgame: Call
) -> None:
    folder = stressed.folder
    assert folder is not None
    listed = read_manifest(folder / MANIFEST)[FILES]
    assert {PAGE, PICTURE, DOCUMENT, TABLE} <= listed.keys()
    page = (folder / PAGE).read_text(encoding="utf-8")
    assert f"Recommended: {stressed.recommended.institution}." in page
    assert "Every certificate was read back and played again when it was found." in page
    assert is_intact(page)
    assert "Recommended" in stressed.report(tmp_path / "mine.html").read_text(encoding="utf-8")
    # Interrupted, it says what is open; gone on with, the page is that of all.
    out = tmp_path / "out"
    face.stress(TRADERS, presets=["matched-escrow"], ask=["one liar"], seconds=0, out=out)
    assert "there was no time" in (out / PAGE).read_text(encoding="utf-8")
    answer = marketgame(
        "stress", TRADERS, "--preset", "matched-escrow", "--ask", "one liar", "--out", out, "--workers", 1
    )
    assert "no time" not in (out / PAGE).read_text(encoding="utf-8")
    assert str(out / PAGE) in answer.out


def test_what_does_not_come_out_again_is_no_answer() -> None:
    class Boasting(MarketInstitution):
        def answer(self, *asked: Any) -> Answered:
            found = super().answer(*asked)
            (question, ruling), *_ = found.rulings.items()
            assert ruling.evidence is not None
            certificate = certificate_in(ruling.evidence.text, ruling.evidence.name)
            assert isinstance(certificate, DeviationCertificate)
            gain = certificate.outcome.gain + 1.0
            forged = replace(certificate, outcome=replace(certificate.outcome, gain=gain))
            return Answered({question: replace(ruling, evidence=Evidence("more.json", certificate_text(forged)))})

    market = certified_scenario(TRADERS, InputFiles())
    for kind, verdict in ((MarketInstitution, NO), (Boasting, OPEN)):
        one = kind(MarketRules.paper(), transfers=TransferRule.NONE)
        found = ask_all(Asked(market, (one,), (Inquiry.ORDERS,)), {}, NO_DEADLINE, None, lambda _: None)
        ruling = found[Cell(one.name, Inquiry.ORDERS)].answered.rulings[Question.ONE]
        assert ruling.verdict is verdict
        assert ruling.evidence is None or ruling.evidence.confirmed


def test_the_picture_has_a_row_for_each_institution_and_says_what_was_not_asked(stressed: StressTest) -> None:
    (axes,) = stressed.plot().axes
    assert len(axes.get_yticklabels()) == len(stressed.institutions)
    assert [label.get_text().replace("\n", " ") for label in axes.get_xticklabels()] == [one.value for one in MUST]
    assert len(axes.texts) == len(stressed.institutions) * len(MUST)


def test_whoever_trades_alone_loses_nothing_and_is_answered(tmp_path: Path) -> None:
    text = located(TRADERS).read_text(encoding="utf-8")
    alone = tmp_path / "alone.toml"
    alone.write_text("[[players]]".join(text.split("[[players]]")[:2]), encoding="utf-8")
    found = face.stress(alone, presets=["paper"], ask=["careless traders"])
    assert found.whole
    assert found.institutions[0].verdict(Question.CARELESS) is YES


def test_where_there_is_nothing_to_gain_survival_costs_nothing(tmp_path: Path) -> None:
    head, trader, *_ = located(TRADERS).read_text(encoding="utf-8").split("[[players]]")
    alike = tmp_path / "alike.toml"
    alike.write_text("[[players]]".join([head, trader, trader.replace("ann", "bob")]), encoding="utf-8")
    found = face.stress(alike, presets=["matched-escrow", "paper"], ask=["one liar", "one player"])
    assert found.recommended.institution is not None
    assert any("nothing to gain by trade" in sentence for sentence in sentences(found))
    # There are no multiples of nothing.
    paper = found.named("as printed; transfers none").rulings[Question.ONE]
    assert paper.verdict is NO
    assert cell_text(paper, counted_in(found)).endswith("euro of money")


def test_where_nobody_has_money_those_that_are_not_admitted_are_said_not_to_be(tmp_path: Path) -> None:
    text = located(TRADERS).read_text(encoding="utf-8")
    poor = tmp_path / "poor.toml"
    poor.write_text(re.sub(r"(endowment\s*= \[[\d.]+, )[\d.]+\]", r"\g<1>0.0]", text), encoding="utf-8")
    found = face.stress(poor, ask=["one liar", "any coalition"], seconds=None)
    told = list(sentences(found))
    assert any(one.startswith("Not admitted by this economy: 8 of 12 institutions, since") for one in told)
    assert not any("Not asked" in one or "no time" in one for one in told)
    assert any("brings 0.00% of the first best" in one for one in told)


def test_of_many_institutions_those_are_played_first_that_nothing_has_refuted() -> None:
    told: list[Cell] = []

    @dataclass
    class Quick(Slow):
        def answer(self, inquiry: Inquiry, *_: object) -> Answered:
            verdict = NO if int(self.name) % 2 and inquiry is Inquiry.ORDERS else YES
            return Answered(dict.fromkeys(inquiry.questions, Ruling(verdict, "drawn", evidence=FILE)))

    many = tuple(Quick(str(place)) for place in range(MANY + 2))
    ask_all(Asked(farmland(), many), {}, NO_DEADLINE, None, lambda outcome: told.append(outcome.cell))
    played = [cell for cell in told if cell.inquiry in asking.PLAYED]
    assert told[-len(played) :] == played
    assert [int(cell.institution) % 2 for cell in played] == [0] * (len(many)) + [1] * (len(many))


def test_many_institutions_share_lines_by_their_answers_what_is_recommended_first() -> None:
    some = [
        one
        for one in chosen(farmland(), own=False, every=True, transfers=["none"])
        if isinstance(one, MarketInstitution)
    ]
    proven = dict.fromkeys(MUST, Ruling(YES, "", evidence=FILE))
    rulings = {
        one: {**proven, **({} if one.rules.execution is Execution.MATCHED else {Question.ANY: Ruling(NO, "drawn")})}
        for one in some
    }
    candidates = [Candidate(one, rulings[one], {}) for one in some]
    found = recommended(candidates, {})
    shared = lines(candidates, found)
    assert [one.first.institution.name for one in shared[: 1 + len(found.ties)]] == [found.institution, *found.ties]
    assert sorted(one.institution.name for line in shared for one in line.members) == sorted(one.name for one in some)
    for line in shared:
        assert len({one.verdict(Question.ANY) for one in line.members}) == 1
    half = len(some) // 2
    assert shared[-1].name == f"all {half} without matched"
    assert len(lines(candidates[:40], found)) == 40


def test_an_answer_that_cannot_be_computed_leaves_the_others() -> None:
    class Overflowing(MarketInstitution):
        def answer(self, *_: object) -> Answered:
            raise FloatingPointError("overflow")

    market = certified_scenario(TRADERS, InputFiles())
    one = Overflowing(MarketRules.paper())
    found = ask_all(Asked(market, (one,), (Inquiry.WELFARE,)), {}, NO_DEADLINE, None, lambda _: None)
    assert found[Cell(one.name, Inquiry.WELFARE)].failed == "overflow"
    asked = Asked(market, (one,), (Inquiry.ORDERS,))
    test = in_memory(asked, MUST, NO_DEADLINE, nullcontext)
    assert test.named(one.name).failed == {Question.ONE: "overflow"}
    told = "No answer although there was time: one player, of as printed; transfers expected-externality: overflow."
    assert told in list(sentences(test))


def test_what_must_be_survived_is_asked_whatever_else_is() -> None:
    only, must = [Question.ONE_LIAR], [Question.ANY]
    found = face.stress(TRADERS, presets=["matched-escrow"], ask=only, must=must, seconds=None, workers=1)
    assert found.recommended.institution == found.institutions[0].institution.name


def test_what_cannot_be_played_leaves_what_survives_recommended() -> None:
    class Unplayable(MarketInstitution):
        def answer(self, inquiry: Inquiry, *asked: Any) -> Answered:
            if inquiry is Inquiry.LEARNING:
                raise ValueError("a learner cannot deposit what it does not own")
            return super().answer(inquiry, *asked)

    asked = Asked(
        certified_scenario(TRADERS, InputFiles()),
        (Unplayable(MarketRules.no_short_sales()),),
        (Inquiry.ORDERS, Inquiry.LEARNING),
    )
    test = in_memory(asked, (Question.ONE,), NO_DEADLINE, nullcontext)
    assert test.recommended.institution == test.institutions[0].institution.name
    assert test.institutions[0].failed == {Question.LEARNING: "a learner cannot deposit what it does not own"}


LAWFUL = {"ann": (2.0, 30.0, 5.0, 1.0), "bob": (1.0, 30.0, 5.5, 1.0), "cat": (1.5, 30.0, 6.2, 1.2)}
"""Three traders: what each owns of the good and of money, what the first unit is worth to it, and by how much less."""


def lawful(order: str, money: float, goods: float) -> str:
    players = {"a": "ann", "b": "bob", "c": "cat"}
    lines = ['kind = "market-economy"', 'name = "law"', 'goods = ["wheat", "money"]', 'units = ["tonne", "euro"]']
    for name in (players[one] for one in order):
        owned, wealth, first, less = LAWFUL[name]
        valuation = (
            f'family = "quadratic", intercept = [{first * money / goods}], slope = [[{less * money / goods**2}]]'
        )
        lines += ["[[players]]", f'name = "{name}"', "[players.types.known]"]
        lines += [f"endowment = [{owned * goods}, {wealth * money}]", f"valuation = {{ {valuation} }}"]
    return "\n".join(lines)


def test_different_agreements_that_answer_two_questions_of_one_inquiry_have_files_of_their_own() -> None:
    told = {
        question: Ruling(Verdict.REFUTED, "side-contract", ("ann",), evidence=Evidence("side-contract.json", text))
        for question, text in ((Question.CONSISTENT, "one"), (Question.ANY, "two"), (Question.DISOBEY, "two"))
    }
    placed, texts = filed(Outcome(Cell("an institution", Inquiry.COALITIONS), Answered(told)))
    for question, ruling in placed.answered.rulings.items():
        given, kept = told[question].evidence, ruling.evidence
        assert given is not None
        assert kept is not None
        assert texts[kept.name] == given.text
    assert len(texts) == 2


def test_units_and_names_change_no_answer(tmp_path: Path) -> None:
    tables = []
    for order, money, goods in (("abc", 1.0, 1.0), ("abc", 1000.0, 0.001), ("cab", 0.001, 1000.0)):
        file = tmp_path / f"{order}-{money}.toml"
        file.write_text(lawful(order, money, goods), encoding="utf-8")
        asked = ["one player", "any coalition", "coalitions that leave"]
        tables.append(face.stress(file, presets=["no-short-sales", "matched-escrow"], ask=asked, seconds=None))
    first, *others = tables
    for test in others:
        assert test.recommended.institution == first.recommended.institution
        assert test.table["verdict"].tolist() == first.table["verdict"].tolist()
    # In the order in which they are written down, also the numbers, which are shares.
    for column in ("share", "bound"):
        assert others[0].table[column].to_numpy() == pytest.approx(first.table[column].to_numpy(), rel=1e-6, abs=1e-9)


def test_among_many_a_price_that_everybody_pays_keeps_nobody_who_is_promised_something_for_leaving() -> None:
    market = certified_scenario("example:three-hundred-traders", InputFiles())
    name = market.economy.player_names[0]
    for amount, verdict in ((0.0, YES), (1.0, OPEN)):
        severance = {name: dict.fromkeys(("modest", "hungry"), amount)}
        scenario = replace(market, transfers=TransferRule.NONE, severance=severance)
        found = answered(scenario, Inquiry.LEAVING, {}, NO_DEADLINE, None)
        assert found.rulings[Question.LEAVING].verdict is verdict


def test_correlated_types_too_many_to_list_are_asked_with_the_transfers_that_need_no_list(tmp_path: Path) -> None:
    file = tmp_path / "crowd.toml"
    file.write_text(
        'kind = "market-economy"\nname = "crowd"\ngoods = ["wheat", "money"]\nunits = ["tonne", "euro"]\n'
        '[[players]]\nname = "farm"\ncount = 24\n'
        + "".join(
            f"types.{name} = {{ probability = 0.5, endowment = [2.0, 100.0], "
            f'valuation = {{ family = "quadratic", intercept = [{most}], slope = [[1.0]] }} }}\n'
            for name, most in (("low", 8.0), ("high", 12.0))
        )
        + '[prior]\nlaw = { name = "gaussian-copula", correlation = 0.5 }\n',
        encoding="utf-8",
    )
    must = ["any coalition", "coalitions that leave"]
    found = face.stress(file, ask=must, must=must, presets=["matched-escrow"], seconds=60)
    (one,) = found.institutions
    assert one.institution.transfers == "none"
    assert {one.rulings[question].verdict for question in (Question.ANY, Question.LEAVING)} == {Verdict.PROVEN}
    assert found.recommended.institution == one.institution.name

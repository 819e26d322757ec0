"""What was played has a file by which it is played again, and comes out to the last bit or is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import certificate_in
from marketgame.experiments.certificate_files.played import recomputed, verify
from marketgame.experiments.certificate_files.replay import replay_document, replayed
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.experiments.stress.compared_play import careless_welfare, learned_welfare
from marketgame.experiments.stress.market_institution import REPAIRED
from marketgame.experiments.stress.played import Effort, careless, learning
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.ruling import Answered, Measure
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE
from marketgame.simulation.market.sampled_play.certificate import (
    CarelessCertificate,
    LearningCertificate,
    PlayedCertificate,
)
from marketgame.simulation.scenario.market_scenario import MarketScenario

FEW = Effort(careless_plays=8, most_careless=1, replications=2, rounds=10, longer=1)
SOME = replace(FEW, most_learners=2, learners=2, replications_of_many=2, rounds_of_many=4)


def asked() -> MarketScenario:
    farmers = load_economy(located("example:three-farmers"))
    return MarketScenario("asked", farmers, rules=REPAIRED, transfers=TransferRule.COALITION_PROOF, seed=5)


def stated() -> MarketScenario:
    """The same with its contract stated: nobody can work transfers out from the economy."""
    plain = asked()
    contract = contract_with_transfers(plain.economy, TransferRule.EXPECTED_EXTERNALITY)
    return replace(plain, transfers=TransferRule.NONE, contract=contract)


PLAYS: dict[str, Callable[[], Answered]] = {
    "careless": lambda: careless(asked(), NO_DEADLINE, FEW),
    "careless, stated": lambda: careless(stated(), NO_DEADLINE, FEW),
    "careless, call market": lambda: careless_welfare(asked().economy, ComparedMarket.CALL, 5, NO_DEADLINE, FEW),
    "learning": lambda: learning(asked(), NO_DEADLINE, FEW),
    "learning, some": lambda: learning(asked(), NO_DEADLINE, SOME),
    "learning, stated": lambda: learning(stated(), NO_DEADLINE, FEW),
    "learning, call market": lambda: learned_welfare(asked().economy, ComparedMarket.CALL, 5, NO_DEADLINE, FEW),
}


@cache
def played(name: str) -> tuple[Answered, PlayedCertificate]:
    answered = PLAYS[name]()
    (ruling,) = answered.rulings.values()
    assert ruling.evidence is not None
    certificate = certificate_in(ruling.evidence.text, "played.json")
    assert isinstance(certificate, CarelessCertificate | LearningCertificate)
    return answered, certificate


@pytest.mark.parametrize("name", PLAYS)
def test_what_was_played_comes_out_again_to_the_last_bit(name: str) -> None:
    answered, certificate = played(name)
    again = replayed(certificate)
    assert again.confirmed
    json.dumps(replay_document(again), allow_nan=False)
    (ruling,) = answered.rulings.values()
    if isinstance(certificate, LearningCertificate):
        assert certificate.verdict is ruling.verdict is answered.rulings[Question.LEARNING].verdict
        measured = answered.welfare[Measure.LEARNED]
        assert measured.value == certificate.value
        assert measured.evidence == ruling.evidence
    else:
        assert certificate.losses.max() == ruling.total_gain or certificate.losses.max() <= 0


@pytest.mark.parametrize("name", ["careless", "careless, call market", "learning", "learning, call market"])
def test_whatever_number_is_changed_is_refused(name: str) -> None:
    _, certificate = played(name)
    forged: list[PlayedCertificate]
    if isinstance(certificate, LearningCertificate):
        forged = [
            replace(certificate, **{number: np.nextafter(getattr(certificate, number), 2.0)})
            for number in ("missed", "uncertainty", "value", "obedience")
        ]
    else:
        forged = [
            replace(certificate, **{number: getattr(certificate, number) + 1e-15})
            for number in ("losses", "uncertainty")
        ]
    other = Verdict.SAMPLED if certificate.verdict is not Verdict.SAMPLED else Verdict.REFUTED
    forged.append(replace(certificate, verdict=other))
    forged.append(replace(certificate, seed=certificate.seed + 1))
    assert not any(verify(each).confirmed for each in forged)


def test_what_says_less_than_its_numbers_do_is_true() -> None:
    _, certificate = played("learning")
    assert verify(replace(certificate, verdict=Verdict.NOT_REFUTED)).confirmed


def test_nobody_is_made_to_play_without_end() -> None:
    _, certificate = played("learning")
    with pytest.raises(ValueError, match="too many"):
        replace(certificate, rounds=10**9)


def test_harm_that_was_done_is_not_left_out() -> None:
    """A file of careless traders says that they harm nobody only after every kind of each, and no less than it saw."""
    for name in ("careless", "careless, call market"):
        _, certificate = played(name)
        assert isinstance(certificate, CarelessCertificate)
        for cases in ([0], [0, 0, 1], [0, 1, 2, 2]):
            part = replace(
                certificate,
                kinds=tuple(certificate.kinds[case] for case in cases),
                careless=tuple(certificate.careless[case] for case in cases),
                losses=certificate.losses[cases],
                uncertainty=certificate.uncertainty[cases],
                verdict=Verdict.SAMPLED,
            )
            assert not verify(part).confirmed
        again = recomputed(replace(certificate, verdict=Verdict.NOT_REFUTED))
        assert isinstance(again, CarelessCertificate)
        unsaid = verify(replace(again, verdict=Verdict.NOT_REFUTED))
        assert unsaid.confirmed is (again.verdict is not Verdict.REFUTED)

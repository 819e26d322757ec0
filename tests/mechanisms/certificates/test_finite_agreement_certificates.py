"""Certificates of agreements in finite games, and the game in which it matters who is told more than what to play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments import HOME
from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.claims.giraud_rochon.finite import Partners
from marketgame.mechanisms.certificates.certificate import recomputed, verify
from marketgame.mechanisms.certificates.finite_agreement import FiniteAgreementCertificate

TOLD = Partners(2).agreement(telling=True)


def test_an_agreement_is_kept_if_a_member_is_told_more_than_what_to_play() -> None:
    assert verify(TOLD).confirmed


@pytest.mark.parametrize("messages", [1, 2, 3])
def test_two_break_it_if_neither_knows_enough_to_refuse(messages: int) -> None:
    untold = verify(Partners(messages).agreement(telling=False))
    assert untold.failures == ("Ann and Bob break the agreement by one of their own",)
    assert verify(Partners(messages).objection()).confirmed


def test_nobody_else_improves_so_that_words_decide_whether_the_contract_is_collusion_proof() -> None:
    assert Partners(1).others_who_improve() == []


def test_payoffs_in_other_units_and_beside_a_constant_change_nothing() -> None:
    for payoffs in (TOLD.payoffs * 1e6, TOLD.payoffs * 1e-6, TOLD.payoffs + 100.0):
        assert verify(recomputed(replace(TOLD, payoffs=payoffs))).confirmed


CHANGES: dict[str, Callable[[FiniteAgreementCertificate], FiniteAgreementCertificate]] = {
    "what is promised": lambda held: replace(held, promised=held.promised + 1e-3),
    "what it is without": lambda held: replace(held, status_quo=held.status_quo - 1e-3),
    "who it is about": lambda held: replace(held, coalition=(0, 1)),
    "how likely": lambda held: replace(held, prior=np.array([0.9, 0.1])),
    "what they get": lambda held: replace(held, payoffs=-held.payoffs),
    "what is agreed": lambda held: replace(held, agreement=np.roll(held.agreement, 1, axis=1)),
    # By two places: Bob is told something else. By one it is Cat, who may as well open where both go.
    "what was told before": lambda held: replace(held, contract=np.roll(held.contract, 2, axis=1)),
    "of another size": lambda held: replace(held, agreement=held.agreement[:1]),
    "too few payoffs": lambda held: replace(held, payoffs=held.payoffs[:, :-1]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_certificate_that_was_changed_is_refused(change: str) -> None:
    assert not verify(CHANGES[change](TOLD)).confirmed


def test_the_file_that_comes_with_marketgame_is_this_agreement(tmp_path: Path) -> None:
    save_certificate(TOLD, tmp_path / "one.json")
    shipped = HOME / "certificates" / "partners-told-apart.json"
    assert (tmp_path / "one.json").read_text() == shipped.read_text()
    read = load_certificate(shipped)
    assert isinstance(read, FiniteAgreementCertificate)
    assert verify(read).confirmed


@pytest.mark.parametrize("large", [1e3, 1e6, 1e9, 1e12])
def test_what_two_gain_by_breaking_it_is_not_hidden_by_ruin_nor_by_what_the_third_has_at_stake(large: float) -> None:
    broken = Partners(1).agreement(telling=False)
    payoffs = np.where(broken.payoffs <= -10, -large, broken.payoffs).reshape(2, 3, 3, 2, 3)
    payoffs[:, 1, 1, :, 2] += large
    assert not verify(recomputed(replace(broken, payoffs=payoffs.reshape(broken.payoffs.shape)))).confirmed


@pytest.mark.parametrize("large", [0.0, 1e9, 1e12])
def test_who_loses_or_would_lie_is_not_hidden_by_what_another_has_at_stake(large: float) -> None:
    payoffs = TOLD.payoffs.reshape(2, 4, 3, 2, 3).copy()
    payoffs[:, 1:3, 1, :, 2] += large
    lying, losing = payoffs.copy(), payoffs.copy()
    # Cat prefers the word that is not true; Ann did better before.
    lying[0, 2, 1, :, 2] += 0.5
    lying[1, 1, 1, :, 2] += 0.5
    losing[:, 0, 0, :, 0] += 3.0
    for changed, failure in ((lying, "somebody gains by what it reports"), (losing, "Ann loses by the agreement")):
        found = verify(recomputed(replace(TOLD, payoffs=changed.reshape(TOLD.payoffs.shape))))
        assert any(failure in one for one in found.failures)

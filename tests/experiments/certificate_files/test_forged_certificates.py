"""Certificates that say what is not so, forged from outside or by rounding: every one is refused, with the reason.

The files in ``cases`` were confirmed once.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import content_hash, load_certificate
from marketgame.experiments.certificate_files.played import recomputed, verify
from marketgame.mechanisms.certificates.deviation import DeviationCertificate
from marketgame.mechanisms.certificates.stability import StabilityCertificate
from tests.experiments.command_calls import Call, one_document

CASES = Path(__file__).parents[1] / "cases"


def refusals(name: str, marketgame: Call) -> str:
    answer = marketgame("replay", CASES / name)
    assert answer.code == 1
    assert answer.out.splitlines()[-1] == "refused"
    return answer.out


def test_a_certificate_cannot_say_that_a_member_knows_what_it_is_not_told(marketgame: Call) -> None:
    """Player a cannot tell whether b is poor (0.9) or rich (0.1): it is told the same.

    It sells short to b and takes all the money there is: 78 if b is rich, 12 + 10 + 30 = 52 if b is poor. Against the
    promised 55.0173 it so expects 0.9 * 52 + 0.1 * 78 - 55.0173 = -0.4173. The file knows that b is rich.
    """
    out = refusals("fabricated-knowledge.json", marketgame)
    assert "the members cannot tell [0, 1] apart, which all must be there" in out.replace("\n", " ")
    certificate = load_certificate(CASES / "fabricated-knowledge.json")
    assert isinstance(certificate, DeviationCertificate)
    promised = certificate.outcome.promised[0]
    assert 0.9 * 52 + 0.1 * 78 - promised == pytest.approx(-0.4173, abs=5e-5)


def test_twins_are_quoted_one_price_so_that_its_last_digit_cannot_be_exploited(marketgame: Call) -> None:
    """From draw to draw b and c swap types; the price is the same but for the last digit, as sums are rounded.

    Under `void` pricing a member that quotes the first draw's digit refused to trade in the second, without knowing
    in which it was. With one price the play is the contract's in both draws: nobody gains anything.
    """
    out = refusals("twins-false-improvement.json", marketgame)
    assert "they must gain something" in out.replace("\n", " ")
    certificate = recomputed(load_certificate(CASES / "twins-false-improvement.json"))
    assert isinstance(certificate, DeviationCertificate)
    np.testing.assert_allclose(certificate.outcome.gain, 0.0, atol=1e-12)


def test_of_a_deviation_and_the_proof_that_there_is_none_only_the_proof_is_true(marketgame: Call) -> None:
    """Ann and bob order 1e15 units of money from each other; the rounding of these orders was worth 6.74 to them.

    Under the four repaired rules a coalition ends every play with at most its wealth (``docs/collusion.md``, Theorem
    2), so the proof is right, and the deviation is not: in exact arithmetic both exceed their budgets, go bankrupt and
    lose all.
    """
    out = refusals("four-rules-rounding-deviation.json", marketgame)
    assert "no member may lose" in out
    again = recomputed(load_certificate(CASES / "four-rules-rounding-deviation.json"))
    assert isinstance(again, DeviationCertificate)
    assert again.outcome.after.bankrupt[0].tolist() == [True, True, False]
    answer = marketgame("replay", CASES / "four-rules-rounding-stability.json", "--json")
    assert answer.code == 0
    assert one_document(answer)["confirmed"] is True
    proof, deviation = (
        load_certificate(CASES / f"four-rules-rounding-{name}.json") for name in ("stability", "deviation")
    )
    assert isinstance(proof, StabilityCertificate)
    assert isinstance(deviation, DeviationCertificate)
    # They are about the same contract, and the proof about the same coalition among others.
    assert (proof.numeraire_transfers == deviation.numeraire_transfers).all()
    assert proof.rules == deviation.situation.rules
    assert deviation.situation.coalition in proof.about


@pytest.mark.parametrize("place", range(7))
def test_a_proof_must_hold_a_bound_for_every_coalition_that_it_is_about(place: int, tmp_path: Path) -> None:
    document = json.loads((CASES / "four-rules-rounding-stability.json").read_text(encoding="utf-8"))
    del document["content"]["bounds"][place]
    file = tmp_path / "shortened.json"
    file.write_text(json.dumps(document | {"sha256": content_hash(document)}), encoding="utf-8")
    (failure,) = verify(load_certificate(file)).failures
    assert failure.startswith("there is no bound for")
    assert failure.endswith("whom the claim is about")

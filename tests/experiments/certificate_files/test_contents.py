"""What a certificate's dataclass holds is what its file holds, nothing left out and nothing listed twice."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import get_args

import numpy as np
import pytest

from marketgame.experiments.certificate_files.contents import CERTIFICATES
from marketgame.experiments.certificate_files.forms import LAYOUTS, MisfitError, Record, Seen
from marketgame.experiments.files.input_file import InputError, validated
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import Certificate
from marketgame.mechanisms.deviations.situation import Situation
from marketgame.simulation.market.sampled_play.certificate import PLAYED

# Economy and rules stand at the top of the certificate; what is known to be efficient only saves time.
SPARED: dict[type, set[str]] = {Situation: {"economy", "rules", "efficient"}}


def test_every_kind_of_certificate_has_a_file() -> None:
    assert {record.kind for record in CERTIFICATES} == {*get_args(Certificate.__value__), *PLAYED}


@pytest.mark.parametrize("record", [*CERTIFICATES, *LAYOUTS.values()], ids=lambda record: record.kind.__name__)
def test_every_field_is_held_by_a_key(record: Record) -> None:
    paths = [key.path or key.name for key, _, _ in record.entries if key.path is not None]
    held = {path.partition(".")[0] for path in paths}
    assert {each.name for each in fields(record.kind)} - held == SPARED.get(record.kind, set())


@dataclass(frozen=True)
class Pair:
    """Two arrays that belong together.

    Attributes:
        first: ``(A, B)``, units.
        second: of the same B, ``(B,)``, units.
        label: anything.
    """

    first: FloatArray
    second: FloatArray
    label: str = ""


def pair(**keys: object) -> Pair:
    record = Record(Pair)
    # The model is made from the class, so its type is known only when it runs.
    stored = validated(record.model, {"first": [[1.0, 2.0]], "second": [3.0, 4.0], "label": "x"} | keys, "pair.json")  # type: ignore[arg-type]
    found: Pair = record.read(stored, Seen())
    return found


def test_a_dataclass_is_read_by_its_fields_and_the_shapes_that_its_docstring_gives() -> None:
    found = pair()
    np.testing.assert_array_equal(found.first, [[1.0, 2.0]])
    assert Record(Pair).write(found, Seen()) == {"first": [[1.0, 2.0]], "second": [3.0, 4.0], "label": "x"}
    with pytest.raises(MisfitError, match=r"second has 3 entries; it must have 2"):
        pair(second=[1.0, 2.0, 3.0])
    with pytest.raises(MisfitError, match=r"first has lists of different lengths"):
        pair(first=[[1.0], [2.0, 3.0]])
    with pytest.raises(InputError, match=r"pair.json: first\[0\] is 1.0; it must be a list"):
        pair(first=[1.0, 2.0])
    with pytest.raises(InputError, match=r"pair.json: label is 3; it must be text in quotes"):
        pair(label=3)


def test_a_class_that_does_not_say_what_a_field_is_cannot_be_held() -> None:
    @dataclass(frozen=True)
    class Silent:
        """Says nothing."""

        number: float

    with pytest.raises(TypeError, match="Silent does not say what number is"):
        _ = Record(Silent).model

"""Files that are refused, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from marketgame.experiments.files.input_file import InputError


def refusal_of(file: Path, text: str, load: Callable[[Path], object]) -> str:
    """Write a file and return the one line, beginning with its name, in which it is refused."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load(file)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(file))
    return message

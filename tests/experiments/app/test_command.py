"""`marketgame app` says on one line what keeps it from serving."""

from __future__ import annotations

import socket
import sys

import pytest

from marketgame.experiments import ExitCode
from tests.experiments.command_calls import Call


def test_without_its_extra_the_command_says_what_to_install(marketgame: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "marketgame.experiments.app.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    answer = marketgame("app")
    assert answer.code == ExitCode.BAD_INPUT
    assert "pip install 'marketgame[app]'" in answer.err


def test_a_port_that_is_taken_is_refused_by_its_option(marketgame: Call) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = marketgame("app", "--port", port, "--no-browser")
    assert answer.code == ExitCode.BAD_INPUT
    assert answer.err.startswith(f"error: --port is {port}; it cannot be used")

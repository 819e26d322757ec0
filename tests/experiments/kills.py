"""Kills at any step of writing, in a process that lives on to see what is left."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


class KilledError(BaseException):
    """Stands for a kill: nothing is done any more."""


# Paths and `shutil` change the disk by these, looked up anew at every call.
STEPS = {os: ("replace", "rename", "mkdir", "rmdir", "unlink"), Path: ("write_text",)}


def kill_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """Let nothing change on the disk from some step on."""
    left = iter(range(step))

    def killing(function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            if next(left, None) is None:
                raise KilledError
            return function(*arguments, **options)

        return call

    for owner, names in STEPS.items():
        for name in names:
            patch.setattr(owner, name, killing(getattr(owner, name)))

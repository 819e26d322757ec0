"""The statements of Myerson (2006), Virtual Utility and the Core for Games with Incomplete Information."""

from __future__ import annotations

from marketgame.experiments.claims.claim import Claim

CLAIMS: tuple[Claim, ...] = ()

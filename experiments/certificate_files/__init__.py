"""Certificates as JSON documents, and what ``marketgame replay`` makes of them."""

from __future__ import annotations

from typing import Final

# What the manifest of a folder of certificates calls it.
CERTIFICATES: Final = "certificates"

"""Institutions that are no market game of the papers, so that "better than what?" has an answer."""

from __future__ import annotations

from marketgame.experiments.stress.compared_institution import COMPARED
from marketgame.experiments.stress.institution import Institution

COMPARISONS: tuple[Institution, ...] = COMPARED
"""Those that stand beside the papers' in every table, in this order."""

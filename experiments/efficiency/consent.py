"""How it is written what it takes that everybody takes part in a contract."""

from __future__ import annotations

from typing import Any

from rich.console import Group

from marketgame.experiments.printing import number, table
from marketgame.mechanisms.contracts.consent import Consent
from marketgame.mechanisms.economies.economy import Economy


def consent_document(economy: Economy, consent: Consent | None) -> dict[str, Any] | None:
    """Return the answer; none if it is not known."""
    if consent is None:
        return None
    return {
        "least_gain": dict(zip(economy.player_names, map(float, consent.least_gains), strict=True)),
        "fixed_payment": dict(zip(economy.player_names, map(float, consent.payments), strict=True)),
        "shortfall": consent.shortfall,
    }


def consent_table(economy: Economy, transfers: str, consent: Consent) -> Group:
    """Return the answer as a table, with a line on what it costs."""
    scale = float(abs(consent.least_gains).max())
    rows = [
        [name, number(float(least), scale), number(float(payment), scale)]
        for name, least, payment in zip(economy.player_names, consent.least_gains, consent.payments, strict=True)
    ]
    title = f"What it takes that everybody takes part, under {transfers} transfers, in {economy.units[-1]}"
    columns = ["player", "its worst type gains", "fixed payment to it"]
    if consent.shortfall > 0:
        cost = f"These payments do not suffice: {number(consent.shortfall, scale)} would have to come from outside."
    elif consent.payments.any():
        cost = "After these payments nobody expects to lose; they change no incentive."
    else:
        cost = "Nobody expects to lose: no payments are needed."
    return Group(table(title, columns, rows, texts=1), cost)

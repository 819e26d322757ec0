"""What the two regions with cheap permits can gain as a sellers' cartel on the Annex B carbon market, rule by rule."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import pandas as pd

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.stress.examining import EFFORT
from marketgame.experiments.stress.market_institution import MarketInstitution, Outsiders, combined_institutions
from marketgame.experiments.studies.institutions.families import ECONOMIES
from marketgame.experiments.studies.institutions.resuming import Kept
from marketgame.mechanisms.collusion.side_contracts.search import SideEffort, find_side_contract
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.deviations.effort import Objective
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency

# The Annex B regions that sell most permits: Eastern economies in transition and the former Soviet Union.
SELLERS = ("EET", "FSU")
KEY = ("pricing", "solvency", "bankruptcy", "coverage", "outsiders")
COLUMNS = (*KEY, "verdict", *SELLERS, "total", "least", "bound")
MILLION_IN_BILLION = 1000.0


def cartel_table(
    file: Path,
    effort: SideEffort = EFFORT,
    workers: int | None = None,
    on_cell: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return what the cartel gains under each institution whose outsiders obey, and under withholding if covered.

    Args:
        file: that keeps the rows already computed, created if absent.
        effort: of the searches.
        workers: processes; one per core if left out.
        on_cell: told how many rows are done, and of how many.

    Returns:
        One row per institution: its rules, ``verdict``, the two members' gains at the joint action with the largest
        sum, that sum (``total``), ``least`` (what the member who gains least expects, by lot if need be), and
        ``bound`` (proven, on the sum); billion 1985 US dollars.
    """
    missing = {_key(institution): partial(_row, institution, effort) for institution in compared()}
    rows = Kept(file, KEY, COLUMNS, 1).completed(missing, workers, on_cell)
    return pd.DataFrame([row for key in missing for row in rows[key]], columns=list(COLUMNS))


def compared() -> list[MarketInstitution]:
    """Return the institutions of the table: outsiders who withhold only where that proves something."""
    repaired = [
        MarketRules(
            pricing=pricing,
            solvency=Solvency.NO_SHORT_SALES,
            bankruptcy=bankruptcy,
            coverage=Coverage("announced-numeraire"),
        )
        for pricing, bankruptcy in product(Pricing, Bankruptcy)
    ]
    obeying = [one for one in combined_institutions() if one.outsiders is Outsiders.OBEY]
    return obeying + [MarketInstitution(rules, Outsiders.WITHHOLD) for rules in repaired]


def _key(institution: MarketInstitution) -> tuple[str, ...]:
    return (*(getattr(institution.rules, name).value for name in KEY[:-1]), institution.outsiders.value)


def _row(institution: MarketInstitution, effort: SideEffort) -> list[dict[str, object]]:
    contract = grand_contract(load_economy(ECONOMIES / "annex-b.toml"))
    members = tuple(sorted(contract.economy.player_names.index(name) for name in SELLERS))
    situation = situation_of(contract, 0, members, institution.rules, institution.reaction)
    search = most_profitable_deviation(situation, Objective.TOTAL, effort.oracle)
    agreed = find_side_contract(
        contract, institution.rules, members, reaction=institution.reaction, objective=Objective.LEAST, effort=effort
    ).side_contract
    shared = [] if agreed is None else zip(agreed.promised, agreed.status_quo, strict=True)
    least = min((float((after - before).max()) for after, before in shared), default=0.0)
    found = (search.verdict.value, *(gain / MILLION_IN_BILLION for gain in (*search.gains, search.value, least)))
    return [dict(zip(COLUMNS, (*_key(institution), *found, search.bound / MILLION_IN_BILLION), strict=True))]

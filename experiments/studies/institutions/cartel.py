"""What the two regions with cheap permits can gain as a sellers' cartel on the Annex B carbon market, rule by rule."""

from __future__ import annotations

from itertools import product

import pandas as pd

from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.institutions.answers import EFFORT
from marketgame.experiments.studies.institutions.families import ECONOMIES
from marketgame.experiments.studies.institutions.institution import Institution, Outsiders, institutions
from marketgame.mechanisms.collusion.side_contracts.search import SideEffort, find_side_contract
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.effort import Objective
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency

# The Annex B regions that sell most permits: Eastern economies in transition and the former Soviet Union.
SELLERS = ("EET", "FSU")
MILLION_IN_BILLION = 1000.0


def cartel_table(effort: SideEffort = EFFORT) -> pd.DataFrame:
    """Return what the cartel gains under each institution whose outsiders obey, and under withholding if covered.

    Returns:
        One row per institution: its rules, ``verdict``, the two members' gains at the joint action with the largest
        sum, that sum (``total``), ``least`` (what the member who gains least expects, by lot if need be), and
        ``bound`` (proven, on the sum); billion 1985 US dollars.
    """
    contract = grand_contract(load_economy(ECONOMIES / "annex-b.toml"))
    return pd.DataFrame([_row(contract, institution, effort) for institution in _compared()])


def _compared() -> list[Institution]:
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
    obeying = [institution for institution in institutions() if institution.outsiders is Outsiders.OBEY]
    return obeying + [Institution(rules, Outsiders.WITHHOLD) for rules in repaired]


def _row(contract: GrandContract, institution: Institution, effort: SideEffort) -> dict[str, object]:
    members = tuple(sorted(contract.economy.player_names.index(name) for name in SELLERS))
    situation = situation_of(contract, 0, members, institution.rules, institution.reaction)
    search = most_profitable_deviation(situation, Objective.TOTAL, effort.oracle)
    agreed = find_side_contract(
        contract, institution.rules, members, reaction=institution.reaction, objective=Objective.LEAST, effort=effort
    ).side_contract
    shared = [] if agreed is None else zip(agreed.promised, agreed.status_quo, strict=True)
    least = min((float((after - before).max()) for after, before in shared), default=0.0)
    rules = institution.rules
    return {
        "pricing": rules.pricing.value,
        "solvency": rules.solvency.value,
        "bankruptcy": rules.bankruptcy.value,
        "coverage": rules.coverage.value,
        "outsiders": institution.outsiders.value,
        "verdict": search.verdict.value,
        **{name: gain / MILLION_IN_BILLION for name, gain in zip(SELLERS, search.gains, strict=True)},
        "total": search.value / MILLION_IN_BILLION,
        "least": least / MILLION_IN_BILLION,
        "bound": search.bound / MILLION_IN_BILLION,
    }

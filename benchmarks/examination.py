"""How long ``certify`` takes: from the command line against what somebody waits for, and against asking coalitions too.

All seconds are processor time: what else a machine does is not our work.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

import numpy as np

from benchmarks.measurement import Measurement, print_table, time_of
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.examination import examine
from marketgame.mechanisms.certificates.stability import certify_stability, certify_stability_by_member
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import PAPER_RULES, Bankruptcy, Coverage, MarketRules, Pricing, Solvency

REPAIRED = MarketRules(
    pricing=Pricing.SPREAD,
    solvency=Solvency.NO_SHORT_SALES,
    bankruptcy=Bankruptcy.UNWIND,
    coverage=Coverage.ANNOUNCED_NUMERAIRE,
)
FEW, MANY = 8, 20
TRADER = """
[[players]]
name = "trader {place}"
[players.types.only]
endowment = [{owned}, 50.0]
valuation = {{ family = "quadratic", intercept = [{wish}], slope = [[1.0]] }}
"""


def traders(count: int) -> list[tuple[float, float]]:
    """Return what different traders of one good own and wish for."""
    return [(1.0 + 0.1 * place, 5.0 + 0.37 * place % 3) for place in range(count)]


def contract_of(count: int) -> GrandContract:
    players = tuple(
        Player(
            f"trader {place}", (PlayerType("only", np.array([owned, 50.0]), Quadratic(np.array([wish]), np.eye(1))),)
        )
        for place, (owned, wish) in enumerate(traders(count))
    )
    names = ("grain", "money")
    return grand_contract(Economy("traders", names, names, players, IndependentPrior([np.ones(1)] * count)))


def file_of(count: int, folder: Path) -> Path:
    head = 'kind = "market-economy"\nname = "traders"\nsource = "made up"\n'
    head += 'goods = ["grain", "money"]\nunits = ["tonne", "euro"]\n'
    tables = (TRADER.format(place=place, owned=owned, wish=wish) for place, (owned, wish) in enumerate(traders(count)))
    file = folder / "traders.toml"
    file.write_text(head + "".join(tables), encoding="utf-8")
    return file


def called(file: Path, rules: MarketRules, folder: Path) -> float:
    """Return the processor seconds of ``marketgame certify`` on a file, certificates included."""
    named = ("pricing", "solvency", "bankruptcy", "coverage")
    chosen = [word for name in named for word in ("--rule", f"{name}={getattr(rules, name).value}")]
    words = ["-m", "marketgame", "certify", str(file), *chosen, "--out", str(folder / "certificates"), "--json"]

    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def run() -> None:
        code = subprocess.run([sys.executable, *words], capture_output=True, check=False).returncode
        assert code in (0, 1), code

    return time_of(run, 3, spent)


def measure() -> list[Measurement]:
    """Return the ratios."""
    carbon = grand_contract(load_economy(ECONOMIES / "annex-b.toml"))
    players = len(carbon.economy.players)
    settled = time_of(lambda: examine(carbon, PAPER_RULES, Coalitions(players, players)), 3, process_time)
    pairs = Coalitions(players, 1, ((0, 1), (2, 3), (4, 5)))
    asked_too = time_of(lambda: examine(carbon, PAPER_RULES, pairs), 1, process_time)
    few, about = contract_of(FEW), Coalitions(FEW, FEW)
    by_member = time_of(lambda: verify(certify_stability_by_member(few, REPAIRED, about)), 3, process_time)
    one_by_one = time_of(lambda: verify(certify_stability(few, REPAIRED, list(about))), 1, process_time)
    rows = [
        Measurement(
            "carbon market, the paper's rules: until the answers are settled",
            "three of the 57 larger coalitions asked too",
            asked_too / settled,
            10.0,
            f"{settled:.2f} s",
        ),
        Measurement(
            f"proof for {FEW} players, derived and verified, a number for each",
            "a bound for each coalition",
            one_by_one / by_member,
            None,
            f"{1e3 * by_member:.0f} ms",
        ),
    ]
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        asked = (
            ("carbon market, the paper's rules", ECONOMIES / "annex-b.toml", PAPER_RULES, 3.0),
            ("ten traders, the paper's rules", ECONOMIES / "ten-traders.toml", PAPER_RULES, 20.0),
            ("ten traders, a proof", ECONOMIES / "ten-traders.toml", REPAIRED, 20.0),
            (f"{MANY} players, a proof", file_of(MANY, folder), REPAIRED, 5.0),
        )
        for what, file, rules, limit in asked:
            seconds = called(file, rules, folder)
            work = f"certify: {what}"
            rows.append(Measurement(work, f"{limit:g} seconds", limit / seconds, 1.0, f"{seconds:.2f} s"))
    return rows


if __name__ == "__main__":
    print_table(measure())

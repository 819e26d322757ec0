"""Whether contracts that stand up are efficient and tell all: ``python -m benchmarks.converse_evidence``.

Random economies, half of them with corners (players who own nothing of a good, or no money, or always want all of it),
and contracts on them: shares of the competitive trade, arbitrary net trades at arbitrary prices after reports of one
player, lotteries over both, and contracts that are the same whatever is reported. Each is asked under several rules:
does truth pay, does a bound exclude all gains, and if not, who gains? What is looked for is a deviation; nothing tells
the search what the theorems of ``docs/converse.md`` say. A contract that is proved and not efficient, or proved and not
fully revealing, is a counterexample to the converse of Theorem 1 of Giraud and Rochon (2001), and is counted.
"""

from __future__ import annotations

import csv
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from marketgame.mechanisms import UnansweredError
from marketgame.mechanisms.certificates.examination import Examination, examine
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.stating import Recommendation, inefficiency, stated_contract, tells_all
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
)

ECONOMIES = 8
SECONDS = 1.0
FOUR = MarketRules(
    pricing=Pricing.SPREAD,
    solvency=Solvency.NO_SHORT_SALES,
    bankruptcy=Bankruptcy.UNWIND,
    coverage=Coverage.ANNOUNCED_NUMERAIRE,
)
RULES = {
    "the paper's": MarketRules(),
    "no-short-sales": MarketRules(solvency=Solvency.NO_SHORT_SALES),
    "the four of Theorem 2, spread": FOUR,
    "the four, void, simultaneous": replace(FOUR, pricing=Pricing.VOID, timing=Timing.SIMULTANEOUS),
    "midpoint": replace(FOUR, pricing=Pricing.MIDPOINT),
    "matched": replace(FOUR, execution=Execution.MATCHED),
    "deposits": replace(FOUR, refusal=Refusal.ESCROW),
    "matched, deposits": replace(FOUR, execution=Execution.MATCHED, refusal=Refusal.ESCROW),
}
COLUMNS = (
    "economies",
    "contracts",
    "rules",
    "tried",
    "a lie pays",
    "one player gains",
    "a coalition gains and keeps to it",
    "a coalition gains",
    "nobody is known to gain",
    "proved",
    "proved, not efficient",
    "proved, not revealing",
    "largest inefficiency of the not refuted",
)


def economy(generator: np.random.Generator, *, corners: bool) -> Economy:
    """Return three players of one or two types, prices and quantities with few digits."""
    players = []
    for number in range(3):
        kinds = int(generator.integers(1, 3))
        owned = np.array([generator.integers(2, 9) / 4, generator.integers(8, 40)], dtype=np.float64)
        if corners:
            owned *= [generator.choice([0.0, 1.0]), generator.choice([0.0, 1.0, 1.0])]
            if not owned.any():
                owned[1] = 16.0
        types = []
        for kind in range(kinds):
            keen = generator.choice([0.25, 1.0, 4.0]) if corners else 1.0
            intercept, slope = keen * generator.integers(24, 48) / 8, keen * generator.integers(2, 9) / 8
            types.append(PlayerType(f"kind {kind}", owned, Quadratic(np.array([intercept]), np.array([[slope]]))))
        players.append(Player(f"player {number}", tuple(types)))
    if not any(kind.endowment[0] for player in players for kind in player.types):
        return economy(generator, corners=corners)
    prior = IndependentPrior([generator.dirichlet(np.full(len(player.types), 3.0)) for player in players])
    return Economy("random", ("good", "money"), ("unit", "euro"), tuple(players), prior)


def contracts(of: Economy, generator: np.random.Generator) -> Iterator[tuple[str, GrandContract]]:
    """Yield contracts of every family; those that nobody can carry out are left out."""
    price = np.array([generator.integers(2, 40) / 8, 1.0])
    families = {
        "competitive": [Recommendation(1.0)],
        "a share of the competitive": [Recommendation(float(generator.choice([0.25, 0.5, 0.75])))],
        "no trade at some price": [Recommendation(0.0, price)],
        "the same trades after all reports": [Recommendation(_trades(of, generator), price)],
        "trades by one player's report": [
            Recommendation(
                _trades(of, generator), price + np.array([0.5 * place, 0.0]), {of.player_names[0]: kind.name}
            )
            for place, kind in enumerate(of.players[0].types)
        ],
        "a lottery over trades": [Recommendation(_trades(of, generator), price, {}, 0.5) for _ in range(2)],
        "a lottery over shares": [Recommendation(share, None, {}, 0.5) for share in (1.0, 0.5)],
        "a lottery over payments": [],
    }
    try:
        competitive = stated_contract(of, families["competitive"])
    except ValueError:
        competitive = None  # Somebody cannot pay for what it is to have.
    if competitive is not None and (np.ptp(competitive.net_trades, axis=0) == 0).all():
        moved = generator.integers(-4, 5, 3) / 4.0
        moved[2] = -moved[:2].sum()
        for sign in (1.0, -1.0):
            trades = competitive.net_trades[0] + sign * np.column_stack([np.zeros(3), moved])
            families["a lottery over payments"].append(Recommendation(trades, competitive.price[0], {}, 0.5))
    for name, told in families.items():
        try:
            yield name, stated_contract(of, told)
        except ValueError:
            continue


def _trades(of: Economy, generator: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return net trades in eighths that everybody can make, the last player making up the sum."""
    least = of.endowments(of.profiles).min(axis=0)
    trades = np.floor(8 * generator.uniform(-0.5, 0.5, least.shape) * least.max(axis=0) / 3) / 8
    trades[-1] = -trades[:-1].sum(axis=0)
    return np.asarray(trades)


def outcome(found: Examination) -> str:
    """Return what is known of a contract, in the words of the table's columns."""
    if not found.incentive_compatible:
        return "a lie pays"
    if found.strongly_collusion_proof is Verdict.PROVEN:
        return "proved"
    if found.unilaterally_stable is Verdict.REFUTED:
        return "one player gains"
    if found.collusion_proof is Verdict.REFUTED:
        return "a coalition gains and keeps to it"
    return "a coalition gains" if found.strongly_collusion_proof is Verdict.REFUTED else "nobody is known to gain"


def main(table: Path, economies: int) -> None:
    """Ask all, print the table, and write it."""
    rows: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    largest: dict[tuple[str, str, str], float] = defaultdict(float)
    refused, began = Counter[str](), time.perf_counter()
    for number in range(economies):
        generator, corners = np.random.default_rng([13, number]), bool(number % 2)
        kind = "with corners" if corners else "interior"
        for family, contract in contracts(economy(generator, corners=corners), generator):
            stake = float(contract.stakes.sum())
            lost = float(inefficiency(contract)[contract.probability > 0].max())
            for name, rules in RULES.items():
                key = (kind, family, name)
                try:
                    found = examine(contract, rules, Coalitions(3, 3), Deadline.after(SECONDS))
                except (ValueError, UnansweredError) as error:
                    refused[str(error).partition(" for ")[0][:60]] += 1
                    continue  # The rules do not admit the contract, or rounding leaves it undecided.
                answer = outcome(found)
                rows[key]["tried"] += 1
                rows[key][answer] += 1
                if answer == "proved":
                    rows[key]["proved, not efficient"] += lost > GAIN_TOLERANCE * stake
                    rows[key]["proved, not revealing"] += not tells_all(contract)
                elif answer in ("nobody is known to gain", "a coalition gains"):
                    largest[key] = max(largest[key], lost)
        print(f"{number + 1} of {economies} economies, {time.perf_counter() - began:.0f} s", file=sys.stderr)
    lines = [
        dict(zip(COLUMNS[:3], key, strict=True))
        | {column: rows[key][column] for column in COLUMNS[3:-1]}
        | {COLUMNS[-1]: f"{largest[key]:.6g}"}
        for key in sorted(rows)
    ]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    total = Counter[str]()
    for counted in rows.values():
        total += counted
    print(dict(total))
    print("not asked:", dict(refused))


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0] if given else "docs/tables/converse.csv"), int(given[1]) if len(given) > 1 else ECONOMIES)

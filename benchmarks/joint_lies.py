"""Ten traders, some of whom lie together in 10,000 rounds: what they realise beside what was promised to them.

``python -m benchmarks.joint_lies [TABLE]`` writes the table, ``docs/tables/joint-lies-played.csv`` as it is run by
``make evidence``. It fails where the mean over rounds is four standard errors or more from what was promised, over all
rounds or over those in which the members are of the types that have most to gain, and where under coalition-proof
transfers anything is proposed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from marketgame.agents.coalitions.choice import CoalitionChoice, OrganiserStage
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.joint_misreports import JointMisreport, best_joint_misreport
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.simulation.run import simulate
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.organisers import Organiser, Sharing

ROUNDS, SEED, SURE = 10_000, 13, 4.0
USUAL, PROOF = TransferRule.EXPECTED_EXTERNALITY, TransferRule.COALITION_PROOF
# All who have something to hide; the three who gain most; two who tell only an organiser what they know.
CASES = (
    (USUAL, ("ada", "ben", "cleo", "dina", "eli", "fay"), Sharing.EVERYTHING),
    (USUAL, ("ada", "dina", "eli"), Sharing.EVERYTHING),
    (USUAL, ("ada", "eli"), Sharing.MONEY),
    (USUAL, ("ada", "eli"), Sharing.NOTHING),
    (PROOF, ("ada", "ben", "cleo", "dina", "eli", "fay"), Sharing.EVERYTHING),
    (PROOF, ("ada", "dina", "eli"), Sharing.MONEY),
)


def played(rule: TransferRule, members: tuple[str, ...], sharing: Sharing) -> Iterator[dict[str, Any]]:
    """Yield the rows of one case: over all rounds and, for members who share everything, over those of the witness."""
    economy = load_economy(ECONOMIES / "ten-traders.toml")
    contract = contract_with_transfers(economy, rule)
    coalition = tuple(economy.player_names.index(name) for name in members)
    choice = CoalitionChoice(smallest=len(members), members=frozenset(coalition))
    broker = Organiser("broker", choice, stage=OrganiserStage.REPORTS, sharing=sharing)
    scenario = MarketScenario(
        "joint lies", economy, contract=contract, organisers=(broker,), transfers=rule, rounds=ROUNDS, seed=SEED
    )
    rows: pd.DataFrame = simulate(scenario)["side_contracts"].to_pandas()
    case = {"transfers": rule.value, "coalition": " + ".join(members), "sharing": sharing.value}
    case["fate"] = ", ".join(sorted(set(rows["fate"].astype(str))))
    gains = rows.groupby("round")["realised_gain"].sum(min_count=1)
    promised = rows["promise"].iloc[0]
    yield case | {"types": "any"} | _compared(gains, 0.0 if pd.isna(promised) else float(promised))
    if rule is USUAL and sharing is Sharing.EVERYTHING:
        witness = _witness(contract, coalition)
        kinds = rows.astype({"type": str}).groupby("round")["type"].agg(" + ".join)
        met = gains[kinds == " + ".join(witness.true_types)]
        yield case | {"types": " + ".join(witness.true_types)} | _compared(met, witness.gain)


def _witness(contract: GrandContract, coalition: tuple[int, ...]) -> JointMisreport:
    witness = best_joint_misreport(contract, coalition)
    assert witness is not None
    return witness


def _compared(gains: pd.Series, promised: float) -> dict[str, Any]:
    """Return the mean of what was realised in some rounds, nothing where nothing was proposed, beside the promise."""
    proposed = gains.notna().any()
    error = float(gains.std(ddof=1)) / len(gains) ** 0.5 if proposed else 0.0
    return {
        "rounds": len(gains),
        "promised": promised,
        "realised": float(gains.mean()) if proposed else 0.0,
        # Where nothing that matters is uncertain, what is realised differs by rounding alone.
        "standard_error": error if error > 1e-9 else 0.0,
    }


def main(table: Path) -> None:
    """Play all cases, write the table, and fail where a promise is not kept."""
    frame = pd.DataFrame([row for case in CASES for row in played(*case)])
    frame.to_csv(table, index=False, float_format="%.6g", lineterminator="\n")
    print(frame.to_string(index=False))
    off = (frame["realised"] - frame["promised"]).abs() > SURE * frame["standard_error"] + 1e-6
    nothing = frame["transfers"] == PROOF.value
    assert not off.any(), frame[off]
    assert (frame.loc[nothing, "fate"] == "none-found").all()
    assert (frame.loc[~nothing, "fate"] == "accepted").all()


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path("docs/tables/joint-lies-played.csv"))

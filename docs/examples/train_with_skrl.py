"""A policy from a reinforcement-learning library, trained on the market: what it gains as it learns.

``python docs/examples/train_with_skrl.py FOLDER`` trains the orders of cat by proximal policy optimisation (Schulman et
al. 2017), as skrl implements it, against ann and bob, who obey: under the paper's rules, where nobody may end with less
than nothing, and under the repaired rules, where recommended flows are executed out of deposits and others only as far
as both sides order them. It writes what she gained to ``FOLDER/tables/outside-training.csv``. She reports and quotes as
she is told. It needs the extra ``training`` and a few minutes; ``make training`` does both.

The settings were tried out under the first two rules with seed 1. The other seeds and the third rules were added
afterwards, and nothing was changed when their results were seen.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, override

import gymnasium
import numpy as np
import pandas as pd
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from skrl.agents.jax import ExperimentCfg
from skrl.agents.jax.ppo import PPO, PPO_CFG
from skrl.envs.wrappers.jax import wrap_env
from skrl.memories.jax import RandomMemory
from skrl.trainers.jax import SequentialTrainer
from skrl.utils import set_seed
from skrl.utils.model_instantiators.jax import deterministic_model, gaussian_model

import marketgame
from marketgame.mechanisms.market_game.rules import Execution, MarketRules, Refusal, Solvency

LEARNER = "cat"
RULES = {
    "the paper's": MarketRules(),
    "no short sales": MarketRules(solvency=Solvency.NO_SHORT_SALES),
    "deposits, matched orders": MarketRules(execution=Execution.MATCHED, refusal=Refusal.ESCROW),
}
SEEDS = (1, 2, 3, 4)
PROCESSES = 2
MARKETS = 64
"""So many are played side by side, each with its own luck."""
ROUNDS_AN_UPDATE = 4
"""In each of them: skrl compiles them one by one."""
ROUNDS = 6 * 1024
"""In all markets together."""
BLOCK = 1024
"""Of so many rounds the table has the mean."""
NETWORK = [{"name": "net", "input": "OBSERVATIONS", "layers": [32, 32], "activations": "tanh"}]


class Ordering(gymnasium.Env):  # type: ignore[misc,type-arg]
    """The market as one trader meets it when it orders; an episode is a round."""

    def __init__(self, scenario: marketgame.MarketScenario, seed: int, gains: list[tuple[float, bool]]) -> None:
        self._market = marketgame.environment(scenario, seed, rounds=ROUNDS, players=(LEARNER,), flat=True)
        self._gains = gains
        self.observation_space = self._market.observation_space(LEARNER)
        self.action_space = self._market.action_space(LEARNER)
        self._market.reset()
        self._reach_orders()

    def _reach_orders(self) -> None:
        for _stage in ("report", "quote"):
            observed, *_ = self._market.step({LEARNER: np.zeros(self.action_space.shape)})
        self._observed = observed[LEARNER]

    @override
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        return self._observed, {}

    @override
    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        _, rewards, _, _, told = self._market.step({LEARNER: action})
        self._gains.append((told[LEARNER]["gain"], told[LEARNER]["bankrupt"]))
        self._reach_orders()
        return self._observed, rewards[LEARNER] / self._market.units.money, True, False, {}


def trained(rules: str, seed: int) -> pd.DataFrame:
    """Return what the learner gained in each stretch of rounds: ``gain``, numeraire, and how often it was bankrupt."""
    set_seed(seed)
    scenario = replace(marketgame.load("example:three-traders-short-seller"), rules=RULES[rules])
    gains: list[tuple[float, bool]] = []
    luck = np.random.SeedSequence(seed).generate_state(MARKETS).tolist()
    markets = [lambda own=own: Ordering(scenario, own, gains) for own in luck]
    market = wrap_env(SyncVectorEnv(markets, autoreset_mode=AutoresetMode.SAME_STEP), wrapper="gymnasium")
    spaces = {"observation_space": market.observation_space, "action_space": market.action_space}
    models = {
        # Begins close to obedience.
        "policy": gaussian_model(
            **spaces, network=NETWORK, output="0.3 * ACTIONS", initial_log_std=-2.0, min_log_std=-6.0
        ),
        "value": deterministic_model(**spaces, network=NETWORK, output="ONE"),
    }
    for role, model in models.items():
        model.init_state_dict(role=role)
    options = PPO_CFG(
        rollouts=ROUNDS_AN_UPDATE,
        learning_epochs=8,
        mini_batches=4,
        learning_rate=3e-3,
        value_clip=0.0,
        experiment=ExperimentCfg(write_interval=0, checkpoint_interval=0),
    )
    memory = RandomMemory(memory_size=ROUNDS_AN_UPDATE, num_envs=MARKETS)
    agent = PPO(models=models, memory=memory, cfg=options, **spaces)
    told = {"timesteps": ROUNDS // MARKETS, "headless": True, "disable_progressbar": True}
    SequentialTrainer(cfg=told, env=market, agents=agent).train()
    table = pd.DataFrame(gains, columns=["gain", "bankrupt"])
    table["round"] = BLOCK * (table.index // BLOCK)
    return table.groupby("round", as_index=False).mean().assign(rules=rules, seed=seed)


def main(folder: Path) -> None:
    """Write the table into a folder of the documentation's shape."""
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    # JAX has threads, with which a process must not be copied.
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as workers:
        tables = list(workers.map(trained, *zip(*product(RULES, SEEDS), strict=True)))
    pd.concat(tables).to_csv(folder / "tables" / "outside-training.csv", index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs"))

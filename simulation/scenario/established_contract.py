"""The contract the established mediator announces in a scenario, and whether everybody can cover it."""

from __future__ import annotations

import numpy as np

from marketgame.agents.behaviours import Behaviour
from marketgame.agents.beliefs import Inference
from marketgame.agents.knowledge import CommonKnowledge, TypeKnowledge
from marketgame.agents.memory import Memory, content_key
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.consent import with_consent
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import SampledEconomy, sampled
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.incentive_efficiency.search import Participation
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.rules import Coverage
from marketgame.simulation.scenario.market_scenario import MarketScenario
from marketgame.simulation.scenario.streams import random_stream

# A transfer that exceeds the numeraire by no more than this share of itself and of what is at stake is covered.
COVERAGE_TOLERANCE = 1e-12
# What stands for the profiles of economies is kept up to this size.
BYTES_OF_SAMPLES = 1 << 28

_samples: Memory[str, SampledEconomy] = Memory(BYTES_OF_SAMPLES, lambda _, sample: sample.nbytes)


def established_contract(scenario: MarketScenario, deadline: Deadline = NO_DEADLINE) -> DirectContract:
    """Return the contract in force.

    Args:
        scenario: the scenario.
        deadline: after which no more profiles are drawn, where these are too many to list.

    Raises:
        DeadlinePassedError: time ran out before enough was known of such profiles.
        ValueError: the transfers asked for do not exist for this economy, or leave a player in debt, or not everybody
            takes part who is to.
    """
    if scenario.contract is not None:
        return scenario.contract.under(scenario.rules)
    willing = scenario.participation is Participation.INDIVIDUAL
    if obstacle := scenario.economy.prior.obstacle:
        if willing:
            raise ValueError(f"{obstacle}, which fixed payments for everybody's consent would need")
        return ContractOnDemand(sample_of(scenario.economy, deadline), scenario.transfers).under(scenario.rules)
    contract = contract_with_transfers(scenario.economy, scenario.transfers, scenario.rules)
    return (with_consent(contract) if willing else contract).under(scenario.rules)


def sample_of(economy: Economy, deadline: Deadline = NO_DEADLINE) -> SampledEconomy:
    """Return what stands for the profiles of an economy; all who have time enough for all of it share it."""
    key = content_key(economy)
    if key is None:
        return sampled(economy, deadline)
    return _samples.answer(key, lambda: sampled(economy, deadline), keep=lambda sample: not sample.cut)


def refuse_uncovered_transfers(common: CommonKnowledge, behaviours: tuple[tuple[Behaviour, ...], ...]) -> None:
    """Refuse a contract that takes more numeraire than a player owns, where the rules forbid it.

    A player that misreports is bound by the transfer of the type it reports and by the endowment it has.

    Raises:
        ValueError: naming the player, its type and what it lacks.
    """
    if common.rules.coverage is not Coverage.ANNOUNCED_NUMERAIRE:
        return
    contract = common.contract
    for player, by_type in enumerate(behaviours):
        inference = Inference(contract, player)
        for type_number, behaviour in enumerate(by_type):
            knowledge = TypeKnowledge(common, inference, type_number, lambda purpose: random_stream(0, purpose))
            stances = behaviour.could_act(knowledge.own, type_number)
            taken = max(contract.most_taken(player, stance.report(knowledge)) for stance in stances)
            owned = float(knowledge.own_type.endowment[-1])
            if not _covered(contract, taken, owned):
                raise ValueError(
                    f"the contract takes {taken:.6g} {contract.economy.units[-1]} from {knowledge.own.name} of type "
                    f"{knowledge.own_type.name!r}, who owns {owned:.6g}; rule coverage = "
                    f"{common.rules.coverage.value!r} forbids that"
                )


def can_cover(contract: DirectContract, player: int, type_number: int, report: int) -> bool:
    """Return whether a type of a player owns the numeraire that may be taken from a type that it may report."""
    own = contract.economy.players[player].types[type_number]
    return _covered(contract, contract.most_taken(player, report), float(own.endowment[-1]))


def _covered(contract: DirectContract, taken: float, owned: float) -> bool:
    return taken <= owned + COVERAGE_TOLERANCE * (float(contract.stakes.max()) + abs(taken))


def promised_severance(scenario: MarketScenario) -> FloatArray | None:
    """Return what those who leave are promised at every profile of reports, ``(P, N)``, numeraire; none if nothing.

    Raises:
        ValueError: a player or type is unknown, or an amount is negative.
    """
    if not scenario.severance:
        return None
    economy = scenario.economy
    table = np.zeros(economy.profiles.shape)
    for name, by_type in scenario.severance.items():
        if name not in economy.player_names:
            raise ValueError(f"severance is promised to {name!r}; players are {sorted(economy.player_names)}")
        player = economy.player_names.index(name)
        kinds = [kind.name for kind in economy.players[player].types]
        for kind, amount in by_type.items():
            if kind not in kinds:
                raise ValueError(f"severance is promised to {name} of type {kind!r}; its types are {kinds}")
            if not (np.isfinite(amount) and amount >= 0):
                raise ValueError(f"severance of {name} of type {kind!r} is {amount}; it must be at least 0")
            table[economy.profiles[:, player] == kinds.index(kind), player] = amount
    return table

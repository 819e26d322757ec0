"""What an institution of the papers answers: its contract is worked out once, then each inquiry goes its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial

import numpy as np

from marketgame.experiments.collusion.certification import expected_reactions
from marketgame.experiments.stress import examining, played
from marketgame.experiments.stress.benchmarks import certified, with_first_best
from marketgame.experiments.stress.examining import Subject
from marketgame.experiments.stress.institution import Known
from marketgame.experiments.stress.leaving import least_severance_of, leaving
from marketgame.experiments.stress.question import Inquiry, Question
from marketgame.experiments.stress.ruling import Answered, Measure, Measured
from marketgame.experiments.stress.sampled import sampled_answers, sampled_welfare
from marketgame.experiments.stress.severance import promise_of
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.welfare import certify_obedience
from marketgame.mechanisms.contracts.grand_contract import listed
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.terms import DirectContract
from marketgame.mechanisms.deviations.reactions import WithholdingAfterMisquotes
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.simulation.scenario.established_contract import established_contract, promised_severance
from marketgame.simulation.scenario.market_scenario import MarketScenario

PLAYED = {Inquiry.CARELESS: played.careless, Inquiry.LEARNING: played.learning}


def answered(
    scenario: MarketScenario,
    inquiry: Inquiry,
    known: Known,
    deadline: Deadline,
    reaction: WithholdingAfterMisquotes | None,
) -> Answered:
    """Return what an inquiry answers about a scenario's own rules and contract.

    Args:
        scenario: the scenario.
        inquiry: which.
        known: what cheaper inquiries have answered.
        deadline: of everything.
        reaction: how outsiders answer misquotes; none if their behaviours say.

    Raises:
        ValueError: the contract does not exist, or the rules do not admit it.
        DeadlinePassedError: time ran out before anything was known.
        UndecidableError: two derivations of one number disagree.
    """
    if inquiry in PLAYED:
        return PLAYED[inquiry](scenario, deadline)
    contract = _contract(scenario, deadline)
    if inquiry is Inquiry.WELFARE:
        return Answered(welfare=_obeyed(contract, scenario.rules, deadline))
    if isinstance(contract, ContractOnDemand):
        promised = any(amount > 0 for by_type in scenario.severance.values() for amount in by_type.values())
        return sampled_answers(contract, scenario.rules, inquiry, deadline, severance=promised)
    subject = _subject(scenario, reaction)
    stay = partial(leaving, subject.contract, scenario.rules, _severance(scenario), subject.scale)
    ways: Mapping[Inquiry, Callable[[], Answered]] = {
        Inquiry.REPORTS: partial(examining.reports, subject, deadline),
        Inquiry.ORDERS: partial(examining.orders, subject, deadline),
        Inquiry.COALITIONS: partial(examining.coalitions, subject, deadline),
        Inquiry.REPLIES_ALONE: partial(examining.replies_alone, subject, deadline),
        Inquiry.REPLIES: partial(examining.replies, subject, deadline, known.get(Question.DISOBEYS)),
        Inquiry.LEAVING: partial(stay, deadline),
    }
    return ways[inquiry]()


def with_least_severance(scenario: MarketScenario, deadline: Deadline) -> MarketScenario:
    """Return a scenario that promises the least severance that is known to keep coalitions.

    Raises:
        ValueError: no severance whatever keeps them, or none is known that does.
        DeadlinePassedError: time ran out.
    """
    contract = _contract(scenario, deadline)
    if isinstance(contract, ContractOnDemand):
        raise ValueError(f"{scenario.economy.prior.obstacle}, so that the least severance is not known")  # noqa: TRY004
    subject = _subject(scenario, None)
    promised = least_severance_of(subject.contract, scenario.rules, subject.scale, deadline)
    return replace(scenario, severance=promise_of(scenario.economy, promised))


def _severance(scenario: MarketScenario) -> FloatArray:
    promised = promised_severance(scenario)
    return np.zeros(scenario.economy.profiles.shape) if promised is None else promised


def _contract(scenario: MarketScenario, deadline: Deadline) -> DirectContract:
    if scenario.economy.prior.obstacle:
        # What is drawn is shared, and how much of it depends on the time that there is.
        return established_contract(scenario, deadline)
    return _listed_contract(scenario)


@lru_cache(maxsize=64)
def _listed_contract(scenario: MarketScenario) -> DirectContract:
    return established_contract(scenario)


@lru_cache(maxsize=64)
def _subject(scenario: MarketScenario, reaction: WithholdingAfterMisquotes | None) -> Subject:
    contract = listed(_listed_contract(scenario))
    if reaction is None:
        return Subject(contract, scenario.rules, expected_reactions(scenario))
    return Subject(contract, scenario.rules, lambda _: reaction)


def _obeyed(contract: DirectContract, rules: MarketRules, deadline: Deadline) -> Mapping[Measure, Measured]:
    """Return what obedience brings."""
    if isinstance(contract, ContractOnDemand):
        # Everybody together then gains what there is to be gained.
        return {Measure.PLAYED: with_first_best(sampled_welfare(contract), contract.economy, deadline)}
    whole = listed(contract)
    gains = float(whole.probability @ whole.gains.sum(axis=-1))
    found = Measured(gains, low=gains, high=gains)
    return {Measure.PLAYED: certified(found, "obedience", lambda by: certify_obedience(whole, rules, by), deadline)}

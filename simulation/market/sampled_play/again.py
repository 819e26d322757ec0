"""Certificates of careless and of learning traders: made of what was played, and played again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE
from marketgame.simulation.market.sampled_play import compared_plays, plays
from marketgame.simulation.market.sampled_play.certificate import (
    CarelessCertificate,
    LearningCertificate,
    PlayedCertificate,
)
from marketgame.simulation.scenario.market_scenario import MarketScenario


def recomputed_played(certificate: PlayedCertificate) -> PlayedCertificate:
    """Return a certificate with the numbers of its plays, played again.

    Raises:
        ValueError: the market does not admit them.
    """
    if isinstance(certificate, CarelessCertificate):
        return _careless(certificate)
    return _learned(certificate)


def verify_played(certificate: PlayedCertificate) -> Verification:
    """Play again, and compare every number, to the last bit, and what is concluded from them."""
    found, _ = played_again(certificate)
    return found


def played_again(certificate: PlayedCertificate) -> tuple[Verification, PlayedCertificate | None]:
    """Return what is wrong with a certificate, and the same with its numbers recomputed, for one play of it."""
    try:
        again = recomputed_played(certificate)
    except (ValueError, ArithmeticError) as error:
        return Verification(failures=(f"it cannot be played: {error}",)), None
    names: tuple[str, ...] = ("losses", "uncertainty")
    if isinstance(certificate, LearningCertificate):
        names = ("missed", "uncertainty", "value", "obedience")
    numbers = [compared(name, getattr(certificate, name), getattr(again, name), 0.0) for name in names]
    # Learners might come to something else with more rounds; harm that was done remains done.
    less = again.verdict is not Verdict.REFUTED or isinstance(certificate, LearningCertificate)
    allowed = (again.verdict, *([Verdict.NOT_REFUTED] if less else []))
    concluded = required(
        certificate.verdict in allowed, f"verdict is {certificate.verdict}; from these plays it is {again.verdict}"
    )
    every = required(
        certificate.verdict is not Verdict.SAMPLED
        or isinstance(certificate, LearningCertificate)
        or _every_kind_once(certificate),
        f"verdict is {Verdict.SAMPLED}; that takes plays of every kind of carelessness of each trader, once",
    )
    return Verification.joined((*numbers, concluded, every)), again


def _every_kind_once(certificate: CarelessCertificate) -> bool:
    """Say whether each trader that was careless was so in every way, once: what is left out may do more harm."""
    played = sorted(zip(certificate.kinds, certificate.careless, strict=True))
    return played == sorted((one.name, who) for one in plays.CARELESS for who in set(certificate.careless))


def _careless(certificate: CarelessCertificate) -> CarelessCertificate:
    economy, market = certificate.economy, certificate.market
    whom = list(zip(certificate.kinds, certificate.careless, strict=True))
    _refuse_strangers(economy, certificate.careless)
    if market.compared is not None:
        count = certificate.replications * certificate.rounds
        types, found = compared_plays.careless_plays(
            economy, market.compared, certificate.seed, count, whom, NO_DEADLINE
        )
    else:
        asked = _scenario(certificate)
        types, found = plays.careless_plays(asked, certificate.rounds, certificate.replications, whom, NO_DEADLINE)
    again = plays.careless_losses(economy, types, found)
    return replace(certificate, losses=again.shares, uncertainty=again.uncertainty, verdict=again.verdict)


def _learned(certificate: LearningCertificate) -> LearningCertificate:
    economy, market, count = certificate.economy, certificate.market, certificate.replications
    _refuse_strangers(economy, certificate.learners)
    if market.compared is not None:
        promised = partial(compared_plays.obeying, economy, market.compared)
        types, gains, obeyed = compared_plays.learning_plays(
            economy, market.compared, certificate.seed, certificate.learners, count, certificate.rounds
        )
    else:
        promised = None
        asked = _scenario(certificate)
        types, gains, obeyed = plays.learning_plays(asked, certificate.learners, count, certificate.rounds)
    numbers = plays.learned_numbers(economy, types, gains, obeyed, promised)
    return replace(
        certificate,
        missed=numbers.missed,
        uncertainty=numbers.uncertainty,
        value=numbers.value,
        obedience=numbers.obedience,
        verdict=numbers.verdict,
    )


def _refuse_strangers(economy: Economy, players: Sequence[int]) -> None:
    if min(players) < 0 or max(players) >= len(economy.players):
        raise ValueError(f"players are {list(players)}; they are 0 to {len(economy.players) - 1}")


def _scenario(certificate: PlayedCertificate) -> MarketScenario:
    """Return the market game in which something was played."""
    economy, market = certificate.economy, certificate.market
    asked = MarketScenario("played", economy, rules=market.rules, seed=certificate.seed)
    if market.transfers is not None:
        return replace(asked, transfers=market.transfers)
    transfers = market.numeraire_transfers
    if transfers is None:
        raise ValueError("neither transfers are stated nor how they are worked out")
    return replace(
        asked, contract=GrandContract(economy, efficient_allocation(economy), transfers, stated=market.stated)
    )

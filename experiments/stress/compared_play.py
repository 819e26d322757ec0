"""What careless and learning traders come to at trading posts and in the call market, as a stress test answers it."""

from __future__ import annotations

from functools import partial

from marketgame.experiments.stress import played as playing
from marketgame.experiments.stress.played import (
    Effort,
    careless_evidence,
    careless_ruling,
    learned_evidence,
    learned_ruling,
)
from marketgame.experiments.stress.ruling import Answered
from marketgame.mechanisms.comparison_markets.compared_market import ComparedMarket
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.simulation.market.sampled_play.certificate import Market
from marketgame.simulation.market.sampled_play.compared_plays import careless_plays, learning_plays, obeying
from marketgame.simulation.market.sampled_play.plays import CARELESS, learned_numbers, settling_of


def careless_welfare(
    economy: Economy, market: ComparedMarket, seed: int, deadline: Deadline, effort: Effort | None = None
) -> Answered:
    """Return what others lose by careless traders; see `played.careless`.

    Raises:
        DeadlinePassedError: there was no time to play enough.
    """
    effort = playing.BY_DEFAULT if effort is None else effort
    plays = effort.plays_of(economy)
    whom = [(one.name, player) for one in CARELESS for player in effort.careless_players(economy)]
    types, found = careless_plays(economy, market, seed, plays, whom, deadline)
    held = partial(careless_evidence, economy, _where(market), seed, (1, plays))
    return careless_ruling(economy, types, found, deadline, held)


def learned_welfare(
    economy: Economy, market: ComparedMarket, seed: int, deadline: Deadline, effort: Effort | None = None
) -> Answered:
    """Return what learners bring; see `played.learning`.

    Raises:
        DeadlinePassedError: there was no time to play enough.
    """
    effort = playing.BY_DEFAULT if effort is None else effort
    promised = partial(obeying, economy, market)
    settling = settling_of(economy, effort.rounds_of(economy), deadline, promised)
    who, count = effort.learning_players(economy), effort.replications_of(economy)
    types, gains, obeyed = learning_plays(economy, market, seed, who, count, settling.most, settling)
    settling.check()
    learned = learned_numbers(economy, types, gains, obeyed, promised)
    return learned_ruling(
        learned, settled=settling.settled, held=partial(learned_evidence, economy, _where(market), seed, who)
    )


def _where(market: ComparedMarket) -> Market:
    """Return where it is played, as a certificate holds it."""
    return Market(MarketRules(), None, None, None, market)

"""Players take each other's place only if every number about them is equal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.contracts.exchange import exchangeable_players
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.economies.beliefs import CorrelatedPrior, IndependentPrior, Prior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic

KINDS = (
    PlayerType("low", np.array([2.0, 40.0]), Quadratic(np.array([4.0]), np.array([[1.0]]))),
    PlayerType("high", np.array([2.0, 40.0]), Quadratic(np.array([7.0]), np.array([[1.0]]))),
)
OTHER = PlayerType("only", np.array([1.0, 40.0]), Quadratic(np.array([6.0]), np.array([[0.5]])))


def economy(prior: Prior, first: tuple[PlayerType, ...] = KINDS) -> Economy:
    players = (Player("ann", first), Player("bob", (OTHER,)), Player("cat", KINDS))
    return Economy("twins", ("good", "money"), ("unit", "euro"), players, prior)


def independent(odds: float = 0.25) -> IndependentPrior:
    return IndependentPrior([np.array([odds, 1 - odds]), np.ones(1), np.array([0.25, 0.75])])


def correlated(both_low: float, one_way: float, other_way: float) -> CorrelatedPrior:
    table = np.array([[both_low, one_way], [other_way, 1 - both_low - one_way - other_way]])
    return CorrelatedPrior(table[:, None, :])


@pytest.mark.parametrize("prior", [independent(), correlated(0.25, 0.125, 0.125)])
def test_twins_with_equal_types_beliefs_and_payments_are_one(prior: Prior) -> None:
    contract = grand_contract(economy(prior))
    assert exchangeable_players(contract) == (0, 1, 0)
    assert exchangeable_players(contract, ["plays on", "plays on", "withholds"]) == (0, 1, 2)


@pytest.mark.parametrize(
    "other",
    [
        economy(independent(odds=0.5)),
        economy(independent(odds=float(np.nextafter(0.25, 1)))),
        economy(correlated(0.25, 0.125, 0.25)),
        economy(independent(), KINDS[::-1]),
        economy(independent(), (KINDS[0], replace(KINDS[1], endowment=np.array([2.0, np.nextafter(40.0, 41)])))),
        economy(independent(), (KINDS[0], replace(KINDS[1], valuation=Quadratic(np.array([7.0]), np.array([[1.5]]))))),
    ],
)
def test_one_number_that_differs_makes_two_players_different(other: Economy) -> None:
    assert exchangeable_players(grand_contract(other)) == (0, 1, 2)


def test_whoever_is_paid_otherwise_is_another() -> None:
    fair = grand_contract(economy(independent()))
    paid: FloatArray = fair.numeraire_transfers.copy()
    paid[:, 0] += 1.0
    paid[:, 1] -= 1.0
    unfair = GrandContract(fair.economy, fair.efficient, paid)
    assert exchangeable_players(unfair) == (0, 1, 2)
    assert exchangeable_players(fair) == (0, 1, 0)

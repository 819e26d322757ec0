"""Certificates say the same however much money is owned and in whatever units money and goods are counted."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.deviation import Claim, certify_deviation
from marketgame.mechanisms.certificates.misreport import certify_misreport
from marketgame.mechanisms.certificates.stability import certify_stability
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from tests.mechanisms.certificates.test_certificates import WEALTH_RULES, short_sale
from tests.mechanisms.private_value_economies import three_traders

ALL = ((0,), (1,), (0, 1))


def two_traders(money: float, coin: float = 1.0, measure: float = 1.0) -> Economy:
    """A buyer who is modest or eager, and a seller; coins per euro, measures per tonne."""

    def kind(name: str, intercept: float, owned: float) -> PlayerType:
        taste = Quadratic(np.array([intercept * coin / measure]), np.array([[coin / measure**2]]))
        return PlayerType(name, np.array([owned * measure, money * coin]), taste)

    buyer = Player("buyer", (kind("modest", 5.0, 0.0), kind("eager", 5.5, 0.0)))
    seller = Player("seller", (kind("known", 4.0, 2.0),))
    prior = IndependentPrior([np.full(2, 0.5), np.ones(1)])
    return Economy("two traders", ("grain", "money"), ("tonne", "euro"), (buyer, seller), prior)


@pytest.mark.parametrize("money", [100.0, 1e6, 1e9, 1e12])
@pytest.mark.parametrize(("coin", "measure"), [(1.0, 1.0), (1e-9, 1.0), (1e9, 1e-3), (1.0, 1e6)])
def test_what_an_eager_buyer_gains_by_modesty_does_not_depend_on_what_it_owns(
    money: float, coin: float, measure: float
) -> None:
    """Prices are 3.75 if it is eager, 3.5 if it is modest: (a - p) + (4 - p) = 2.

    Truth brings 5.5 q - q²/2 - 3.75 q = 1.53125 at q = 1.75, the lie 5.5 q - q²/2 - 3.5 q = 1.875 at q = 1.5: it
    gains 0.34375 euro. There is no proof that it does not.
    """
    contract = grand_contract(two_traders(money, coin, measure))
    lie = certify_misreport(contract, WEALTH_RULES, 0, (1, 0))
    assert verify(lie).confirmed
    # The economy's numbers are what they are in floating point.
    assert lie.outcome.gain[0] == pytest.approx(0.34375 * coin, rel=1e-12)
    proof = certify_stability(contract, WEALTH_RULES, ALL)
    (failure,) = verify(proof).failures
    assert "by a lie" in failure
    assert proof.misreport_gain == pytest.approx(0.34375 * coin, rel=1e-12)


@pytest.mark.parametrize(("coin", "measure"), [*product((1e-9, 1.0, 1e9), repeat=2)])
def test_a_short_sale_gains_as_much_in_any_units(coin: float, measure: float) -> None:
    """One member sells short 200 tonnes that it does not have to the outsider, for all the money there is."""
    contract = grand_contract(_rescaled(three_traders(), coin, measure))
    situation = situation_of(contract, 0, (0, 1))
    certificate = certify_deviation(situation, short_sale(situation, 200.0 * measure), contract, Claim.TOTAL_GAIN)
    assert verify(certificate).confirmed
    usual = grand_contract(three_traders())
    faced = situation_of(usual, 0, (0, 1))
    wanted = certify_deviation(faced, short_sale(faced), usual, Claim.TOTAL_GAIN).outcome.gain
    np.testing.assert_allclose(certificate.outcome.gain, wanted * coin, rtol=1e-9)


def _rescaled(economy: Economy, coin: float, measure: float) -> Economy:
    players = []
    for player in economy.players:
        kinds = []
        for kind in player.types:
            taste = kind.valuation
            assert isinstance(taste, Quadratic)
            scaled = Quadratic(taste.intercept * coin / measure, taste.slope * coin / measure**2)
            kinds.append(PlayerType(kind.name, kind.endowment * [measure, coin], scaled))
        players.append(Player(player.name, tuple(kinds)))
    return Economy(economy.name, economy.goods, economy.units, tuple(players), economy.prior)

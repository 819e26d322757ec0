"""Between the prices named every profile clears, and whatever is said of everybody there holds at every profile."""

from __future__ import annotations

import numpy as np
import pytest

from marketgame.mechanisms.contracts.grand_contract import TransferRule, walrasian_payments
from marketgame.mechanisms.contracts.in_turn import DrawnTurns
from marketgame.mechanisms.contracts.money_left import MoneyLeft
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.price_range import price_range
from marketgame.mechanisms.economies.profiles import Listing
from marketgame.mechanisms.economies.random_economies import EconomyLaw, ValuationLaw
from marketgame.mechanisms.economies.valuations import Exponential, Logarithmic, Power, Quadratic
from tests.mechanisms.replicated_economies import all_different, replicas

LOGARITHMIC = ValuationLaw(Logarithmic, {"weight": (3.0, 6.0), "shift": (0.5, 1.5)}, portion=0.4)
POWER = ValuationLaw(Power, {"weight": (3.0, 6.0), "shift": (0.1, 1.0), "gamma": (0.4, 0.8)}, portion=0.3)
EXPONENTIAL = ValuationLaw(Exponential, {"weight": (3.0, 6.0), "rate": (0.4, 0.9)}, portion=0.3)
SATIABLE = ValuationLaw(Quadratic, {"intercept": (0.5, 2.0), "slope": (0.8, 1.2)})
JOINT = ValuationLaw(Quadratic, {"intercept": (9.0, 12.0), "slope": (0.8, 1.2)}, mixing=0.3)


def economy_of(*laws: ValuationLaw, goods: int = 2, seed: int = 1) -> Economy:
    law = EconomyLaw(
        laws, players=(5, 5), goods=(goods, goods), types=(2, 2), endowment=(0.5, 2.0), money=(100.0, 100.0)
    )
    return law.economy("some", np.random.default_rng(seed))


ECONOMIES = [
    all_different(5),
    replicas(),
    economy_of(LOGARITHMIC, POWER, EXPONENTIAL),
    economy_of(LOGARITHMIC, POWER, EXPONENTIAL, seed=2),
    # Some of the good is left over: it is worth nothing.
    economy_of(SATIABLE, goods=1),
]
TINY = 1e-9


@pytest.mark.parametrize("economy", ECONOMIES)
def test_what_is_said_of_prices_payments_and_gains_holds_at_every_profile(economy: Economy) -> None:
    known, efficient = price_range(economy), efficient_allocation(economy)
    assert known is not None
    rows, price = economy.rows(economy.profiles), efficient.price[:, :-1]
    assert (known.lowest <= price + TINY).all()
    assert (price <= known.highest + TINY).all()
    gains = economy.gains_from_goods(economy.profiles, efficient.bundles)
    received = walrasian_payments(economy, efficient)
    for amount, most in (
        (gains, known.most_gained),
        (-gains, -known.least_gained),
        (received, known.most_received),
        (-received, known.most_paid),
    ):
        assert (amount <= most[rows] + TINY).all()
    welfare = gains.sum(axis=1).reshape(economy.prior.type_counts)
    for player, count in enumerate(economy.prior.type_counts):
        by_type = np.moveaxis(welfare, player, 0)
        change = (by_type[:, None] - by_type[None]).reshape(count, count, -1).min(axis=-1)
        assert (known.least_change(player) <= change + TINY).all()


@pytest.mark.parametrize("economy", ECONOMIES)
@pytest.mark.parametrize("listing", [Listing.DRAWN, Listing.COUNTED])
def test_nobody_is_left_with_less_money_than_is_said_at_any_profile_and_whatever_is_drawn(
    economy: Economy, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of few players more draws are made than a test needs.
    monkeypatch.setattr("marketgame.mechanisms.contracts.sampled.MOST_BUNDLES", 1 << 13)
    monkeypatch.setattr("marketgame.mechanisms.contracts.sampled.MOST_BUNDLES_OF_LIARS", 1 << 13)
    sample = sampled(economy, listing=listing)
    left = np.zeros(0)
    for rule in (TransferRule.NONE, TransferRule.EXPECTED_EXTERNALITY, TransferRule.COALITION_PROOF):
        contract = ContractOnDemand(sample, rule)
        known = MoneyLeft.of(sample, rule)
        least, taken = known.least, known.most_taken
        assert least is not None
        assert taken is not None
        terms, rows = contract.terms(economy.profiles), economy.rows(economy.profiles)
        assert (terms.allocation[..., -1] >= least[rows] - TINY).all()
        assert (-terms.transfers <= taken[rows] + TINY).all()
        assert contract.money_suffices == bool((least >= 0).all())
        left = least
    if listing is Listing.DRAWN:
        gains = economy.gains_from_goods(economy.profiles, efficient_allocation(economy).bundles)
        owned = economy.endowments(economy.profiles)[..., -1]
        for draws in (1, 2, 3):
            other = DrawnTurns.of(economy, draws, sample.in_turn.turns.expected_gains)
            each = zip(economy.profiles, gains, strict=True)
            has = owned + np.array([other.transfers(profile, gain) for profile, gain in each])
            assert (has >= left[economy.rows(economy.profiles)] - TINY).all()


def test_nothing_is_said_where_goods_are_valued_jointly() -> None:
    economy = economy_of(JOINT)
    assert price_range(economy) is None
    assert not ContractOnDemand(sampled(economy, listing=Listing.COUNTED), TransferRule.COALITION_PROOF).money_suffices

"""What each simple behaviour says, and which parameters it refuses."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module

import numpy as np
import pytest

from marketgame.agents import behaviours
from marketgame.agents.behaviours import (
    BEHAVIOURS,
    Arbitraging,
    Behaviour,
    BestResponding,
    Mispricing,
    Misreporting,
    Noisy,
    Obedient,
    ShortSelling,
    Withholding,
)
from marketgame.agents.beliefs import Inference
from marketgame.agents.knowledge import CommonKnowledge, TypeKnowledge
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.mechanisms.market_game.settle import settle
from tests.agents.knowledge_at_market import AtMarket
from tests.economy_fixtures import RandomEconomy


def test_behaviours_are_found_by_the_names_of_scenario_files() -> None:
    assert set(BEHAVIOURS.members) >= {
        "obedient",
        "loyal",
        "misreporting",
        "withholding",
        "short-selling",
        "arbitraging",
        "mispricing",
        "noisy",
        "best-responding",
        "deceiving",
        "withholding-after-misquotes",
        "arbitraging-after-misquotes",
    }
    assert all(BEHAVIOURS.find(name) is kind and kind.name == name for name, kind in BEHAVIOURS.members.items())


def derived(kind: type[Behaviour]) -> set[type[Behaviour]]:
    """Return the classes with a name that are derived from one, directly or not."""
    found = {other for each in kind.__subclasses__() for other in derived(each)} | set(kind.__subclasses__())
    return {each for each in found if hasattr(each, "name")}


def test_no_behaviour_of_ours_is_left_out() -> None:
    ours = {module.name for module in pkgutil.iter_modules(behaviours.__path__, f"{behaviours.__name__}.")}
    for module in ours:
        import_module(module)
    assert {kind for kind in derived(Behaviour) if kind.__module__ in ours} == set(BEHAVIOURS.own)


@pytest.mark.parametrize("kind", BEHAVIOURS.own)
def test_what_a_behaviour_s_file_table_says_is_in_its_fields(kind: type[Behaviour]) -> None:
    assert kind.__doc__
    assert all(field.metadata["description"] for field in fields(kind))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, field.name) for kind in BEHAVIOURS.own for field in fields(kind) if "ge" in field.metadata],
)
def test_no_parameter_is_accepted_below_its_bound_or_undefined(kind: type[Behaviour], name: str) -> None:
    (bound,) = (field.metadata["ge"] for field in fields(kind) if field.name == name)
    for value in (bound - 1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"{name} of behaviour '{kind.name}' is {value}; it must be "):
            kind(**{name: value})


def test_only_what_reports_or_answers_suits_a_game() -> None:
    suited = {kind.name for kind in BEHAVIOURS.own if kind.suits_games()}
    assert suited == {"obedient", "loyal", "misreporting", "best-responding"}


def test_obeying_means_repeating_the_recommendation(three_trader_contract: GrandContract, at_market: AtMarket) -> None:
    told = three_trader_contract.recommend(np.zeros(3, np.int64))
    for player in range(3):
        knowledge = at_market(three_trader_contract, player, [0, 0, 0])
        order = Obedient().order(knowledge)
        np.testing.assert_array_equal(Obedient().quote(knowledge), told.quotes[player])
        np.testing.assert_array_equal(order.net_demands, told.orders[player])
        np.testing.assert_array_equal(order.announced_endowment, told.announced_endowments[player])


def test_misreporting_follows_its_map_and_is_truthful_elsewhere(random_economy: RandomEconomy) -> None:
    contract = grand_contract(random_economy(1, 3, 2, 3))
    common = CommonKnowledge(contract, MarketRules())

    def reported(own_type: int) -> int:
        knowledge = TypeKnowledge(common, Inference(contract, 0), own_type, lambda purpose: np.random.default_rng())
        return Misreporting({"t0": "t2", "t2": "t1"}).report(knowledge)

    assert [reported(own_type) for own_type in range(3)] == [2, 1, 1]


@pytest.mark.parametrize("fraction", [0.0, 0.25, 1.0])
def test_withholding_announces_the_rest_and_orders_as_told(
    three_trader_contract: GrandContract, at_market: AtMarket, fraction: float
) -> None:
    knowledge = at_market(three_trader_contract, 0, [0, 0, 0])
    order = Withholding(fraction).order(knowledge)
    np.testing.assert_allclose(order.announced_endowment, (1 - fraction) * np.array([2.0, 30.0]))
    np.testing.assert_array_equal(order.net_demands, knowledge.recommendation.orders)


def test_mispricing_leaves_the_numeraire_alone(three_trader_contract: GrandContract, at_market: AtMarket) -> None:
    quote = Mispricing(0.9).quote(at_market(three_trader_contract, 0, [0, 0, 0]))
    np.testing.assert_allclose(quote, [0.9 * 67 / 17, 1.0])


def test_noise_has_the_scale_asked_for_and_keeps_quotes_positive(
    random_economy: RandomEconomy, at_market: AtMarket
) -> None:
    contract = grand_contract(random_economy(4, 30, 8, 1))
    knowledge = at_market(contract, 3, [0] * 30)
    order = Noisy(order_scale=0.2).order(knowledge).net_demands - knowledge.recommendation.orders
    size = np.maximum(np.abs(knowledge.recommendation.orders).max(axis=0), knowledge.own_type.endowment / 30)
    others = np.delete(order / size, 3, axis=0)
    # 232 draws: the sample deviation is within a fifth of the true one unless something is wrong.
    assert others.std() == pytest.approx(0.2, rel=0.2)
    assert not order[3].any()
    quote = Noisy(quote_scale=5.0).quote(knowledge)
    assert (quote > 0).all()
    assert quote[-1] == 1


def test_without_noise_noisy_traders_obey(three_trader_contract: GrandContract, at_market: AtMarket) -> None:
    knowledge = at_market(three_trader_contract, 1, [0, 0, 0])
    still = Noisy(0.0, 0.0)
    np.testing.assert_array_equal(still.quote(knowledge), knowledge.recommendation.quotes)
    np.testing.assert_array_equal(still.order(knowledge).net_demands, knowledge.recommendation.orders)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Withholding(1.5), "fraction .* is 1.5; it must be from 0 to 1"),
        (lambda: Withholding(-0.1), "fraction .* is -0.1"),
        (lambda: Withholding(float("nan")), "fraction"),
        (lambda: Mispricing(-1.0), "factor of behaviour 'mispricing' is -1.0; it must be at least 0"),
        (lambda: Mispricing(float("inf")), "factor"),
        (lambda: Noisy(quote_scale=-1), "quote_scale of behaviour 'noisy'"),
        (lambda: Noisy(order_scale=float("nan")), "order_scale"),
        (lambda: ShortSelling(size=-1), "size of behaviour 'short-selling'"),
        (lambda: Arbitraging(size=-1), "size of behaviour 'arbitraging'"),
        (lambda: BestResponding(effort=0), "effort of behaviour 'best-responding' is 0"),
    ],
)
def test_senseless_parameters_are_refused(build: Callable[[], Behaviour], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_obedience_settles_at_the_promised_allocation(
    three_trader_contract: GrandContract, at_market: AtMarket
) -> None:
    everyone = [at_market(three_trader_contract, player, [0, 0, 0]) for player in range(3)]
    orders = [Obedient().order(knowledge) for knowledge in everyone]
    settled = settle(
        Play(
            np.stack([Obedient().quote(knowledge) for knowledge in everyone]),
            np.stack([order.net_demands for order in orders]),
            np.stack([order.announced_endowment for order in orders]),
            everyone[0].recommendation.transfers,
        ),
    )
    assert not settled.bankrupt.any()
    np.testing.assert_allclose(settled.allocation, three_trader_contract.allocation[0], rtol=1e-12)

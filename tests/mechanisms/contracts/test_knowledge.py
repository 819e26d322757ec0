"""What a recommendation tells a player about the others, and that rounding tells nobody anything."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Logarithmic, Quadratic

ALIKE = 3


def alike_and_an_observer(seed: int, *, logarithmic: bool) -> GrandContract:
    """Three traders who may each have any of three tastes, and a fourth who sees only what is recommended to it."""
    generator = np.random.default_rng(seed)
    endowment = np.append(generator.uniform(1, 3, 2), 400.0)

    def kind(name: str) -> PlayerType:
        taste = generator.uniform(5, 9, 2)
        valuation = Logarithmic(taste, np.ones(2)) if logarithmic else Quadratic(taste, np.diag([0.7, 0.3]))
        return PlayerType(name, endowment, valuation)

    tastes, observer = tuple(kind(f"taste {number}") for number in range(ALIKE)), kind("only")
    players = tuple(Player(name, tastes) for name in ("ann", "bob", "cat"))
    prior = IndependentPrior([np.array([0.2, 0.3, 0.5])] * ALIKE + [np.ones(1)])
    names = ("tea", "rye", "money")
    return grand_contract(Economy("alike", names, names, (*players, Player("dan", (observer,))), prior))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_an_observer_may_learn_how_many_have_a_taste_but_not_who(seed: int, logarithmic: bool) -> None:
    contract = alike_and_an_observer(seed, logarithmic=logarithmic)
    tastes = contract.economy.profiles[:, :ALIKE]
    (known,) = knowledge_of(contract, (ALIKE,)).information
    compositions = [tuple(sorted(profile)) for profile in tastes.tolist()]
    learnt = {number: place for place, information in enumerate(known) for number in information.profiles}
    places = {composition: set[int]() for composition in compositions}
    for number, composition in enumerate(compositions):
        places[composition].add(learnt[number])
    # Compositions may be confused, where those whom the price excludes differ; who is who never shows.
    assert all(len(told) == 1 for told in places.values())
    assert len(known) > 1

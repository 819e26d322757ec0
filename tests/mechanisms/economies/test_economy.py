"""Economies: tables over types, utility by hand, and the refusal of what is not an economy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Linear
from tests.examples import drawn
from tests.mechanisms.strategies import economies, economy_of, line, one_type


@given(economy=economies(type_dependent=True), data=st.data())
@settings(max_examples=drawn(25), deadline=None)
def test_utility_is_the_valuation_of_the_own_type_plus_the_numeraire(economy: Economy, data: st.DataObject) -> None:
    profile = economy.profiles[data.draw(st.integers(0, len(economy.profiles) - 1))]
    bundles = np.random.default_rng(1).uniform(0.1, 3.0, (len(profile), len(economy.goods)))
    utility = economy.utility(profile, bundles)
    for i, (player, number) in enumerate(zip(economy.players, profile, strict=True)):
        kind = player.types[number]
        assert utility[i] == pytest.approx(float(kind.valuation.value(bundles[i, :-1])) + bundles[i, -1])
        assert economy.endowments(profile)[i].tolist() == kind.endowment.tolist()
        assert economy.type_names(profile)[player.name] == kind.name


@given(economy=economies(type_dependent=True))
@settings(max_examples=drawn(25), deadline=None)
def test_all_profiles_at_once_and_one_by_one_agree(economy: Economy) -> None:
    together = economy.endowments(economy.profiles)
    for number, profile in enumerate(economy.profiles):
        assert (together[number] == economy.endowments(profile)).all()
    utility = economy.utility(economy.profiles, together + 0.1)
    for number, profile in enumerate(economy.profiles):
        np.testing.assert_allclose(utility[number], economy.utility(profile, together[number] + 0.1), rtol=1e-13)


def two_players() -> Economy:
    return economy_of([one_type("ann", [1.0, 5.0], line(4.0)), one_type("bob", [2.0, 5.0], line(3.0))])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"goods": ("money", "money")}, "two goods are named 'money'"),
        ({"goods": ("money",), "units": ("euro",)}, "there must be one beside the numeraire"),
        ({"units": ("tonne",)}, "1 units for 2 goods"),
        ({"players": ()}, "there are no players"),
        ({"players": (one_type("ann", [1.0, 5.0], line(4.0)),) * 2}, "two players are named 'ann'"),
        ({"players": (Player("ann", ()), one_type("bob", [2.0, 5.0], line(3.0)))}, "there are no types of ann"),
        ({"prior": IndependentPrior([np.ones(1), np.full(2, 0.5)])}, r"over \(1, 2\) types; the players have \(1, 1\)"),
        ({"prior": IndependentPrior([np.ones(1)])}, r"over \(1,\) types; the players have \(1, 1\)"),
        (
            {"players": (one_type("ann", [1.0, 2.0, 5.0], line(4.0)), one_type("bob", [2.0, 5.0], line(3.0)))},
            "endowment of ann/only has 3 entries; there are 2 goods",
        ),
        (
            {"players": (one_type("ann", [1.0, 5.0], Linear(np.ones(2))), one_type("bob", [2.0, 5.0], line(3.0)))},
            "valuation of ann/only is over 2 goods; there are 1 beside the numeraire",
        ),
    ],
)
def test_what_is_not_an_economy_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(two_players(), **change)  # type: ignore[arg-type]  # wrong on purpose


def test_two_types_of_one_name_are_refused() -> None:
    kind = one_type("ann", [1.0, 5.0], line(4.0)).types[0]
    with pytest.raises(ValueError, match="two types of ann are named 'only'"):
        economy_of([Player("ann", (kind, kind)), one_type("bob", [2.0, 5.0], line(3.0))])


@pytest.mark.parametrize(
    ("endowment", "message"),
    [
        ([-1.0, 5.0], "endowment of type poor is .* at least 0"),
        ([np.inf, 5.0], "endowment of type poor must be finite"),
    ],
)
def test_impossible_endowments_are_refused(endowment: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlayerType("poor", np.array(endowment), line(1.0))


def test_endowments_cannot_be_changed_afterwards() -> None:
    economy = two_players()
    with pytest.raises(ValueError, match="read-only"):
        economy.endowment_table[0, 0] = 7.0
    with pytest.raises(ValueError, match="read-only"):
        economy.players[0].types[0].endowment[0] = 7.0

"""``marketgame solve`` says of a stated contract what it achieves, what types expect, and who would lie."""

from __future__ import annotations

from itertools import chain, combinations

import numpy as np
import pytest

from marketgame.experiments.efficiency.contract_solution import ContractSolution
from marketgame.experiments.efficiency.solving import solve
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.mechanisms.contracts.joint_misreports import best_joint_misreport
from marketgame.mechanisms.contracts.stating import Recommendation, stated_contract
from tests.experiments.command_calls import Call, assert_one_line, one_document

REVEALING = "example:three-farmers-revealing"


def test_a_lottery_of_a_contract_is_expected_as_it_is_drawn(marketgame: Call) -> None:
    """Half of the time after ann's hunger bob buys a quarter tonne of cat at 5 euro; else nobody trades."""
    document = one_document(marketgame("solve", REVEALING, "--json"))
    economy = load_economy(ECONOMIES / "three-farmers.toml")
    drawn, total = 0.5 * 0.5, 0.0
    for name, trade in (("bob", 0.25), ("cat", -0.25)):
        player = economy.player_names.index(name)
        for kind, chance in zip(economy.players[player].types, economy.prior.marginal(player), strict=True):
            owned = kind.endowment[:1]
            worth = float(kind.valuation.value(owned + trade) - kind.valuation.value(owned))
            gain = drawn * (worth - 5.0 * trade)
            assert document["interim"][name][kind.name]["gain"] == pytest.approx(gain, abs=1e-12)
            total += float(chance) * gain
    assert document["gains"] == pytest.approx(total, abs=1e-12)
    assert document["welfare"] == pytest.approx(document["autarky_welfare"] + total, rel=1e-12)
    lost = sum(each["probability"] * each["lost"] for each in document["profiles"])
    assert document["gains"] + lost == pytest.approx(document["gains_from_trade"], rel=1e-12)
    assert not document["fully_revealing"]


def test_the_best_joint_lie_to_a_contract_is_the_best_of_any_coalition() -> None:
    found = solve(REVEALING)
    assert isinstance(found, ContractSolution)
    assert found.joint_lies.worst is not None
    coalitions = chain.from_iterable(combinations(range(3), size) for size in (1, 2, 3))
    each = [best_joint_misreport(found.contract, chosen) for chosen in coalitions]
    assert found.joint_lies.worst.gain == pytest.approx(max(lie.gain for lie in each if lie is not None), abs=1e-12)


def test_the_competitive_contract_loses_nothing_and_half_of_its_trades_a_quarter() -> None:
    economy = load_economy(ECONOMIES / "three-farmers.toml")
    whole, half = (solve(stated_contract(economy, [Recommendation(share)])) for share in (1.0, 0.5))
    assert isinstance(whole, ContractSolution)
    assert isinstance(half, ContractSolution)
    assert np.abs(whole.lost).max() < 1e-12
    # What quadratic valuations lose grows with the square of what is left out.
    assert half.expected["gains"] == pytest.approx(0.75 * whole.expected["gains"], rel=1e-9)


@pytest.mark.parametrize("option", ["--transfers=lp", "--participation=none", "--money=owned", "--refusable"])
def test_what_only_an_economy_knows_is_not_asked_of_a_contract(option: str, marketgame: Call) -> None:
    assert_one_line(marketgame("solve", REVEALING, option), "this is a contract")

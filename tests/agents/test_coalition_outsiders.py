"""What a coalition expects of those outside it follows from how they behave, and from nobody else's behaviour."""

from __future__ import annotations

import pytest

from marketgame.agents.behaviours import Behaviour, Obedient, ReactiveArbitraging, ReactiveWithholding
from marketgame.agents.coalitions.outsiders import expected_reaction
from marketgame.mechanisms.deviations.reactions import (
    ArbitrageAfterMisquotes,
    ReactionsByType,
    WithholdingAfterMisquotes,
)

WARY, ARBITRAGING, OBEDIENT = ReactiveWithholding(1e-3), ReactiveArbitraging(3.0), Obedient()
WITHHOLD, ARBITRAGE = WithholdingAfterMisquotes(1e-3), ArbitrageAfterMisquotes(3.0)
BEHAVIOURS: tuple[tuple[Behaviour, ...], ...] = ((WARY,), (OBEDIENT, OBEDIENT), (WARY, WARY), (ARBITRAGING, OBEDIENT))


@pytest.mark.parametrize(
    ("coalition", "expected"),
    [
        ((0, 2, 3), None),
        ((1, 3), WITHHOLD),
        ((0, 1, 2, 3), None),
        ((0, 1, 2), ReactionsByType(((None,), (None, None), (None, None), (ARBITRAGE, None)))),
        ((0, 3), ReactionsByType(((None,), (None, None), (WITHHOLD, WITHHOLD), (None, None)))),
        ((1,), ReactionsByType(((WITHHOLD,), (None, None), (WITHHOLD, WITHHOLD), (ARBITRAGE, None)))),
    ],
)
def test_outsiders_are_expected_to_do_what_each_of_them_does(coalition: tuple[int, ...], expected: object) -> None:
    assert expected_reaction(BEHAVIOURS, coalition) == expected

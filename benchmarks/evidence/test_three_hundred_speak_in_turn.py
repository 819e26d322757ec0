"""Three hundred traders on coalition-proof transfers: no joint lie gains, as far as a sample goes, and they balance."""

from __future__ import annotations

import numpy as np

import marketgame


def test_transfers_of_three_hundred_balance_and_no_lie_gains_to_within_what_draws_leave() -> None:
    found = marketgame.solve("example:three-hundred-traders", participation="none", transfers="coalition-proof")
    answer = found.incentive_transfers
    assert answer.incentives.incentive_compatible
    check = answer.joint_lies
    assert check.truthful
    assert not check.complete
    # What draws leave uncertain of what each liar brings is far less than what the cheapest lie costs.
    assert 0 < check.error_a_member < -check.worst.gain / 5
    paid = answer.numeraire_transfers
    assert np.abs(paid.sum(axis=1)).max() < 1e-13 * np.abs(paid).sum(axis=1).max()

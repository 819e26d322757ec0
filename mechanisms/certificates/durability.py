"""The certificate that a mechanism is not durable: an alternative game that its members vote for in any case.

Source: Myerson (2006), section 10.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.verification import Verification, required
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import Coalition, CoalitionalGame
from marketgame.mechanisms.coalitional_games.mechanism import Mechanism
from marketgame.mechanisms.core.durability.examination import (
    NEARLY,
    AlternativeGame,
    Refutation,
    coalition_payoffs,
    examine_alternative,
)

# A solver may choose other prices another time, which prove a bound that differs by twice what they are allowed to.
SLACK = 2 * NEARLY


@dataclass(frozen=True, eq=False)
class DurabilityCertificate:
    """An alternative game that refutes a mechanism's durability, whatever its voters believe and however they play.

    Attributes:
        game: the game.
        action_probability: of the mechanism, ``(P, A)``.
        payments: of the mechanism, to each player, ``(P, N)``, units of money.
        coalition: who may vote for the alternative, one or two players.
        offered: probability of each action of theirs for their choices, ``(D, E, C)``; one member has E = 1.
        paid: to each member for their choices, ``(D, E, S)``, units of money.
        margin: some condition of durability fails by at least so much gain, units of money.
    """

    game: CoalitionalGame
    action_probability: FloatArray
    payments: FloatArray
    coalition: Coalition
    offered: FloatArray
    paid: FloatArray
    margin: float

    @classmethod
    def of(cls, game: CoalitionalGame, mechanism: Mechanism, refutation: Refutation) -> Self:
        """Return the certificate of a refutation."""
        alternative = refutation.alternative
        pair = len(alternative.coalition) == 2
        return cls(
            game,
            mechanism.action_probability,
            mechanism.payments,
            alternative.coalition,
            alternative.action_probability if pair else alternative.action_probability[:, None],
            alternative.payments if pair else alternative.payments[:, None],
            refutation.margin,
        )

    @property
    def mechanism(self) -> Mechanism:
        """What is established."""
        return Mechanism(self.action_probability, self.payments)

    @property
    def alternative(self) -> AlternativeGame:
        """What is voted on.

        Raises:
            ValueError: it is no alternative game.
        """
        if len(self.coalition) == 2:
            return AlternativeGame(self.coalition, self.offered, self.paid)
        if self.offered.shape[1] != 1 or self.paid.shape[1] != 1:
            raise ValueError("a single member has nobody beside it who chooses")
        return AlternativeGame(self.coalition, self.offered[:, 0], self.paid[:, 0])

    @property
    def scale(self) -> float:
        """The largest payoff of both games, units of money: bounds are proven up to a share of it."""
        utilities, kept = coalition_payoffs(self.game, self.mechanism, self.coalition)
        offered = np.abs(utilities).max() + np.abs(self.paid).max()
        return float(max(offered, np.abs(kept).max(), at_stake(self.game).unit))


def recomputed_durability(certificate: DurabilityCertificate) -> DurabilityCertificate:
    """Return the certificate with its margin proven anew, zero if the alternative refutes nothing.

    Raises:
        ValueError: what it describes is no mechanism or no alternative game of the game.
    """
    found = _examined(certificate)
    return replace(certificate, margin=found.margin if isinstance(found, Refutation) else 0.0)


def verify_durability(certificate: DurabilityCertificate) -> Verification:
    """Prove anew that the members vote for the alternative, with at least the margin that is stored."""
    try:
        found = _examined(certificate)
        slack = SLACK * certificate.scale
    except (ValueError, ArithmeticError, RuntimeError) as error:
        return Verification(failures=(f"the alternative cannot be put to the vote: {error}",))
    if not isinstance(found, Refutation):
        return Verification(failures=("beliefs and an equilibrium exist in which the alternative is voted down",))
    return Verification.joined(
        (
            required(certificate.margin > 0, "the margin must be above 0"),
            required(
                certificate.margin <= found.margin + slack,
                f"the margin is {certificate.margin:.9g}; no more than {found.margin:.9g} is proven",
            ),
        )
    )


def _examined(certificate: DurabilityCertificate) -> object:
    game, coalition = certificate.game, certificate.coalition
    if coalition not in game.actions:
        raise ValueError(f"coalition is {coalition}; it must list players of the game once, ascending")
    return examine_alternative(game, certificate.mechanism.fitting(game), certificate.alternative)

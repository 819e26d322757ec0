r"""The certificate that no severance, or none that is cheaper, keeps coalitions from being led away.

It holds ranges of severance and a plan for each. A plan that is tenable at both ends of its range is tenable at every
promise in between (:mod:`marketgame.mechanisms.blocking.severance_range`), and nobody may be promised more than it can
spare, so that the ranges prove the bound if they cover all promises up to that which are expected to cost less.

Source: Myerson (2006), conditions (9) to (12), and (18).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.blocking.severance_range import BlockedRange, spare
from marketgame.mechanisms.certificates.verification import Verification, required
from marketgame.mechanisms.coalitional_games.at_stake import at_stake
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.core.least_severance import lacks_individually

# Ranges that meet up to this share of what is at stake leave nothing between them.
ROUNDING = 1e-9
# Pieces of what may be promised beyond which it is not looked whether they are covered.
MOST_PIECES = 50_000


@dataclass(frozen=True, eq=False)
class SeveranceCertificate:
    """Ranges of severance that a plan each blocks, which prove how much severance is needed at least.

    Attributes:
        game: the game.
        earned: what the established plan gives at every profile, severance apart, ``(P, N)``, units of money.
        bound: no promise that is expected to cost less keeps coalitions, units of money; none if no promise whatever
            does.
        ranges: of severance, each with a plan; none where somebody would leave alone whatever is promised.
    """

    game: CoalitionalGame
    earned: FloatArray
    bound: float | None
    ranges: tuple[BlockedRange, ...]


def verify_severance(certificate: SeveranceCertificate) -> Verification:
    """Play every plan at both ends of its range again, and check that the ranges leave no cheaper promise."""
    game, earned = certificate.game, certificate.earned
    try:
        spared = spare(game, earned)
        blocked = [one.holds(game, earned) for one in certificate.ranges]
    except (ValueError, IndexError) as error:
        return Verification(failures=(f"the plans cannot be played: {error}",))
    tenable = (
        required(holds, f"the plan of range {number} is not tenable at both of its ends")
        for number, holds in enumerate(blocked)
    )
    left = None if lacks_individually(game, spared) else _left(certificate, np.concatenate(spared))
    return Verification.joined((*tenable, required(left is None, left or "")))


def recomputed_severance(certificate: SeveranceCertificate) -> SeveranceCertificate:
    """Return the certificate, whose numbers are the plans' own: what is stored is what is played.

    Raises:
        ValueError: it cannot be played.
    """
    spare(certificate.game, certificate.earned)
    return certificate


def _left(certificate: SeveranceCertificate, spared: FloatArray) -> str | None:
    """Return which promise the ranges leave, in words; none if they leave none."""
    game = certificate.game
    probability = np.concatenate(game.type_probabilities)
    rounding = ROUNDING * at_stake(game).unit
    bound = np.inf if certificate.bound is None else certificate.bound
    lows = np.array([np.concatenate(one.least) for one in certificate.ranges]).reshape(-1, spared.size)
    highs = np.array([np.concatenate(one.most) for one in certificate.ranges]).reshape(-1, spared.size)
    pieces = [(np.zeros(spared.size), np.maximum(spared, 0.0))]
    for _ in range(MOST_PIECES):
        if not pieces:
            return None
        low, high = pieces.pop()
        if probability @ low >= bound - rounding:
            continue
        inside = ((lows <= low + rounding) & (highs >= high - rounding)).all(axis=1)
        if inside.any():
            continue
        cut = _cut(low, high, lows, highs, rounding)
        if cut is None:
            return f"no range holds promises that are expected to cost {probability @ low:.6g}"
        kind, amount = cut
        below, above = high.copy(), low.copy()
        below[kind] = above[kind] = amount
        pieces += [(low, below), (above, high)]
    return "the ranges leave too many pieces to look at"


def _cut(
    low: FloatArray, high: FloatArray, lows: FloatArray, highs: FloatArray, rounding: float
) -> tuple[int, float] | None:
    """Return a type and an amount at which some range that meets a piece ends within it; none if none does."""
    meets = ((lows < high) & (highs > low)) | (high - low <= rounding)
    for one in np.flatnonzero(meets.all(axis=1)):
        for edge in (lows[one], highs[one]):
            within = (edge > low + rounding) & (edge < high - rounding)
            if within.any():
                kind = int(within.argmax())
                return kind, float(edge[kind])
    return None

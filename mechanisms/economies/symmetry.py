r"""Profiles that are one economy with the players' places exchanged: they need to be solved once.

Two types are of one *kind* if they own the same goods and value them by the same numbers, whoever's types they are.
Profiles with the same kinds, each as often, have the same efficient allocation up to the players' places. Solving one
of them and exchanging places gives answers that are equal bit for bit; solving each gives answers that differ by
rounding, which would tell a player who is who.

The numeraire enters utility one for one, so that how much of it a type owns does not bear on its kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy


@dataclass(frozen=True, eq=False)
class Representatives:
    """Which of P profiles stand for all of them.

    Attributes:
        numbers: of the profiles to be solved, ``(U,)``.
        which: of these stands for each profile, ``(P,)``, from 0 to U - 1.
        order: the players of each profile by kind, ``(P, N)``: the k-th in the order of a profile gets what the k-th
            in the order of its representative gets.
    """

    numbers: IntegerArray
    which: IntegerArray
    order: IntegerArray

    def spread(self, bundles: FloatArray) -> FloatArray:
        """Return what the players of all P profiles get, ``(P, N, G)``, from that of the U representatives."""
        by_kind = np.take_along_axis(bundles, self.order[self.numbers][..., None], axis=1)
        everywhere = np.empty((len(self.which), *bundles.shape[1:]))
        np.put_along_axis(everywhere, self.order[..., None], by_kind[self.which], axis=1)
        return everywhere


def representatives(economy: Economy, profiles: IntegerArray) -> Representatives | None:
    """Return which of the profiles ``(P, N)`` stand for all of them; None if every one stands for itself alone."""
    kinds = economy.kinds
    if len(np.unique(kinds)) == len(kinds):
        return None
    found = kinds[economy.rows(profiles)]
    order = np.argsort(found, axis=1, kind="stable")
    _, numbers, which = np.unique(
        _labels(np.take_along_axis(found, order, axis=1), len(kinds)), return_index=True, return_inverse=True
    )
    if len(numbers) == len(profiles):
        return None
    return Representatives(numbers.astype(np.int64), which.reshape(-1).astype(np.int64), order)


def _labels(rows: IntegerArray, kinds: int) -> IntegerArray:
    """Return a number for each row of ``(P, N)``, equal for equal rows: one comparison each where they fit a word."""
    labels, most = np.zeros(len(rows), dtype=np.int64), 1
    for column in rows.T:
        if most > np.iinfo(np.int64).max // kinds:
            _, labels = np.unique(labels, return_inverse=True)
            labels, most = labels.reshape(-1).astype(np.int64), int(labels.max()) + 1
        labels, most = labels * kinds + column, most * kinds
    return labels

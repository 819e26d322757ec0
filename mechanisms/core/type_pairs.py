"""Ordered pairs of different types of one player: who may pretend to be whom."""

from __future__ import annotations

import numpy as np

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.incentive_efficiency.program import TypeRows
from marketgame.mechanisms.incentive_efficiency.virtual_utility import VirtualWeights
from marketgame.mechanisms.linear_program import Block, LinearProgram


class TypePairs:
    """Types of all players in one row, and every pair of a true and a told type.

    Attributes:
        types: how types are numbered, M of them.
        probability: of each type, ``(M,)``.
        true: type that may pretend, ``(J,)``.
        told: type it may pretend to be, ``(J,)``.
        number: of the pair of each type with each report, -1 for its own, ``(M, K)``.
    """

    def __init__(self, game: CoalitionalGame) -> None:
        self.types = TypeRows(game.type_counts)
        self.probability = self.types.joined(game.type_probabilities)
        kind, report = self.types.reports()
        lie = report != self.types.own[kind]
        self.true: IntegerArray = kind[lie]
        self.told: IntegerArray = self.types.offset[self.types.player[self.true]] + report[lie]
        self.number: IntegerArray = np.full((self.types.size, self.types.most), -1)
        self.number[self.true, report[lie]] = np.arange(self.true.size)

    @property
    def size(self) -> int:
        """Number of pairs, J."""
        return int(self.true.size)

    def state_hydraulics(self, program: LinearProgram, multiplier: Block, weight: Block) -> None:
        """State the hydraulic equations (5) for multipliers ``(J,)`` and weights ``(M,)``."""
        rows = program.constraints("hydraulic", {"type": self.types.size}, equal_to=self.probability)
        program.add(rows, weight, 1.0)
        program.add(rows[self.true], multiplier, 1.0)
        program.add(rows[self.told], multiplier, -1.0)

    def weights(self, multipliers: FloatArray) -> FloatArray:
        r"""Return the :math:`\lambda` that the hydraulic equations (5) give to multipliers ``(J,)``, ``(M,)``."""
        outflow = np.bincount(self.true, weights=multipliers, minlength=self.types.size)
        inflow = np.bincount(self.told, weights=multipliers, minlength=self.types.size)
        return self.probability - outflow + inflow

    def virtual_weights(self, multipliers: FloatArray) -> VirtualWeights:
        """Return multipliers ``(J,)`` and their weights as tables of each player.

        Rounding noise below zero is cut off, which leaves equally little of it in the hydraulic equations.
        """
        table = np.zeros(self.number.shape)
        alpha = np.maximum(multipliers, 0.0)
        table[self.true, self.types.own[self.told]] = alpha
        return VirtualWeights(self.types.split(np.maximum(self.weights(alpha), 0.0)), self.types.split_square(table))

    def multipliers(self, virtual: VirtualWeights) -> FloatArray:
        """Return the multipliers of all pairs in one row, ``(J,)``."""
        player = self.types.player[self.true]
        own = self.types.own
        places = zip(player, own[self.true], own[self.told], strict=True)
        return np.array([virtual.multipliers[i][t, r] for i, t, r in places])

r"""The program of incentive efficiency where players are replicas: profiles are counts of types.

Replicas own the same, money included, value the same and have the same chances. Of T types, n of them have
:math:`\binom{n + T - 1}{T - 1}` counts where they have :math:`T^n` profiles, and the program over counts is exact:

*Symmetric mechanisms suffice.* Let :math:`(x, y)` divide goods and pay money, and let :math:`\pi` permute players
within their groups. The mechanism that does to :math:`\pi(i)` at :math:`\pi t` what :math:`(x, y)` does to i at t gives
type k of :math:`\pi(i)` that reports r what :math:`(x, y)` gives i: independent types are as likely with replicas'
places exchanged, and valuations and endowments are the same. So it is as incentive compatible, leaves every type as
much, asks nobody for more than it owns, balances as well, and is worth as much. So is and does the mean over all
permutations, as incentives, consent, budgets and welfare are linear in the lottery over divisions and in payments. The
mean treats replicas alike, and what it does depends on no more than how many of each group report each type.

*What it comes to.* At counts c of probability :math:`P(c)` let :math:`S_{gr}(k) = \sum_{j: t_j = r} v_k(x_j)` be what
the bundles of the members of group g that report r are worth to type k in sum. A member that reports r meets the counts
c with probability :math:`P(c)\,c_{gr} / (n_g p_g(r))`, and then one of the :math:`c_{gr}` bundles by lot. So its type k
expects :math:`G_g(r|k)` with

.. math:: n_g G_g(r|k) = \sum_c P(c) \, S_{gr}(k) / p_g(r).

That is the definition of a single player's interim value in `program`, with groups in the place of players and counts
in that of profiles: incentives, consent (:math:`n_g W_g`) and the budget keep their form. Divisions are priced as ever,
by virtual surplus at one profile with the counts; the best of them need not treat equals alike, as the sum S does.

*Payments.* Incentives, consent and the expected budget ask for expectations :math:`X_g(r)` only. Where types are
independent, there are two players or more and nothing limits payments, `balanced_payments` with these expectations add
up to :math:`\sum_i E[X_i]` at every profile: balance in expectation then is balance ex post. With limits it need not
be, as what a type expects may have to come at profiles at which the others do not own it. Where those payments ask
somebody for more than it owns, what the members of group g that report r receive together at counts c is a variable of
its own, at least :math:`-c_{gr} m_g`, and at c they add up to zero at most; equal shares of it are payments at every
profile, by symmetry without loss.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.profiles import Listing, exact_profiles, players_alike
from marketgame.mechanisms.economies.valuation import ValuationTable
from marketgame.mechanisms.incentive_efficiency.column_generation import ColumnGenerator, ColumnPool, PricedActions
from marketgame.mechanisms.incentive_efficiency.program import InterimProgram
from marketgame.mechanisms.incentive_efficiency.virtual_allocation import (
    CombinedValuations,
    DivisibleActions,
    largest_surplus,
)
from marketgame.mechanisms.linear_program import Block
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline


class ReplicaProgram(InterimProgram):
    """The program over counts of types; groups of replicas stand in the place of players, with totals of each group.

    Payments at every profile, where they are limited, are of all members of one type: ``ex post payment[profile,
    type]``.

    Args:
        probabilities: of the types of each group, one ``(K_g,)`` for each.
        group: of each player, ``(N,)``.
        profiles: one with each of the counts, type numbers ``(P, N)``.
        prior: the probability of the counts, ``(P,)``.
        unit: what one unit of utility and payment in the program is worth.
        holdings: the money each player can pay at most, ``(N,)``; none where payments have no limit.
    """

    def __init__(
        self,
        probabilities: tuple[FloatArray, ...],
        group: IntegerArray,
        profiles: IntegerArray,
        prior: FloatArray,
        unit: float,
        holdings: FloatArray | None = None,
    ) -> None:
        first = np.concatenate(([0], np.cumsum([len(each) for each in probabilities])))
        self.counts = _counts(first[group] + profiles, int(first[-1]))
        self._first_member = np.unique(group, return_index=True)[1]
        super().__init__(probabilities, profiles, unit, holdings, group=group, prior=prior)

    def _state_holdings(self, holdings: FloatArray) -> None:
        """Derive interim payments from payments at each profile, which nobody makes out of money it does not own."""
        owned = self.counts * holdings[self._first_member][self.types.player] / self.unit
        size = {"profile": len(self.profiles), "type": self.types.size}
        paid = self.program.variables(
            "ex post payment", size, lower=-owned, upper=np.where(self.counts > 0, np.inf, 0.0)
        )
        balance = self.program.constraints("balance", {"profile": len(self.profiles)}, at_most=0.0)
        expected = self.program.constraints("expected payment", {"type": self.types.size}, equal_to=0.0)
        at, kind = np.nonzero(self.counts)
        self.program.add(balance[at], paid[at, kind], 1.0)
        self.program.add(expected[kind], paid[at, kind], self.prior[at] / self._type_probability[kind])
        self.program.add(expected, self._payment, -1.0)
        self.program.set_limits(self._budget, at_most=np.inf)

    def state_actions(self, actions: Block, profiles: IntegerArray, utilities: FloatArray) -> None:
        """State the coefficients of action variables.

        Args:
            actions: block of n variables.
            profiles: number of the profile each belongs to, ``(n,)``.
            utilities: what the bundles of all members of a type's group that make a report are worth to the type,
                ``(n, M, K)``.
        """
        reports = np.minimum(
            self.types.offset[self.types.player][:, None] + np.arange(self.types.most), self.types.size - 1
        )
        kind, report = self.types.reports()
        made = reports[kind, report]
        column, pair = np.nonzero(self.counts[profiles][:, made])
        odds = self.prior[profiles[column]] / self._type_probability[made[pair]]
        worth = utilities[column, kind[pair], report[pair]] * (odds / self.unit)
        self.program.add(self.probability[profiles], actions[np.arange(len(profiles))], 1.0)
        self.program.add(self.definition[kind[pair], report[pair]], actions[column], worth)


class ReplicaActions(DivisibleActions):
    """Prices divisions at one profile for every count of types; utilities are those of groups of replicas.

    Args:
        economy: with independent types and endowments that do not depend on them.

    Raises:
        ValueError: types are correlated, or an endowment depends on its player's type.
    """

    def __init__(self, economy: Economy) -> None:
        super().__init__(economy)
        representatives, members = np.unique(players_alike(economy), return_inverse=True)
        self.group = members.astype(np.int64)
        self._sizes = np.bincount(self.group)
        counted = exact_profiles(economy, Listing.COUNTED)
        self._profiles, self._prior = counted.types, counted.weights
        self.type_probabilities = tuple(economy.prior.marginal(int(player)) for player in representatives)
        counts = [len(each) for each in self.type_probabilities]
        self._first = np.cumsum(counts) - counts
        self._rows = np.concatenate(
            [
                economy.first_rows[player] + np.arange(count)
                for player, count in zip(representatives, counts, strict=True)
            ]
        )
        self._table = ValuationTable([economy.valuations.valuations[row] for row in self._rows])
        self._reference = economy.reference_goods[self._rows]
        self._members = [np.flatnonzero(self.group == number) for number in range(len(counts))]

    @property
    def profiles(self) -> IntegerArray:
        """Type numbers at one profile with each of the counts, ``(P, N)``."""
        return self._profiles

    @property
    def prior(self) -> FloatArray:
        """The probability of each of the counts, ``(P,)``."""
        return self._prior

    @property
    def autarky(self) -> tuple[FloatArray, ...]:
        """What the members of each group would gain if all were of one type and lived on their endowments."""
        alone = super().autarky
        sizes = self._sizes.tolist()
        return tuple(size * alone[int(own[0])] for size, own in zip(sizes, self._members, strict=True))

    def generator(self, pool: ColumnPool, holdings: FloatArray | None = None) -> ColumnGenerator:
        """Return what looks for divisions to add to those of a pool."""
        program = ReplicaProgram(self.type_probabilities, self.group, self._profiles, self._prior, self.unit, holdings)
        return ColumnGenerator(self, pool, program=program)

    def of_each(self, totals: tuple[FloatArray, ...]) -> tuple[FloatArray, ...]:
        """Return a member's part of numbers by type, one array for each player, from totals of groups."""
        return tuple(totals[number] / self._sizes[number] for number in self.group)

    def paid(self, payments: FloatArray) -> FloatArray:
        """Return what each player receives, ``(P, N)``, from what all of a type in a group receive, ``(P, M)``."""
        own = self._first[self.group] + self._profiles
        each = payments / np.maximum(_counts(own, len(self._rows)), 1)
        return np.take_along_axis(each, own, axis=1)

    def utilities(self, actions: NDArray[np.generic], profiles: IntegerArray) -> FloatArray:
        """Return what the bundles of all members that make a report are worth to every type of their group.

        Returns:
            By division, type and report, ``(B, M, K)``, numeraire.
        """
        types = self._profiles[profiles]
        bundles = actions.astype(np.float64).reshape(*types.shape, -1)
        most = max(len(each) for each in self.type_probabilities)
        worth = np.zeros((len(types), len(self._rows), most))
        for first, probabilities, members in zip(self._first, self.type_probabilities, self._members, strict=True):
            said = types[:, members, None] == np.arange(len(probabilities))
            for row in range(first, first + len(probabilities)):
                rows = np.full((len(types), len(members)), row)
                received = self._table.dispose(rows, bundles[:, members])
                gained = self._table.gain(rows, np.broadcast_to(self._reference[row], received.shape), received)
                worth[:, row, : len(probabilities)] = (gained[..., None] * said).sum(axis=1)
        return worth

    def best_actions(
        self, coefficients: tuple[FloatArray, ...], profiles: IntegerArray, deadline: Deadline = NO_DEADLINE
    ) -> PricedActions:
        """Return the division of largest virtual surplus at each profile, with what none can exceed."""
        weights = np.zeros((len(self._rows), len(self._rows)))
        for first, matrix in zip(self._first, coefficients, strict=True):
            own = slice(first, first + len(matrix))
            weights[own, own] = matrix.T
        types = self._profiles[profiles]
        supply = self.economy.endowments(types)[..., :-1].sum(axis=-2)
        combined = CombinedValuations(self._table, weights, self._reference)
        found = largest_surplus(combined, self._first[self.group] + types, supply, deadline)
        self.concave = self.concave and found.concave
        return PricedActions(found.bundles.reshape(len(types), -1), found.surplus, found.bound)


def _counts(own: IntegerArray, types: int) -> IntegerArray:
    """Return how many players have each type of each group, ``(P, M)``, of the places of their types, ``(P, N)``."""
    flat = own + types * np.arange(len(own))[:, None]
    counted = np.bincount(flat.reshape(-1), minlength=types * len(own))
    return counted.reshape(len(own), types).astype(np.int64)

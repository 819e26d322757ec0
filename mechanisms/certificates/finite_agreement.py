"""Certificates about agreements in finite games: an improvement of a coalition that no part of it breaks.

Type profiles are numbered with the last player's type running fastest, joint actions likewise. The prior is common,
and no transfers are made.

Source: Giraud and Rochon (2001), Definitions 5 to 7, over proper nonempty parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.verification import Verification, compared, required
from marketgame.mechanisms.collusion.finite_games.equilibrium import incentive_gain, interim_utilities
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    CommunicationContract,
    Concept,
    ExtendedGame,
    contract_for,
)
from marketgame.mechanisms.collusion.finite_games.improvement import GAIN_TOLERANCE, Improvement, flaws_of
from marketgame.mechanisms.collusion.finite_games.internal_consistency import Unsettled, objection
from marketgame.mechanisms.collusion.finite_games.revised_game import RevisedGame, coalitions_of, revised_game

# What counts as nothing must be less than this share of what some member of a part could gain.
TOLD_APART = 1e-2
# Differences below this share of what they are differences of are rounding.
LAST_DIGITS = 1e-12


@dataclass(frozen=True, eq=False)
class FiniteAgreementCertificate:
    """An agreement by which a coalition improves upon a contract, and which no part of it breaks.

    Attributes:
        players: their names.
        types: the names of each one's types.
        actions: the names of what each can do.
        prior: of each type profile, ``(S,)``.
        payoffs: of each player at each type profile after each joint action, ``(S, A, I)``, units of utility.
        contract: probability that each joint action is recommended after each profile of reports, ``(S, A)``.
        coalition: places of its members among the players, increasing.
        agreement: probability of each joint action of the members after each profile of what they report, ``(Q, B)``;
            they report pairs of type and recommendation that the contract makes possible, by type first.
        status_quo: what each such pair of each member expects without it, member after member, ``(G,)``, units of
            utility.
        promised: what it expects under the agreement, ``(G,)``, likewise.
    """

    players: tuple[str, ...]
    types: tuple[tuple[str, ...], ...]
    actions: tuple[tuple[str, ...], ...]
    prior: FloatArray
    payoffs: FloatArray
    contract: FloatArray
    coalition: tuple[int, ...]
    agreement: FloatArray
    status_quo: FloatArray
    promised: FloatArray

    @cached_property
    def among_all(self) -> ExtendedGame:
        """The game among all players.

        Raises:
            ValueError: its parts do not go together.
        """
        count, menus = len(self.players), tuple(map(len, self.actions))
        states = np.array(list(product(*(range(len(kinds)) for kinds in self.types))))
        shape = (len(states), int(np.prod(menus)), count)
        if self.payoffs.shape != shape or self.prior.shape != (len(states),):
            found = f"prior has shape {self.prior.shape} and payoffs {self.payoffs.shape}"
            raise ValueError(f"{found}; they must have {(len(states),)} and {shape}")
        return ExtendedGame(
            players=tuple(range(count)),
            types=states,
            type_labels=self.types,
            priors=np.tile(self.prior[:, None], count),
            actions=self.actions,
            transfers=np.zeros((1, count)),
            granted=np.zeros(len(states), dtype=np.int64),
            payoffs=self.payoffs.reshape(1, len(states), *menus, count),
        )

    @cached_property
    def grand(self) -> CommunicationContract:
        """The contract of all players.

        Raises:
            ValueError: it does not fit the game.
        """
        return _contract(self.among_all, self.contract, "contract")

    @cached_property
    def revised(self) -> RevisedGame:
        """What the members face once the contract has spoken.

        Raises:
            ValueError: the contract or the coalition does not fit the game.
        """
        return revised_game(self.among_all, self.grand, self.coalition)

    @cached_property
    def told(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """What each member may report: the name of its type, and of what the contract told it.

        Raises:
            ValueError: the contract or the coalition does not fit the game.
        """
        pairs = zip(self.coalition, self.revised.was, self.revised.recommended, strict=True)
        return tuple(
            tuple((self.types[member][kind], self.actions[member][told]) for kind, told in zip(was, after, strict=True))
            for member, was, after in pairs
        )

    @cached_property
    def improvement(self) -> Improvement:
        """The agreement, with what it promises as it is stored.

        Raises:
            ValueError: it does not fit the revised game.
        """
        revised = self.revised
        ends = np.cumsum([len(told) for told in revised.recommended])
        if self.status_quo.shape != (ends[-1],) or self.promised.shape != (ends[-1],):
            raise ValueError(f"utilities are for {len(self.promised)} types of members; there are {ends[-1]}")
        promised = tuple(np.split(self.promised, ends[:-1]))
        status_quo = tuple(np.split(self.status_quo, ends[:-1]))
        side = _contract(revised.game, self.agreement, "agreement")
        return Improvement(self.coalition, Concept.BIC, side, promised, status_quo)


def _contract(game: ExtendedGame, table: FloatArray, name: str) -> CommunicationContract:
    shape = (int(np.prod(game.type_counts)), int(np.prod(game.action_counts)))
    if table.shape != shape:
        raise ValueError(f"{name} has shape {table.shape}; it must have {shape}")
    return contract_for(game, table.reshape(*game.type_counts, *game.action_counts))


def recomputed_agreement(certificate: FiniteAgreementCertificate) -> FiniteAgreementCertificate:
    """Return an agreement with what it promises recomputed.

    Raises:
        ValueError: its parts do not go together.
    """
    revised = certificate.revised
    side = _contract(revised.game, certificate.agreement, "agreement")
    promised = [interim_utilities(revised.game, side, place) for place in revised.game.members]
    return replace(certificate, status_quo=np.concatenate(revised.status_quo), promised=np.concatenate(promised))


def verify_agreement(certificate: FiniteAgreementCertificate) -> Verification:
    """Recompute what an agreement promises, and check that it is an improvement that no part of the members breaks."""
    try:
        again = recomputed_agreement(certificate)
        claimed, found = certificate.improvement, again.improvement
        flaws = flaws_of(certificate.among_all, certificate.grand, found)
        broken = objection(certificate.revised.game, claimed.contract)
    except ValueError as error:
        return Verification(failures=(f"the agreement cannot be examined: {error}",))
    scale = certificate.among_all.scale
    unclear = (*_not_of_own_size(again), *_not_told_from_rounding(certificate, claimed.contract))
    return Verification.joined(
        (
            compared("status_quo", certificate.status_quo, again.status_quo, scale),
            compared("promised", certificate.promised, again.promised, scale),
            Verification(failures=tuple(flaw.value for flaw in flaws)),
            required(broken is None, _why(certificate, broken)),
            Verification(failures=unclear),
        )
    )


def _not_of_own_size(found: FiniteAgreementCertificate) -> Iterator[str]:
    """Yield who loses by an agreement or by the truth, whatever others' utility is measured in and ruin would cost."""
    agreed = found.improvement
    sizes = [
        np.maximum(np.abs(kept), np.abs(got)) for kept, got in zip(agreed.status_quo, agreed.promised, strict=True)
    ]
    for member, kept, got, size in zip(found.coalition, agreed.status_quo, agreed.promised, sizes, strict=True):
        if (got - kept < -LAST_DIGITS * size).any():
            yield f"{found.players[member]} loses by the agreement"
    temptation = incentive_gain(found.revised.game, agreed.contract, agreed.concept)
    if temptation > LAST_DIGITS * min(float(size.max()) for size in sizes):
        yield "somebody gains by what it reports or does after it"


def _not_told_from_rounding(certificate: FiniteAgreementCertificate, agreed: CommunicationContract) -> Iterator[str]:
    """Yield which parts could gain what the programs count as nothing: beside ruin that nobody risks, or too seldom.

    A program's tolerance is a share of what a part can do to itself, and of gains before types are known. Neither may
    hide what a member, told what it is told, could gain at most.
    """
    game = certificate.revised.game
    for part in coalitions_of(game.players, proper=True):
        facing = revised_game(game, agreed, part)
        nothing = GAIN_TOLERANCE * facing.game.scale
        for place, (kept, likely) in enumerate(zip(facing.status_quo, facing.game.type_probabilities, strict=True)):
            by_state = np.moveaxis(facing.game.payoffs[..., place], 1, 0).reshape(len(facing.game.types), -1)
            most = np.full(len(kept), -np.inf)
            possible = facing.game.priors[:, place] > 0
            np.maximum.at(most, facing.game.types[possible, place], by_state[possible].max(axis=1))
            more = np.where(likely > 0, most - kept, 0.0)
            rounded = LAST_DIGITS * np.maximum(np.abs(np.where(likely > 0, most, 0.0)), np.abs(kept))
            if ((more > rounded) & (nothing > TOLD_APART * likely * more)).any():
                members = " and ".join(certificate.players[one] for one in part)
                yield f"what {members} might gain cannot be told from rounding"
                break


def _why(certificate: FiniteAgreementCertificate, broken: Improvement | Unsettled | None) -> str:
    if broken is None:
        return ""
    members = " and ".join(certificate.players[place] for place in broken.coalition)
    if isinstance(broken, Unsettled):
        return f"whether {members} break the agreement is not known: the search was cut"
    return f"{members} break the agreement by one of their own"

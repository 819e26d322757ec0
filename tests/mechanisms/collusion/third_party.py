r"""Two players and a third party: Laffont and Martimort's timing of a side-contract.

1. The grand contract has spoken: each player knows its type and what it was told.
2. A third party, which only wants the two to be better off, offers a side-contract.
3. Both accept or refuse at once. If one refuses, the grand contract is played as it stands.
4. If both accept, they report to the side-contract and play what it recommends.

Beliefs are *passive*: who sees a refusal still believes what it believed before, so it keeps obeying the grand
contract, and a refusal is worth what the grand contract promised. The third party offers only what all types accept
when they expect the other to accept, the usual restriction; a side-contract that some types refuse is outside this
timing. With it the offers that can be made are the improvements of the pair of Definition 6, and a contract is immune
if and only if it is strongly collusion-proof. The program here is written from the timing, play by play, and shares
nothing with that of the revised game.

Source:
    Laffont and Martimort (1997), as Giraud and Rochon (2001), sections 1.1 and 3, present it.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.collusion.finite_games.equilibrium import INCENTIVE_TOLERANCE, incentive_gain
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    CommunicationContract,
    Concept,
    ExtendedGame,
    require_fit,
)
from marketgame.mechanisms.collusion.finite_games.improvement import GAIN_TOLERANCE, answered
from marketgame.mechanisms.linear_program import Block, LinearProgram, Sense, Status, certified

type Knowledge = tuple[int, int]
"""A player's type and what the grand contract told it."""


@dataclass(frozen=True, eq=False)
class ThirdPartyOffer:
    """The best side-contract both accept, whatever their types.

    Attributes:
        lottery: over the joint actions after what the two report, ``(A_1, A_2)`` each.
        accepting: expected utility of each type and recommendation of each player if both accept.
        refusing: likewise if one refuses.
    """

    lottery: Mapping[tuple[Knowledge, Knowledge], FloatArray]
    accepting: tuple[Mapping[Knowledge, float], Mapping[Knowledge, float]]
    refusing: tuple[Mapping[Knowledge, float], Mapping[Knowledge, float]]

    @property
    def total_gain(self) -> float:
        """Sum of all types' expected gains, each counted once."""
        return sum(
            accepted[knows] - refused[knows]
            for accepted, refused in zip(self.accepting, self.refusing, strict=True)
            for knows in accepted
        )


@dataclass(frozen=True, eq=False)
class _Play:
    """What can have happened when the third party speaks."""

    knows: tuple[Knowledge, Knowledge]
    told: tuple[int, int]
    probability: FloatArray
    payoffs: FloatArray


def third_party_offer(
    game: ExtendedGame, contract: CommunicationContract, concept: Concept = Concept.BIC
) -> ThirdPartyOffer | None:
    """Return the side-contract a third party offers that makes somebody better off, if there is one.

    Returns:
        The offer with the largest total gain, or none.

    Raises:
        ValueError: there are not two inside players, several rows of transfers, or the contract does not fit.
        UndecidedError: the solver gave no answer.

    Source:
        Laffont and Martimort (1997).
    """
    require_fit(game, contract)
    if len(game.players) != 2 or len(game.transfers) != 1:
        raise ValueError("the third party serves two players, who can only be granted one vector of transfers")
    plays = _plays(game, contract)
    known = tuple(sorted({play.knows[place] for play in plays}) for place in (0, 1))
    program = LinearProgram(Sense.MAXIMIZE)
    menus = {"action 0": game.action_counts[0], "action 1": game.action_counts[1]}
    lottery = {pair: program.variables(f"after {pair}", menus) for pair in itertools.product(known[0], known[1])}
    for pair, block in lottery.items():
        program.add(program.constraints(f"probability after {pair}", equal_to=1.0)[...], block, 1.0)
    refusing = (_worth(plays, 0), _worth(plays, 1))
    for place in (0, 1):
        _state_player(program, lottery, plays, (place, refusing[place]), concept)
    solution = answered(program.solve())
    if solution.status is Status.INFEASIBLE:
        return None
    certified(program, solution)
    chosen = {pair: np.maximum(solution[f"after {pair}"], 0.0) for pair in lottery}
    offer = ThirdPartyOffer(chosen, (_worth(plays, 0, chosen), _worth(plays, 1, chosen)), refusing)
    return offer if offer.total_gain > GAIN_TOLERANCE * game.scale else None


def immune_to_third_party(game: ExtendedGame, contract: CommunicationContract, concept: Concept = Concept.BIC) -> bool:
    """Return whether a contract is played as it stands although a third party may offer side-contracts.

    It must be incentive compatible, no player may want to disobey it alone, and no offer may be accepted by all.

    Raises:
        ValueError: as for `third_party_offer`.
        UndecidedError: the solver gave no answer.

    Source:
        Giraud and Rochon (2001), section 3: for two players Definition 8 is the concept of Laffont and Martimort.
    """
    if incentive_gain(game, contract, concept) > INCENTIVE_TOLERANCE * game.scale:
        return False
    plays = _plays(game, contract)
    for place, menu in enumerate(game.action_counts):
        for action in range(menu):
            instead = _worth(plays, place, instead=action)
            obeyed = _worth(plays, place)
            if any(instead[knows] > obeyed[knows] + INCENTIVE_TOLERANCE * game.scale for knows in obeyed):
                return False
    return third_party_offer(game, contract, concept) is None


def _plays(game: ExtendedGame, contract: CommunicationContract) -> list[_Play]:
    found = []
    for state, kinds in enumerate(game.types.tolist()):
        for told in np.ndindex(*game.action_counts):
            probability = game.priors[state] * contract.probability[(*kinds, *told)]
            if (probability > 0).any():
                knows = ((kinds[0], told[0]), (kinds[1], told[1]))
                found.append(_Play(knows, (told[0], told[1]), probability, game.payoffs[game.granted[state], state]))
    return found


def _worth(
    plays: list[_Play],
    place: int,
    lottery: Mapping[tuple[Knowledge, Knowledge], FloatArray] | None = None,
    instead: int | None = None,
) -> dict[Knowledge, float]:
    """Return what each type and recommendation of a player expects: from the grand contract, or from a lottery."""
    earned: dict[Knowledge, float] = defaultdict(float)
    weight: dict[Knowledge, float] = defaultdict(float)
    for play in plays:
        if play.probability[place] == 0:
            continue
        if lottery is not None:
            value = float((lottery[play.knows] * play.payoffs[..., place]).sum())
        else:
            own = play.told[place] if instead is None else instead
            value = float(play.payoffs[(own, play.told[1], 0) if place == 0 else (play.told[0], own, 1)])
        earned[play.knows[place]] += play.probability[place] * value
        weight[play.knows[place]] += play.probability[place]
    return {knows: total / weight[knows] for knows, total in earned.items()}


type _Lotteries = Mapping[tuple[Knowledge, Knowledge], Block]


def _state_player(
    program: LinearProgram,
    lottery: _Lotteries,
    plays: list[_Play],
    player: tuple[int, Mapping[Knowledge, float]],
    concept: Concept,
) -> None:
    """Whatever a player knows, it accepts and tells the truth."""
    place, refusing = player
    known = sorted({play.knows[place] for play in plays})
    for knows in known:
        mine = [play for play in plays if play.knows[place] == knows and play.probability[place] > 0]
        _state_acceptance(program, lottery, mine, (place, knows), refusing.get(knows, 0.0))
        for report in known:
            _state_honesty(program, lottery, mine, (place, knows, report), concept)


def _state_acceptance(
    program: LinearProgram, lottery: _Lotteries, mine: list[_Play], who: tuple[int, Knowledge], refusing: float
) -> None:
    """Accepting, when the other accepts, is worth at least what the grand contract promised."""
    place, _ = who
    if not mine:
        return
    weight = sum(play.probability[place] for play in mine)
    accepts = program.constraints(f"acceptance of {who}", at_least=refusing)
    for play in mine:
        share = play.probability[place] / weight
        program.add(accepts[...], lottery[play.knows], share * play.payoffs[..., place])
        # What the third party maximises is the sum of what types expect.
        _reward(program, lottery[play.knows], share * play.payoffs[..., place])


def _state_honesty(
    program: LinearProgram,
    lottery: _Lotteries,
    mine: list[_Play],
    who: tuple[int, Knowledge, Knowledge],
    concept: Concept,
) -> None:
    """Truth is worth at least a false report, obeyed or, if the concept allows it, disobeyed in the best way."""
    place, knows, report = who
    if not mine or (concept is Concept.BIC and report == knows):
        return
    menu = mine[0].payoffs.shape[place]
    honest = program.constraints(f"honesty of {who}", at_least=0.0)
    for play in mine:
        program.add(honest[...], lottery[play.knows], play.probability[place] * play.payoffs[..., place])
    if concept is Concept.BIC:
        for play in mine:
            value = play.probability[place] * play.payoffs[..., place]
            program.add(honest[...], lottery[_reporting(play, place, report)], -value)
        return
    best = program.variables(f"best of {who}", {"told": menu}, lower=-np.inf)
    program.add(honest[...], best, -1.0)
    tempted = program.constraints(f"disobedience of {who}", {"told": menu, "played": menu}, at_least=0.0)
    program.add(tempted, best[:, None], 1.0)
    for play in mine:
        block = lottery[_reporting(play, place, report)]
        value = play.probability[place] * np.moveaxis(play.payoffs[..., place], place, 0)
        for told, action in np.ndindex(menu, menu):
            heard = block[told] if place == 0 else block[:, told]
            program.add(tempted[told, action], heard, -value[action])


def _reporting(play: _Play, place: int, report: Knowledge) -> tuple[Knowledge, Knowledge]:
    return (report, play.knows[1]) if place == 0 else (play.knows[0], report)


def _reward(program: LinearProgram, block: Block, value: FloatArray) -> None:
    program.set_objective(block, program.arrays().objective[block.members].reshape(block.shape) + value)

"""Evidence about Giraud and Rochon's definitions in finite games, where programs decide them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np

from marketgame.experiments.claims.claim import Effort, Finding
from marketgame.experiments.claims.drawing import generators
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.finite_agreement import FiniteAgreementCertificate, recomputed_agreement
from marketgame.mechanisms.collusion.finite_games.collusion_check import check_collusion
from marketgame.mechanisms.collusion.finite_games.equilibrium import interim_utilities, satisfies
from marketgame.mechanisms.collusion.finite_games.extended_game import (
    CommunicationContract,
    Concept,
    ExtendedGame,
    contract_for,
    pure_contract,
)
from marketgame.mechanisms.collusion.finite_games.improvement import (
    Improvement,
    NoImprovement,
    improvement,
    improvement_from,
)
from marketgame.mechanisms.collusion.finite_games.improvement_program import SideProblem, SideProgram, Wish
from marketgame.mechanisms.collusion.finite_games.internal_consistency import (
    internally_consistent_improvement,
    objection,
)
from marketgame.mechanisms.collusion.finite_games.revised_game import revised_game
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.linear_program import LinearProgram, Sense, certified

ROUNDING = 1e-7


def _game(payoffs: FloatArray, kinds: tuple[int, ...], prior: FloatArray) -> ExtendedGame:
    """Return the game with payoffs ``(states, actions..., players)`` in which states are profiles of types."""
    members = len(kinds)
    return ExtendedGame(
        players=tuple(range(members)),
        types=np.array(list(product(*map(range, kinds)))),
        type_labels=tuple(tuple(f"type {kind}" for kind in range(count)) for count in kinds),
        priors=np.tile(prior[:, None], members),
        actions=tuple(tuple(f"action {choice}" for choice in range(count)) for count in payoffs.shape[1:-1]),
        transfers=np.zeros((1, members)),
        granted=np.zeros(len(prior), dtype=np.int64),
        payoffs=payoffs[None],
    )


def _drawn(
    effort: Effort, search: str, *, types: int = 2, bonus: float = 0.0
) -> Iterator[tuple[ExtendedGame, CommunicationContract]]:
    """Yield games of two or three players with whole payoffs, and contracts that recommend up to two joint actions.

    With a bonus for whoever plays its first action contracts recommend only that, and often stand.
    """
    for generator in generators(effort, search):
        members = int(generator.integers(2, 4))
        kinds = tuple(int(generator.integers(1, types + 1)) for _ in range(members))
        states, choices = int(np.prod(kinds)), (2,) * members
        payoffs = generator.integers(-3, 4, (states, *choices, members)).astype(float)
        for place in range(members):
            np.moveaxis(payoffs, 1 + place, 0)[0, ..., place] += bonus
        game = _game(payoffs, kinds, generator.dirichlet(np.ones(states)))
        table = np.zeros((states, 2**members))
        for row in table:
            chosen = [0] if bonus else generator.choice(2**members, 2, replace=False)
            row[chosen] = generator.dirichlet(np.ones(len(chosen)))
        yield game, contract_for(game, table.reshape(*kinds, *choices))


def figure_one() -> tuple[ExtendedGame, CommunicationContract]:
    """Return the example of section 6.4 with numbers of ours (docs/collusion.md), and its contract."""
    trader = np.array([[[2.0, 1.0], [0.0, 3.0]], [[1.0, 2.0], [0.0, 0.0]]])  # by type, action, position
    market = np.broadcast_to(np.eye(2)[:, None, :], trader.shape)
    game = _game(np.stack([trader, market], axis=-1), (2, 1), np.full(2, 0.5))
    return game, pure_contract(game, np.array([[[0, 0]], [[0, 1]]]))


def prisoners() -> tuple[ExtendedGame, CommunicationContract]:
    """Return two prisoners who are both to confess."""
    payoffs = np.array([[[3.0, 3.0], [0.0, 4.0]], [[4.0, 0.0], [1.0, 1.0]]])
    game = _game(payoffs[None], (1, 1), np.ones(1))
    return game, pure_contract(game, np.array([1, 1]))


def stronger(effort: Effort) -> Finding:
    """Compare both answers in games that are drawn."""
    checks = [check_collusion(game, contract) for game, contract in _drawn(effort, "stronger", bonus=4.0)]
    strong = [each for each in checks if each.strongly_collusion_proof.answer == "yes"]
    against = sum(each.collusion_proof.answer == "no" for each in strong)
    game, contract = prisoners()
    between = check_collusion(game, contract)
    apart = between.strongly_collusion_proof.answer == "no" and between.collusion_proof.answer == "yes"
    found = (
        f"Of {len(strong)} contracts drawn that are strongly collusion-proof {against} are not collusion-proof. Two "
        f"prisoners who are to confess are collusion-proof "
        "and not strongly so."
    )
    return Finding(against == 0 and apart, found)


def communication_is_stronger(effort: Effort) -> Finding:
    """Compare both equilibrium concepts in games that are drawn, and in the example of Figure 1."""
    drawn = list(_drawn(effort, "communication equilibria", bonus=4.0))
    bold = [(game, each) for game, each in drawn if satisfies(game, each, Concept.COMMUNICATION_EQUILIBRIUM)]
    against = sum(not satisfies(game, each, Concept.BIC) for game, each in bold)
    game, contract = figure_one()
    obedient = check_collusion(game, contract)
    brave = check_collusion(game, contract, Concept.COMMUNICATION_EQUILIBRIUM)
    found = (
        f"Of {len(bold)} communication equilibria among {len(drawn)} contracts drawn {against} are not Bayesian "
        f"incentive compatible. In the example the contract is, and a lie followed by disobedience gains "
        f"{brave.incentive_gain:.0f}."
    )
    agrees = against == 0 and obedient.equilibrium and not brave.equilibrium
    return Finding(agrees, found)


def no_implementation(effort: Effort) -> Finding:
    """Recompute the example of Figure 1: strongly collusion-proof, and no communication equilibrium."""
    del effort  # there is one example
    game, contract = figure_one()
    obedient = check_collusion(game, contract)
    brave = check_collusion(game, contract, Concept.COMMUNICATION_EQUILIBRIUM)
    best = bool(np.all(game.payoffs[0, [0, 1], 0, [0, 1], 0] == [2.0, 2.0]))
    found = (
        f"Truth brings each type 2, its best without disobedience, and strongly collusion-proof: "
        f"{obedient.strongly_collusion_proof.answer}. To pretend and then trade brings {2 + brave.incentive_gain:.0f}."
    )
    return Finding(best and obedient.strongly_collusion_proof.answer == "yes" and not brave.equilibrium, found)


def obedience_keeps(effort: Effort) -> Finding:
    """Compare, in revised games, what obeying anew brings with what the contract brought."""
    same = among = 0
    for game, contract in _drawn(effort, "revised games"):
        for coalition in ((0,), (0, 1)):
            revised = revised_game(game, contract, coalition)
            for place in range(len(coalition)):
                told = float(revised.game.type_probabilities[place] @ revised.status_quo[place])
                before = float(game.type_probabilities[place] @ interim_utilities(game, contract, place))
                among += 1
                same += abs(told - before) <= ROUNDING
    found = (
        f"In {same} of {among} cases what members expect given type and recommendation is on average what they "
        f"expected before."
    )
    return Finding(same == among, found)


def gains_add_up(effort: Effort) -> Finding:
    """Look for improvements whose members do not gain in sum, under the common prior."""
    found_some = positive = 0
    for game, contract in _drawn(effort, "improvements"):
        for coalition in ((0,), (1,), (0, 1)):
            side = improvement(game, contract, coalition)
            if isinstance(side, Improvement):
                found_some += 1
                positive += _in_sum(game, contract, side) > 0
    game, contract = prisoners()
    silent = improvement(game, contract, (0, 1))
    broken = not isinstance(internally_consistent_improvement(game, contract, (0, 1)), Improvement)
    text = (
        f"{found_some} improvements were found, in {positive} of which members gain in sum. Two prisoners improve on "
        f"confessing by silence, which each would break: (a) asks for truth to "
        "the side-device, not for obedience to it."
    )
    return Finding(found_some == positive and isinstance(silent, Improvement) and broken, text)


def _in_sum(game: ExtendedGame, contract: CommunicationContract, side: Improvement) -> float:
    """Return what members expect to gain in sum before they are told anything."""
    odds = revised_game(game, contract, side.coalition).game.type_probabilities
    return float(sum(chance @ gain for chance, gain in zip(odds, side.gains, strict=True)))


@dataclass(frozen=True)
class Partners:
    """A partnership of two, and a doorkeeper who knows whom it favours (Proposition 25 of docs/collusion.md).

    Attributes:
        messages: in how many words Ann can be told to stay; all mean the same.
    """

    messages: int

    def game(self) -> ExtendedGame:
        """Return the game: Ann and Bob go, stay or swap, and Cat, who opens or not, knows whom staying favours."""
        payoffs = np.empty((2, self.messages + 2, 3, 2, 3))
        for kind, choice, other, opens in np.ndindex(payoffs.shape[:4]):
            ann = min(choice, 1) + (choice > self.messages)
            payoffs[kind, choice, other, opens] = _partners_get(kind, ann, other, opens=bool(opens))
        stay = tuple(f"stay{'!' * word}" for word in range(self.messages))
        return replace(
            _game(payoffs, (1, 1, 2), np.full(2, 0.5)),
            type_labels=(("",), ("",), ("it favours Ann", "it favours Bob")),
            actions=(("go", *stay, "swap"), ("go", "stay", "swap"), ("shut", "open")),
        )

    def agreement(self, *, telling: bool) -> FiniteAgreementCertificate:
        """Return the agreement that Ann and Bob stay, in which Ann is told by a word what Cat knows, or nothing."""
        chosen = np.array([[1, 1, 1], [1 + telling, 1, 1]])
        return _agreement(self.game(), np.zeros((1, 1, 2, 3), dtype=np.int64), (0, 1, 2), chosen)

    def objection(self) -> FiniteAgreementCertificate:
        """Return the agreement of Ann and Bob to swap where they were told to stay, and no more."""
        return _agreement(self.game(), np.tile([1, 1, 1], (1, 1, 2, 1)), (0, 1), np.array([[1 + self.messages, 2]]))

    def others_who_improve(self) -> list[Coalition]:
        """Return which coalitions but that of all three improve on going behind a door that is shut: none."""
        game = self.game()
        contract = pure_contract(game, np.zeros((1, 1, 2, 3), dtype=np.int64))
        parts = [part for size in (1, 2) for part in combinations(range(3), size)]
        return [part for part in parts if not isinstance(improvement(game, contract, part), NoImprovement)]


def _partners_get(kind: int, ann: int, bob: int, *, opens: bool) -> tuple[float, float, float]:
    """Return what Ann, Bob and Cat get; going is 0, staying 1, swapping 2."""
    if ann != bob or (ann > 0 and not opens):
        return -10.0, -10.0, -1.0 * (2 in (ann, bob))
    favoured, other = ((3.0, -1.0), (-1.0, 3.0))[kind]
    return favoured * ann, other * ann, -1.0 * (ann == 2)


def _agreement(
    game: ExtendedGame, told: IntegerArray, coalition: tuple[int, ...], chosen: IntegerArray
) -> FiniteAgreementCertificate:
    """Return a certificate, with what it promises, of joint actions chosen after each profile of members' reports."""
    contract = pure_contract(game, told)
    revised = revised_game(game, contract, coalition).game
    side = pure_contract(revised, chosen.reshape(*revised.type_counts, -1))
    states, pairs = int(np.prod(game.type_counts)), int(np.prod(revised.type_counts))
    nothing = np.zeros(sum(revised.type_counts))
    bare = FiniteAgreementCertificate(
        players=("Ann", "Bob", "Cat")[: len(game.players)],
        types=tuple(tuple(map(str, labels)) for labels in game.type_labels),
        actions=tuple(tuple(map(str, menu)) for menu in game.actions),
        prior=game.priors[:, 0],
        payoffs=game.payoffs.reshape(states, -1, len(game.players)),
        contract=contract.probability.reshape(states, -1),
        coalition=coalition,
        agreement=side.probability.reshape(pairs, -1),
        status_quo=nothing,
        promised=nothing,
    )
    return recomputed_agreement(bare)


def direct_devices(effort: Effort) -> Finding:
    """Recompute Proposition 25: an agreement that is kept if Ann is told more than what to play, and only then."""
    told, untold = Partners(2).agreement(telling=True), Partners(1).agreement(telling=False)
    alone = Partners(1).others_who_improve()
    kept, broken = verify(told).confirmed, not verify(untold).confirmed and verify(Partners(1).objection()).confirmed
    game, contract = Partners(1).game(), pure_contract(Partners(1).game(), np.zeros((1, 1, 2, 3), dtype=np.int64))
    problem = SideProblem(revised_game(game, contract, (0, 1, 2)), Concept.BIC)
    among = survived = 0
    for generator in generators(effort, "direct devices"):
        program = SideProgram(problem, whole=False)
        solution = program.solve(Wish(generator.dirichlet(np.ones(3)), least=float(generator.uniform())))
        among += 1
        survived += objection(problem.revised.game, improvement_from(problem, solution).contract) is None
    text = (
        "If Ann is told by a second word for staying what Cat knows, the agreement of all three to stay is kept: "
        f"{'yes' if kept else 'no'}. With one word Ann and Bob break it by swapping: {'yes' if broken else 'no'}. Of "
        f"{among} agreements by direct devices that were drawn, each the best of its kind, {survived} are kept; of the "
        f"six smaller coalitions {len(alone)} improve on the contract."
    )
    return Finding(kept and broken and survived == 0 and not alone, text)


def proper_parts(effort: Effort) -> Finding:
    """Try all ways to call agreements of a chain consistent, each better than the one before."""
    lengths = range(2, min(effort.economies, 10) + 2)
    ended = [_assignments(length, ()) for length in lengths]
    endless = [_assignments(length, (tail,)) for length in lengths for tail in (False, True)]
    found = (
        "Let each of several agreements be better for all than the one before. If the coalition itself counts among "
        "the parts that may break an agreement, only the last one is consistent where there is a last; where there is "
        "none, no assignment of the word satisfies the definition. With proper parts every one is consistent that no "
        "smaller part breaks."
    )
    return Finding(all(each == 1 for each in ended) and all(each == 0 for each in endless), found)


def _assignments(length: int, tail: tuple[bool, ...]) -> int:
    """Return how many ways there are to call agreements of a chain consistent as the circular definition demands.

    Each is consistent exactly if no later one is. What follows the first ones for ever is called as the tail says; an
    assignment that changes for ever fails too, as whatever is consistent has a consistent one after it.
    """
    count = 0
    for given in product((False, True), repeat=length):
        called = (*given, *tail)
        later = [any((*called[place + 1 :], *tail)) for place in range(len(called))]
        count += all(each != better for each, better in zip(called, later, strict=True))
    return count


def third_party(effort: Effort) -> Finding:
    """Compare improvements of two with what a third party finds that only asks both to be no worse off."""
    same = among = 0
    for generator in generators(effort, "two players"):
        payoffs = generator.integers(-3, 4, (1, 3, 3, 2)).astype(float)
        game = _game(payoffs, (1, 1), np.ones(1))
        table = np.zeros(9)
        table[int(generator.integers(9))] = 1.0
        contract = contract_for(game, table.reshape(1, 1, 3, 3))
        side = improvement(game, contract, (0, 1))
        ours = _in_sum(game, contract, side) if isinstance(side, Improvement) else 0.0
        among += 1
        same += abs(ours - _offered(payoffs[0], table)) <= ROUNDING
    found = f"In {same} of {among} games of two drawn the pair and the third party find the same sum of gains."
    return Finding(same == among, found)


def _offered(payoffs: FloatArray, table: FloatArray) -> float:
    """Return the most that a third party can add to two utilities by a lottery, neither of which may fall."""
    program = LinearProgram(Sense.MAXIMIZE)
    flat = payoffs.reshape(9, 2)
    lottery = program.variables("lottery", {"play": 9})
    program.set_objective(lottery, flat.sum(axis=1))
    one = program.constraints("one", {"all": 1}, equal_to=1.0)
    program.add(one[:, None], lottery[None, :], 1.0)
    accepted = program.constraints("accepted", {"player": 2}, at_least=table @ flat)
    program.add(accepted[:, None], lottery[None, :], flat.T)
    solution = program.solve()
    certified(program, solution)
    return float(solution.objective) - float((table @ flat).sum())

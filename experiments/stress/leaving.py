r"""Whether coalitions leave: with what they own, before anything is recommended, under a plan of a blocking mediator.

Nobody can leave who has deposited. Otherwise no plan profits if every coalition S expects by staying, whatever its
members know together, at least what it can make of what it owns:

.. math:: E\Big[\sum_{i \in S} \omega_i(t) \,\Big|\, t_S\Big] \ge v_S(t_S),

with the stakes :math:`\omega` and the value :math:`v_S` of the efficient division of what S owns. For a mediator pays
nobody more in expectation than the members gain by what it lets them do. At a supporting price everybody does as well
as by trading at it, so where the contract makes everybody pay this price the condition holds of any coalition.

Where it does not hold, goods are divided in equal parts and the most profitable plan is found by a linear program. A
plan so found is one of the economy too; that there is none with parts says nothing about other divisions. Where none is
found, or the program is too large, two smaller ones are asked: whether some player would rather be at home, which needs
nothing but what it expects itself, and whether the one coalition that stays for the least can be led away while all
others are let have what they were promised (`marketgame.experiments.stress.severance`).

Source:
    Myerson (2006), sections 4 and 6; that competitive equilibria are in the core is Debreu and Scarf's first theorem.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb, prod

import numpy as np

from marketgame.experiments.certificate_files.files import certificate_text
from marketgame.experiments.stress.proven import contract_instance, proven_by
from marketgame.experiments.stress.question import Question
from marketgame.experiments.stress.ruling import Answered, Certainty, Evidence, Measure, Measured, Ruling
from marketgame.experiments.stress.severance import Own, alone, few_divisions, least_promise, severance_needed
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.blocking import BlockingPlan, find_blocking_plan
from marketgame.mechanisms.blocking.severance_range import Promise
from marketgame.mechanisms.certificates.blocking import certify_inhibition, certify_plan
from marketgame.mechanisms.certificates.examination import GRACE
from marketgame.mechanisms.certificates.theorems import Theorem
from marketgame.mechanisms.coalitional_games.game import CoalitionalGame
from marketgame.mechanisms.coalitional_games.grid_game import game_on_grid
from marketgame.mechanisms.contracts.grand_contract import GrandContract, walrasian_payments
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.linear_program import UnverifiedAnswerError
from marketgame.mechanisms.linear_program.deadline import Deadline, DeadlinePassedError
from marketgame.mechanisms.market_game.rules import MarketRules, Refusal

# Types that members of coalitions may have together, summed over coalitions, beyond which they are not listed.
MOST_LISTED = 20_000
# Joint actions of all coalitions beyond which goods are divided in fewer parts.
MOST_ACTIONS = 40_000
PARTS = (6, 4, 2, 1)
PAYS_THE_PRICE = 1e-9


def leaving(contract: GrandContract, rules: MarketRules, severance: FloatArray, scale: float, by: Deadline) -> Answered:
    """Return whether coalitions gain by leaving.

    Args:
        contract: the contract.
        rules: of the market.
        severance: promised to whoever leaves, ``(P, N)``, numeraire.
        scale: what gains are shares of, numeraire.
        by: when to stop.
    """
    ruling = _ruling(contract, rules, severance, scale, by)
    without = _ruling(contract, rules, np.zeros_like(severance), scale, by) if severance.any() else ruling
    return Answered({Question.LEAVING: ruling}, {Measure.SEVERANCE_NEEDED: _needed(contract, without, by)})


def _needed(contract: GrandContract, without: Ruling, by: Deadline) -> Measured:
    """Return how much severance is needed, given the ruling where nothing is promised."""
    if without.verdict is Verdict.PROVEN:
        because = "" if without.evidence is not None else without.theorem
        return Measured(0.0, low=0.0, high=0.0, because=because, evidence=without.evidence)
    worth = _least_worth_of_staying(contract, contract.gains, by)
    own, worst = (None, ()) if worth is None else (worth.own, worth.coalition)
    needed = severance_needed(contract, own, worst, by)
    if without.verdict is Verdict.REFUTED or needed.certainty is Certainty.UNKNOWN:
        return needed
    # Whoever needs some severance is led away without it: nothing is said here of which that is still open.
    return Measured(None, Certainty.UNKNOWN, because="no plan was found in time that leads anybody away")


def least_severance_of(contract: GrandContract, rules: MarketRules, scale: float, by: Deadline) -> Promise:
    """Return the least severance of each type that is known to keep coalitions; nothing where none is needed.

    Args:
        contract: the contract.
        rules: of the market.
        scale: what gains are shares of, numeraire.
        by: when to stop.

    Raises:
        ValueError: no severance whatever keeps coalitions, or none is known that does.
        DeadlinePassedError: time ran out.
    """
    nothing = tuple(np.zeros(count) for count in contract.economy.prior.type_counts)
    if _ruling(contract, rules, np.zeros_like(contract.gains), scale, by).verdict is Verdict.PROVEN:
        return nothing
    worth = _least_worth_of_staying(contract, contract.gains, by)
    own, worst = (None, ()) if worth is None else (worth.own, worth.coalition)
    return least_promise(contract, own, worst, by)


def _ruling(contract: GrandContract, rules: MarketRules, severance: FloatArray, scale: float, by: Deadline) -> Ruling:
    instance = contract_instance(contract, rules)
    if severance.any():
        instance = replace(instance, severance=severance)
    stakes = contract.gains - severance
    # What computed numbers deny need not be derived in rational ones.
    paid = np.abs(contract.numeraire_transfers - walrasian_payments(contract.economy, contract.efficient))
    price = contract.stated is None and not severance.any() and paid.max() <= PAYS_THE_PRICE * contract.stakes.max()
    try:
        found = proven_by(Theorem.DEPOSITS, instance) if rules.refusal is Refusal.ESCROW else None
        if found is None and price:
            found = proven_by(Theorem.AT_THE_PRICE, instance, by)
        if found is None and _stays(contract, stakes, by):
            found = proven_by(Theorem.WORTH_STAYING, instance, by)
    except DeadlinePassedError:
        return Ruling(Verdict.NOT_REFUTED, "some coalition might", cut=True)
    if found is not None:
        return found
    planned = _planned(contract, stakes, scale, by)
    return planned if planned.verdict is Verdict.REFUTED else _by_few(contract, stakes, scale, by) or planned


def _by_few(contract: GrandContract, stakes: FloatArray, scale: float, by: Deadline) -> Ruling | None:
    """Return that somebody leaves alone, or that few divisions of goods suffice to lead coalitions away, if they do.

    Of a contract under which truth is strictly best, the one coalition that stays for the least leaves if any does.
    """
    lonely = alone(contract, stakes)
    try:
        if lonely is not None:
            # A program of one player, which would say "no severance helps": there is a moment for it in any case.
            game, kept = lonely
            by = Deadline.after(max(by.left, GRACE))
        else:
            worth = _least_worth_of_staying(contract, stakes, by)
            if worth is None or worth.slack >= -GAIN_TOLERANCE * float(contract.stakes.max()):
                return None
            game, kept = few_divisions(contract, worth.own, worth.coalition), stakes
        found = find_blocking_plan(game, kept, deadline=by)
    except (DeadlinePassedError, UnverifiedAnswerError, ValueError):
        return None
    return _led_away(game, kept, found, scale) if isinstance(found, BlockingPlan) else None


def _stays(contract: GrandContract, stakes: FloatArray, by: Deadline) -> bool:
    """Say whether every coalition seems to expect by staying what it could make of its own."""
    worth = _least_worth_of_staying(contract, stakes, by)
    return worth is not None and worth.slack >= -GAIN_TOLERANCE * float(contract.stakes.max())


@dataclass(frozen=True)
class _Worth:
    """How much more than by leaving some coalition with some types expects by staying at least, and of how many."""

    slack: float
    count: int
    coalition: Coalition
    own: Mapping[Coalition, Own]


def _least_worth_of_staying(contract: GrandContract, stakes: FloatArray, by: Deadline) -> _Worth | None:
    """Return what is least gained by staying, numeraire; none if coalitions are too many, or time is over."""
    economy = contract.economy
    counts = economy.prior.type_counts
    if prod(count + 1 for count in counts) > MOST_LISTED:
        return None
    slack, listed = np.inf, 0
    worst: Coalition = ()
    own = _OWN.setdefault(economy, {})
    for coalition in _coalitions(len(counts)):
        if by.passed:
            return None
        try:
            left = own[coalition] if coalition in own else own.setdefault(coalition, _at_best(economy, coalition))
        except ValueError:  # They lack what is worth infinitely much, so that nothing can be said of their gains.
            return None
        numbers = _numbers(economy, contract.profiles, coalition)
        chance = np.bincount(numbers, contract.probability, len(left.worth))
        expected = np.bincount(numbers, contract.probability * stakes[:, list(coalition)].sum(axis=-1), len(left.worth))
        possible = chance > 0
        least = float((expected[possible] / chance[possible] - left.worth[possible]).min())
        slack, worst = (least, coalition) if least < slack else (slack, worst)
        listed += int(possible.sum())
    return _Worth(slack, listed, worst, own)


# What coalitions of an economy can make of what they own, which no contract changes.
_OWN: weakref.WeakKeyDictionary[Economy, dict[Coalition, Own]] = weakref.WeakKeyDictionary()


def _at_best(economy: Economy, coalition: Coalition) -> Own:
    """Return what a coalition can make of what it owns.

    Raises:
        ValueError: it lacks what is worth infinitely much.
    """
    alone = _left_alone(economy, coalition)
    efficient = efficient_allocation(alone)
    return Own(alone.gains_from_goods(efficient.profiles, efficient.bundles).sum(axis=-1), efficient.bundles)


def _numbers(economy: Economy, profiles: IntegerArray, coalition: Coalition) -> IntegerArray:
    """Return the number of the members' profile in each profile, ``(P,)``."""
    counts = [economy.prior.type_counts[member] for member in coalition]
    return np.ravel_multi_index(tuple(profiles[:, member] for member in coalition), counts)


def _coalitions(players: int) -> Iterator[Coalition]:
    for size in range(1, players + 1):
        yield from combinations(range(players), size)


def _left_alone(economy: Economy, coalition: Coalition) -> Economy:
    """Return the economy of some players; how likely their types are makes no difference here."""
    players = tuple(economy.players[member] for member in coalition)
    prior = IndependentPrior([np.full(len(player.types), 1 / len(player.types)) for player in players])
    return Economy("who leaves", economy.goods, economy.units, players, prior)


def _planned(contract: GrandContract, stakes: FloatArray, scale: float, by: Deadline) -> Ruling:
    """Return what a linear program says of plans that divide goods in equal parts, as many as it can take."""
    economy = contract.economy
    parts = next((parts for parts in PARTS if _actions(economy, parts) <= MOST_ACTIONS), None)
    if parts is None or contract.stated is not None:
        return Ruling(Verdict.NOT_REFUTED, "no program of this size was asked")
    try:
        game = game_on_grid(economy, parts)
        found = find_blocking_plan(game, stakes, deadline=by)
    except DeadlinePassedError:
        return Ruling(Verdict.NOT_REFUTED, "some coalition might", cut=True)
    except ValueError as reason:
        return Ruling(Verdict.NOT_REFUTED, f"some coalition might: {reason}")
    if isinstance(found, BlockingPlan):
        return _led_away(game, stakes, found, scale)
    proof = certify_inhibition(game, stakes, found.virtual, found.support, found.limits)
    evidence = Evidence(f"no-blocking-plan-in-{parts}-parts.json", certificate_text(proof))
    return Ruling(Verdict.NOT_REFUTED, f"none that divides goods in {parts} equal parts", evidence=evidence)


def _led_away(game: CoalitionalGame, stakes: FloatArray, found: BlockingPlan, scale: float) -> Ruling:
    plan = certify_plan(game, stakes, found.invitations, found.payments)
    members = max(found.invitations, key=lambda one: one.probability).coalition
    names, gain = tuple(game.players[member] for member in members), found.profit / scale
    evidence = Evidence("blocking-plan.json", certificate_text(plan))
    return Ruling(
        Verdict.REFUTED, "blocking plan", names, gain=gain, total_gain=gain, money=found.profit, evidence=evidence
    )


def _actions(economy: Economy, parts: int) -> int:
    """Return how many joint actions coalitions have, counted once for each profile of types of theirs."""
    goods, counts = len(economy.goods) - 1, economy.prior.type_counts
    return sum(
        comb(parts + len(coalition) - 1, len(coalition) - 1) ** goods * prod(counts[member] for member in coalition)
        for coalition in _coalitions(min(len(counts), 16))
    )

"""Agreements that are kept because of what members order after quotes that nobody was told: Theorem 16, played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.mechanisms.arrays import FloatArray
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.examination import examine
from marketgame.mechanisms.certificates.side_contract import SideContractCertificate, certify_side_contract
from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.collusion.side_contracts.obedience import check_obedience
from marketgame.mechanisms.collusion.side_contracts.search import find_kept_side_contract
from marketgame.mechanisms.collusion.side_contracts.side_contract import Clause, SideContract
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.effort import Effort, Verdict
from marketgame.mechanisms.deviations.situation import JointAction, gains, played, situation_of
from marketgame.mechanisms.economies.coalitions import Coalitions
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.linear_program.deadline import NO_DEADLINE, Deadline
from marketgame.mechanisms.market_game.plays import Play
from marketgame.mechanisms.market_game.rules import Bankruptcy, MarketRules, Pricing, Solvency
from marketgame.mechanisms.market_game.settle import settle
from tests.mechanisms.strategies import economy_of, line, one_type

RULES = MarketRules(Pricing.SPREAD, Solvency.NO_SHORT_SALES, Bankruptcy.UNWIND)
NO_PROGRAM = Effort(deadline=Deadline.after(0.0))
BUYER, SELLER = 0, 1


def keen_buyer(*, outsiders: int = 1) -> GrandContract:
    """A buyer who has money only and wants the good badly; a seller of one unit; outsiders who have three."""
    keen, mild = Quadratic(np.array([28.0]), np.array([[18.0]])), line(3.5, float(outsiders))
    players = [one_type("buyer", [0.0, 20.0], keen), one_type("seller", [1.0, 1e-3], line(0.5))]
    shared = [3.0 / outsiders, 20.0 / outsiders]
    return grand_contract(economy_of([*players, *(one_type(f"{place}", shared, mild) for place in range(outsiders))]))


def found(made: GrandContract) -> SideContract:
    agreed = find_kept_side_contract(made, RULES, (BUYER, SELLER))
    assert agreed is not None
    return agreed


@pytest.fixture(scope="module")
def agreed() -> SideContract:
    return found(keen_buyer())


def certificate(agreed: SideContract, clause: Clause | None = None) -> SideContractCertificate:
    changed = agreed if clause is None else replace(agreed, clauses=(clause,))
    return certify_side_contract(keen_buyer(), RULES, changed, kept_alone=True)


def test_under_spread_without_cover_a_contract_is_refuted_by_what_two_keep(tmp_path: Path) -> None:
    examined = examine(keen_buyer(), RULES, Coalitions(3, 3), NO_DEADLINE)
    assert (examined.unilaterally_stable, examined.collusion_proof) == (Verdict.PROVEN, Verdict.REFUTED)
    (kept,) = [one.certificate for one in examined.deviations if one.internally_consistent is Verdict.PROVEN]
    assert isinstance(kept, SideContractCertificate)
    assert all(
        gain.min() > 0.3 for gain in (kept.promised[0] - kept.status_quo[0], kept.promised[1] - kept.status_quo[1])
    )
    save_certificate(kept, tmp_path / "kept.json")
    read = load_certificate(tmp_path / "kept.json")
    assert isinstance(read, SideContractCertificate)
    assert read.clauses[0].answers is not None
    assert verify(read).confirmed


def test_several_outsiders_are_each_left_what_they_can_pay_for() -> None:
    made = keen_buyer(outsiders=3)
    assert verify(certify_side_contract(made, RULES, found(made), kept_alone=True)).confirmed


def spoilt(**changed: Callable[[FloatArray], FloatArray]) -> Callable[[Clause], Clause]:
    """Return what becomes of a clause if some of its arrays are changed, those of answers included."""

    def spoil(clause: Clause) -> Clause:
        assert clause.answers is not None
        arrays = {
            name: change(getattr(clause.actions, name)) for name, change in changed.items() if name != "otherwise"
        }
        otherwise = changed.get("otherwise", np.asarray)(clause.answers.otherwise)
        return replace(
            clause, actions=replace(clause.actions, **arrays), answers=replace(clause.answers, otherwise=otherwise)
        )

    return spoil


def unsaid(orders: FloatArray) -> FloatArray:
    """Return orders without those that are to be guessed."""
    return np.where(np.abs(orders) > 30.0, 0.0, orders)


def nearer(orders: FloatArray) -> FloatArray:
    """Return orders of which those to be guessed are so near each other that one guess may do for several."""
    return np.where(np.abs(orders) > 30.0, 40.0 + orders / 1024.0, orders)


@pytest.mark.parametrize(
    "spoil",
    [
        spoilt(orders=unsaid, otherwise=unsaid),
        spoilt(orders=nearer, otherwise=nearer),
        spoilt(otherwise=unsaid),
        lambda clause: replace(clause, answers=None),
    ],
    ids=["nothing to guess", "guesses too near", "another answer than the one shown", "told whose turn it is"],
)
def test_a_certificate_says_why_an_agreement_would_be_broken(
    agreed: SideContract, spoil: Callable[[Clause], Clause]
) -> None:
    (failure,) = verify(certificate(agreed, spoil(agreed.clauses[0]))).failures
    assert "might gain" in failure


def test_a_search_finds_that_the_buyer_leaves_who_need_not_guess(agreed: SideContract) -> None:
    knowledge = knowledge_of(keen_buyer(), (BUYER, SELLER), RULES)
    clause = spoilt(orders=unsaid, otherwise=unsaid)(agreed.clauses[0])
    checked = check_obedience(knowledge, (clause,), NO_PROGRAM)
    assert checked.verdict is Verdict.REFUTED
    assert {breach.place for breach in checked.breaches} == {BUYER}
    assert max(breach.gain for breach in checked.breaches) == pytest.approx(11.25, abs=1e-2)


def test_a_plan_says_one_thing_to_whoever_saw_the_same(agreed: SideContract) -> None:
    clause = agreed.clauses[0]
    assert clause.answers is not None
    draws = np.arange(len(clause.probability))
    for name, shape in (("quotes", (-1, 1, 1)), ("orders", (-1, 1, 1, 1))):
        differs = draws.reshape(shape).astype(np.float64)
        change = spoilt(**{name: partial(np.add, differs)})
        with pytest.raises(ValueError, match="plan 0 of member"):
            change(clause)
    with pytest.raises(ValueError, match="answers are for 1 draws"):
        replace(clause, answers=replace(clause.answers, told=clause.answers.told[:1]))


def test_no_random_deviation_of_either_member_brings_more_than_its_plan(agreed: SideContract) -> None:
    made, clause = keen_buyer(), agreed.clauses[0]
    assert clause.answers is not None
    whole, generator = situation_of(made, 0, (BUYER, SELLER), RULES), np.random.default_rng(16)
    told, price = made.recommend(made.economy.profiles[0]), made.efficient.price[0, 0]
    dear = float(clause.actions.quotes[:, SELLER, 0].max())

    def plays(drawn: int, place: int, quote: float, more: FloatArray | None) -> Play:
        quotes, orders = told.quotes.copy(), told.orders.copy()
        quotes[:2] = clause.actions.quotes[drawn]
        quotes[place, 0] = quote
        orders[:2] = clause.ordered(drawn, quotes[:2])
        if more is not None:
            orders[place] = clause.actions.orders[drawn, place] + more
        transfers = told.transfers.copy()
        transfers[:2] += clause.side_transfers
        return Play(quotes, orders, told.announced_endowments, transfers)

    def utility(place: int, play: Play) -> float:
        bundle = settle(play, RULES).allocation[place]
        valuation = made.economy.players[place].types[0].valuation
        return float(valuation.value(bundle[:1]) + bundle[1])

    for place in (BUYER, SELLER):
        for plan in np.unique(clause.answers.plans[:, place]):
            drawn = np.flatnonzero(clause.answers.plans[:, place] == plan)
            chances = clause.probability[drawn] / clause.probability[drawn].sum()
            own = float(clause.actions.quotes[drawn[0], place, 0])
            kept = sum(
                chance * utility(place, plays(one, place, own, None))
                for one, chance in zip(drawn.tolist(), chances, strict=True)
            )
            for _ in range(25):
                quote = float(generator.choice([own, price, dear, generator.uniform(0.0, 2.0 * dear)]))
                more = np.zeros((3, 2))
                for other in {0, 1, 2} - {place}:
                    goods = generator.choice([0.0, 1.0, -1.0, 3.0]) * generator.choice([1.0, generator.random()])
                    money = -goods * float(generator.choice([price, dear, quote])) + generator.choice([0.0, 3.0, -3.0])
                    more[other] = goods, money
                more[1 - place, 1] += generator.choice([0.0, *clause.answers.otherwise[:, SELLER, BUYER, 1]])
                tried = sum(
                    chance * utility(place, plays(one, place, quote, more))
                    for one, chance in zip(drawn.tolist(), chances, strict=True)
                )
                assert tried <= kept + 1e-6
    assert whole.stake > 1.0


def test_a_member_that_owes_nothing_may_ruin_all_others_and_keep_what_it_owns() -> None:
    """Proposition 28: whatever is played, it orders as much money of each outsider as it lets flow to its partner."""
    made, generator, pair = keen_buyer(outsiders=2), np.random.default_rng(0), (BUYER, SELLER)
    facing, plays = situation_of(made, 0, pair, RULES), 400
    owned = made.endowments[0]
    # Odd quotes, what is ordered of outsiders taken back as often as not, and what the seller owes.
    dear = np.where(generator.random((plays, 2)) < 0.5, made.price[0, 0], generator.uniform(0.5, 30.0, (plays, 2)))
    quotes = np.stack([dear, np.ones((plays, 2))], axis=-1)
    orders = np.zeros((plays, 2, *owned.shape))
    orders[:, :, 2:] = made.recommend(made.economy.profiles[0]).orders[2:, :2].swapaxes(0, 1)
    orders += generator.normal(size=orders.shape) * generator.choice([0.0, 0.0, 0.3, 5.0], (plays, 2, 1, 1))
    orders[:, [0, 1], [0, 1]] = 0.0
    owes = generator.choice([0.0, 1.0, 5.0], plays)
    actions = JointAction(quotes, orders, np.broadcast_to(owned[:2], (plays, 2, 2)), np.stack([owes, -owes], axis=-1))
    lives = ~played(facing, actions).bankrupt[:, 0, BUYER]
    ruined = orders.copy()
    ruined[:, BUYER, 2:, 1] += 1e6
    ruined[:, BUYER, SELLER, 1] -= 2e6
    instead = replace(actions, orders=ruined)
    ended = played(facing, instead).bankrupt[:, 0]
    assert 50 < lives.sum() < plays
    assert ended[lives][:, [1, 2, 3]].all()
    alone = gains(facing, instead)[lives, BUYER] + facing.obedient_gains[BUYER]
    np.testing.assert_allclose(alone, 0.0, atol=1e-7)

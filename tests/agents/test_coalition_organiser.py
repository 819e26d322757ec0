"""Coalition organisers: what becomes of what they propose, and who breaks what was agreed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from marketgame.agents.coalitions.agreement import Agreement
from marketgame.agents.coalitions.breaking import Breaking, Recommended, facing_agreement, joint
from marketgame.agents.coalitions.choice import CoalitionChoice, CoalitionSelection
from marketgame.agents.coalitions.organiser import (
    AgreementFate,
    CoalitionOrganiser,
    Finders,
    Luck,
    MemberAnswer,
    Reply,
    drawn_luck,
)
from marketgame.agents.framework import RoundModel
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.deviations.situation import JointAction, Situation, gains, obedient
from marketgame.mechanisms.economies.coalitions import Coalition
from tests.agents.side_contract_cases import drawing_lots, farmers_contract, favouring_the_modest, secretive

LUCK = Luck(tries=0.5, coalition=0.0, action=0.25)
NOBODY: frozenset[int] = frozenset()
CONTRACT = farmers_contract()


def nothing_better(situation: Situation) -> JointAction | None:
    return None


def organiser(
    find: Callable[[Coalition], Agreement | None] = lambda coalition: drawing_lots(CONTRACT, coalition),
    choice: CoalitionChoice = CoalitionChoice(largest=2),  # noqa: B008  A frozen value.
    breaking: Breaking | None = None,
) -> CoalitionOrganiser:
    whole = Breaking(0, nothing_better) if breaking is None else breaking
    return CoalitionOrganiser(RoundModel(0), 0, "broker", choice, Finders(find), whole, 3)


def answering(answers: dict[int, MemberAnswer], asked: list[int] | None = None, lie: int = 0) -> Callable[..., Reply]:
    """Members of profile 0 who answer as told; reports are true unless they lie."""

    def ask(member: int, agreement: Agreement) -> Reply:
        if asked is not None:
            asked.append(member)
        answer = answers.get(member, MemberAnswer.ACCEPTED)
        truth = int(agreement.information[0, agreement.coalition.index(member)])
        return Reply(truth + lie if answer is MemberAnswer.ACCEPTED else None, answer, 1.0, 30.0, 0, truth)

    return ask


def test_who_accepts_plays_the_action_drawn() -> None:
    (first,) = organiser().negotiate(LUCK, 0, NOBODY, answering({}))
    (second,) = organiser().negotiate(replace(LUCK, action=0.75), 0, NOBODY, answering({}))
    clause = drawing_lots(CONTRACT).terms.clauses[0]
    assert (first.fate, second.fate) == (AgreementFate.ACCEPTED, AgreementFate.ACCEPTED)
    for negotiation, number in ((first, 0), (second, 1)):
        assert negotiation.action is not None
        np.testing.assert_array_equal(negotiation.action.orders, clause.actions[number].orders)


@pytest.mark.parametrize("answer", [MemberAnswer.WOULD_LOSE, MemberAnswer.UNWILLING])
def test_one_refusal_ends_it_and_nobody_else_is_asked(answer: MemberAnswer) -> None:
    asked: list[int] = []
    (negotiation,) = organiser().negotiate(LUCK, 0, NOBODY, answering({0: answer}, asked))
    assert (negotiation.fate, negotiation.refuser, negotiation.action) == (AgreementFate.REFUSED, 0, None)
    assert asked == [0]


def test_who_has_left_or_agreed_elsewhere_cannot_be_brought_together() -> None:
    asked: list[int] = []
    (negotiation,) = organiser().negotiate(LUCK, 0, frozenset({1}), answering({}, asked))
    assert (negotiation.fate, asked) == (AgreementFate.TOO_LATE, [])


def test_contradictory_reports_void_the_agreement() -> None:
    asked: list[int] = []

    def ask(member: int, agreement: Agreement) -> Reply:
        reply = answering({}, asked)(member, agreement)
        return replace(reply, report=int(agreement.information[7, 0])) if member == 0 else reply

    (negotiation,) = organiser().negotiate(LUCK, 0, NOBODY, ask)
    assert (negotiation.fate, negotiation.action, asked) == (AgreementFate.VOID, None, [0, 1])


def test_all_coalitions_are_approached_in_turn_until_one_accepts() -> None:
    everybody = CoalitionChoice(CoalitionSelection.ALL, smallest=2, largest=2)
    tried = organiser(choice=everybody).negotiate(LUCK, 0, NOBODY, answering({0: MemberAnswer.UNWILLING}))
    assert [(each.coalition, each.fate) for each in tried] == [
        ((0, 1), AgreementFate.REFUSED),
        ((0, 2), AgreementFate.REFUSED),
        ((1, 2), AgreementFate.ACCEPTED),
    ]


def test_a_coalition_is_searched_once_whether_or_not_something_is_found() -> None:
    searched: list[Coalition] = []

    def find(coalition: Coalition) -> Agreement | None:
        searched.append(coalition)
        return None

    broker = organiser(find, CoalitionChoice(CoalitionSelection.ALL))
    for _ in range(3):
        tried = broker.negotiate(LUCK, 0, NOBODY, answering({}))
        assert [each.fate for each in tried] == [AgreementFate.NONE_FOUND] * 4
    assert searched == [(0, 1), (0, 2), (1, 2), (0, 1, 2)]


def test_it_tries_as_often_and_picks_as_evenly_as_it_says() -> None:
    broker = organiser(lambda coalition: None, CoalitionChoice(largest=2, frequency=0.3))
    generator = np.random.default_rng(1)
    tried = [broker.negotiate(drawn_luck(generator), 0, NOBODY, answering({})) for _ in range(3000)]
    picked = [each.coalition for several in tried for each in several]
    assert len(picked) / 3000 == pytest.approx(0.3, abs=0.04)
    for coalition in broker.coalitions:
        assert picked.count(coalition) / len(picked) == pytest.approx(1 / 3, abs=0.06)


def recommended(number: int = 0, profile: int = 0) -> Recommended:
    agreement = drawing_lots(CONTRACT)
    truths = tuple(agreement.information[profile].tolist())
    types = tuple(CONTRACT.economy.profiles[profile, :2].tolist())
    action = agreement.terms.clauses[profile].actions[number]
    return Recommended(agreement, profile, types, truths, truths, number, action)


def short_selling_too(situation: Situation) -> JointAction | None:
    """Selling short whatever the partner does."""
    agreement = drawing_lots(CONTRACT)
    place = agreement.coalition.index(situation.coalition[0])
    action = agreement.terms.clauses[0].actions[place]
    own = JointAction(
        action.quotes[[place]], 5 * action.orders[[place]], action.announced_endowments[[place]], np.zeros(1)
    )
    return own if (gains(situation, own) > 0).all() else None


def test_nobody_looks_for_something_better_at_depth_zero() -> None:
    def refuse(situation: Situation) -> JointAction | None:
        raise AssertionError

    assert Breaking(0, refuse).broken(recommended()) is None


def test_who_loses_the_lot_sells_short_too_and_breaks_the_agreement() -> None:
    broken = Breaking(1, short_selling_too).broken(recommended())
    assert broken is not None
    assert broken.breakers == (1,)
    assert broken.gains[0] > 1
    agreed = recommended().action
    played = joint(agreed, (0, 1), broken)
    np.testing.assert_array_equal(played.orders[0], agreed.orders[0])
    np.testing.assert_array_equal(played.orders[1], broken.action.orders[0])
    assert played.side_transfers.sum() == pytest.approx(0)
    situation = recommended().agreement.situation(0, (0, 0))
    gained = gains(situation, played)[1] - gains(situation, agreed)[1]
    assert gained == pytest.approx(broken.gains[0])


def test_a_negotiation_tells_who_broke_it_and_plays_what_the_breakers_do() -> None:
    broker = organiser(breaking=Breaking(1, short_selling_too))
    (negotiation,) = broker.negotiate(LUCK, 0, NOBODY, answering({}))
    assert negotiation.fate is AgreementFate.BROKEN
    assert negotiation.broken is not None
    assert negotiation.broken.breakers == (1,)


@pytest.mark.parametrize(
    ("depth", "tempted", "breakers"),
    [(1, {0}, None), (2, set(), (0, 1)), (2, {0}, (1, 2)), (2, {0, 1, 2}, None)],
)
def test_a_pair_breaks_an_agreement_only_with_what_none_of_its_members_breaks_in_turn(
    depth: int, tempted: set[int], breakers: Coalition | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs agree to show half of what they own; the tempted have something better once they are in a pair."""
    monkeypatch.setattr(
        "marketgame.agents.coalitions.breaking.gains", lambda situation, action: np.ones(len(situation.coalition))
    )

    def best(situation: Situation) -> JointAction | None:
        told, first = obedient(situation), situation.coalition[0]
        if len(situation.coalition) == 2:
            return replace(told, announced_endowments=told.announced_endowments / 2)
        paired = situation.prescribed.announced_endowments[0, first, 0] < 0.9 * situation.endowments[0, first, 0]
        return told if paired and first in tempted else None

    agreement = drawing_lots(CONTRACT, (0, 1, 2), (0.0, 0.0, 1.0))
    truths = tuple(agreement.information[0].tolist())
    told = Recommended(agreement, 0, (0, 0, 0), truths, truths, 2, agreement.terms.clauses[0].actions[2])
    broken = Breaking(depth, best).broken(told)
    assert (None if broken is None else broken.breakers) == breakers


def test_a_member_does_not_know_what_is_kept_from_it() -> None:
    # Bob cannot tell which type ann is: neither from the mediator nor, told the same either way, from the device.
    contract = grand_contract(secretive())
    agreement = favouring_the_modest(contract)
    actions = agreement.terms.clauses[0].actions
    told = Recommended(agreement, 0, (0, 0), (0, 0), (0, 0), 0, actions[0])
    situation = facing_agreement(told, (1,))
    # If ann wins, bob is told to obey; his prior over her types is updated by how likely she is to win as each.
    weights = np.array([0.7 * 0.6, 0.3 * 0.4])
    np.testing.assert_allclose(situation.probability, weights / weights.sum())
    np.testing.assert_array_equal(situation.profiles[:, 0], [0, 1])
    assert len(facing_agreement(told, (0,)).probability) == 1
    obedient(situation)

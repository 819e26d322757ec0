"""What learners remember can be stored, and what they draw from it is what the theory of no regret says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np
import pytest

from marketgame.agents.behaviours import (
    BEHAVIOURS,
    ExponentialWeights,
    Learning,
    MenuLearning,
    Mispricing,
    Misreporting,
    Noisy,
    Obedient,
    Outcome,
    ShortSelling,
)
from marketgame.agents.behaviours.exponential_weights import Weights
from marketgame.agents.behaviours.learning import memory_slots, packed, unpacked
from marketgame.agents.behaviours.menu import STANCES, registered, stance_name
from marketgame.agents.knowledge import CommonKnowledge
from marketgame.agents.private_type import GamePlayer, GameType
from marketgame.mechanisms.arrays import FloatArray
from marketgame.registry import MisnamedError

FARMER = GamePlayer("ann", (GameType("modest"), GameType("hungry"), GameType("greedy")))


@dataclass(frozen=True, eq=False)
class Diary:
    """A memory of every kind that can be stored."""

    mean: FloatArray
    rounds: int
    last: float
    word: str
    happy: bool


def test_what_is_packed_is_unpacked_bit_for_bit() -> None:
    diary = Diary(np.array([[0.1, np.inf], [-0.0, 1e-300]]), 2**62, 0.1 + 0.2, "füße", True)
    like = Diary(np.zeros((1, 1)), 0, 0.0, "", False)
    back = unpacked(packed(diary), like)
    assert back.mean.tobytes() == diary.mean.tobytes()
    assert vars(back) | {"mean": 0} == vars(diary) | {"mean": 0}
    assert [type(value) for value in vars(back).values()] == [type(value) for value in vars(diary).values()]
    alone = np.arange(3.0)
    assert unpacked(packed(alone), np.zeros(3)).tobytes() == alone.tobytes()


def test_code_is_not_remembered_nor_is_another_learner_s_memory() -> None:
    with pytest.raises(TypeError, match="field 'mean'"):
        packed(Diary(lambda: None, 0, 0.0, "", False))  # type: ignore[arg-type]  # A field is code on purpose.
    with pytest.raises(TypeError, match="a memory must be an array or a dataclass"):
        packed({"weights": np.zeros(2)})
    with pytest.raises(ValueError, match="'losses' is not what Weights remembers"):
        unpacked(packed(Diary(np.zeros(1), 0, 0.0, "", False)), weights(np.zeros((1, 2))))


def test_each_type_has_the_same_number_of_stances_each_an_ordinary_behaviour() -> None:
    menus = [ExponentialWeights().menu(FARMER, kind) for kind in range(3)]
    assert {len(menu) for menu in menus} == {len(STANCES) + 1}
    assert Misreporting({"hungry": "modest"}) in menus[1]
    assert Misreporting({"hungry": "hungry"}) not in menus[1]
    assert [stance_name(each) for each in menus[2]][:3] == ["obedient", "misreporting modest", "misreporting hungry"]
    assert not any(isinstance(stance, Learning) for menu in menus for stance in menu)


def test_every_behaviour_that_needs_no_parameters_is_a_stance_but_learners() -> None:
    stances = set(registered())
    assert set(STANCES) <= stances
    for name, member in BEHAVIOURS.members.items():
        assert (name in stances) != issubclass(member, Learning)


def test_a_stance_that_is_none_is_refused_by_its_place() -> None:
    with pytest.raises(MisnamedError) as refused:
        ExponentialWeights(stances=("obedient", "short-sellin")).check([FARMER])
    assert (refused.value.parameter, refused.value.value) == ("stances[1]", "short-sellin")
    with pytest.raises(ValueError, match="leaves ann, who has one type, no stance"):
        ExponentialWeights(stances=("misreporting",)).check([GamePlayer("ann", (GameType("only"),))])


def test_a_menu_states_parameters_of_its_own_and_tables_tell_its_stances_apart() -> None:
    stances = (
        "obedient",
        "mispricing",
        "mispricing(factor = 1)",
        "mispricing( factor=0.5 )",
        "noisy(order_scale = 0.2)",
    )
    menu = ExponentialWeights(stances=stances).menu(FARMER, 0)
    assert menu == (Obedient(), Mispricing(), Mispricing(1.0), Mispricing(0.5), Noisy(order_scale=0.2))
    names = ["obedient", "mispricing", "mispricing(factor = 1)", "mispricing(factor = 0.5)", "noisy(order_scale = 0.2)"]
    assert list(map(stance_name, menu)) == names
    # What tables call a stance can be written in a menu again.
    assert ExponentialWeights(stances=tuple(map(stance_name, menu))).menu(FARMER, 0) == menu
    assert ExponentialWeights(stances=("mispricing", "mispricing(factor = 0.9)")).menu(FARMER, 0) == (Mispricing(),)


@pytest.mark.parametrize(
    ("stance", "why"),
    [
        ("mispricing(factor = -1)", "factor of behaviour 'mispricing' is -1.0; it must be at least 0"),
        ("mispricing(factor = 'low')", "factor is 'low'; it must be of type float"),
        ("mispricing(factor = true)", "factor is True; it must be of type float"),
        ("mispricing(factr = 1)", "there is no parameter 'factr'; there are factor"),
        ("mispricing(0.5)", "'0.5' are no parameters; write NAME = VALUE"),
        ("mispricing(factor = 0.5", "'factor = 0.5' are no parameters; write NAME = VALUE"),
        ("mispricing(factor = 1}\nx = {y = 1)", "are no parameters"),
        ("misprice(factor = 1)", "'misprice' takes no parameters in a menu; behaviours that may are "),
        ("misreporting(reports = {})", "'misreporting' takes no parameters in a menu"),
        ("q-learning(rate = 1)", "'q-learning' takes no parameters in a menu"),
    ],
)
def test_parameters_of_a_stance_that_make_no_sense_are_refused_in_one_line(stance: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"^behaviour 'exponential-weights' has stance ") as refused:
        ExponentialWeights(stances=("obedient", stance)).check([FARMER])
    assert why in str(refused.value)


def test_types_share_a_memory_exactly_where_they_share_a_learner() -> None:
    one, other = ExponentialWeights(), ExponentialWeights()
    assert memory_slots((one, Obedient(), other, one)) == {0: 0, 2: 2, 3: 0}


def weights(losses: FloatArray) -> Weights:
    kinds = len(losses)
    none = np.zeros(kinds, np.int64)
    return Weights(losses, none, np.full(kinds, np.inf), np.full(kinds, -np.inf), none)


@dataclass(frozen=True)
class Told(MenuLearning[FloatArray]):
    """Has its probabilities for memory."""

    name: ClassVar[str] = "told"

    @override
    def initial_memory(self, common: CommonKnowledge, player: int) -> FloatArray:
        return np.ones(2) / 2

    @override
    def probabilities(self, memory: FloatArray, type_number: int) -> FloatArray:
        return memory

    @override
    def learn(self, memory: FloatArray, outcome: Outcome) -> FloatArray:
        return memory


@dataclass
class Knowing:
    """All a plan asks of what a trader knows."""

    number: int
    own: GamePlayer = FARMER
    type_number: int = 0

    def stream(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng([self.number, len(purpose)])


def test_stances_are_drawn_as_often_as_their_probabilities_say() -> None:
    learner, shares = Told(stances=("obedient", "short-selling")), np.array([0.3, 0.7])
    knowing: list[Any] = [Knowing(number) for number in range(400)]
    drawn = [learner.plan(shares, each) for each in knowing]
    sold = sum(isinstance(each, ShortSelling) for each in drawn) / len(drawn)
    # Hoeffding: at this distance a wrong share is as good as certain, and the draws are the same every time.
    assert abs(sold - 0.7) < 0.1
    sure = [learner.plan(np.array([0.0, 1.0]), each) for each in knowing[:50]]
    assert all(isinstance(each, ShortSelling) for each in sure)

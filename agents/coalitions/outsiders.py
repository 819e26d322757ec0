"""What coalitions expect of outsiders: that after a misquote they do what their behaviours say."""

from __future__ import annotations

from collections.abc import Sequence

from marketgame.agents.behaviours import Behaviour, Reactive
from marketgame.mechanisms.deviations.reactions import ReactionsByType
from marketgame.mechanisms.deviations.situation import Reaction
from marketgame.mechanisms.economies.coalitions import Coalition


def expected_reaction(behaviours: Sequence[Sequence[Behaviour]], coalition: Coalition) -> Reaction | None:
    """Return how those outside a coalition answer quotes that are not the contract's; none if all play on.

    Source:
        ours; that strategies may depend on the quotes seen is Giraud and Rochon (2001), section 2.3.
    """
    members = frozenset(coalition)
    outside = [each for player, kinds in enumerate(behaviours) if player not in members for each in kinds]
    if not any(isinstance(each, Reactive) for each in outside):
        return None
    reactions = tuple(
        tuple(None if player in members else _reaction_of(behaviour) for behaviour in kinds)
        for player, kinds in enumerate(behaviours)
    )
    answers = [_reaction_of(behaviour) for behaviour in outside]
    return answers[0] if all(each == answers[0] for each in answers) else ReactionsByType(reactions)


def _reaction_of(behaviour: Behaviour) -> Reaction | None:
    return behaviour.reaction if isinstance(behaviour, Reactive) else None

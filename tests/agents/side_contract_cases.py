"""Side-contracts written by hand: members draw lots for who sells wheat short and ends with all the money."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from marketgame.agents.coalitions.agreement import Agreement
from marketgame.mechanisms.collusion.finite_games.extended_game import Concept
from marketgame.mechanisms.collusion.side_contracts.cells import knowledge_of
from marketgame.mechanisms.collusion.side_contracts.side_contract import (
    Clause,
    SideContract,
    promised_utilities,
    status_quo_utilities,
)
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.deviations.situation import JointAction, Reaction, obedient, situation_of, stacked
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.economy import Economy, Player, PlayerType
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import MarketRules

PAPER = MarketRules()


def farmers() -> Economy:
    """Three farmers with private wants, which the contract's prices reveal."""
    wants = (("ann", 5.0, 5.4, 2.0), ("bob", 5.5, 6.1, 1.0), ("cat", 6.2, 6.5, 1.5))
    players = tuple(
        Player(name, (_kind("modest", modest, wheat), _kind("hungry", hungry, wheat)))
        for name, modest, hungry, wheat in wants
    )
    prior = IndependentPrior([np.array([0.5, 0.5]), np.array([0.6, 0.4]), np.array([0.3, 0.7])])
    return Economy("farmers", ("wheat", "money"), ("t", "euro"), players, prior)


def short_sale(contract: GrandContract, number: int, coalition: tuple[int, ...], seller: int) -> JointAction:
    """One member sells wheat short for more money than there is; at the quoted price nobody's cost changes."""
    action = obedient(situation_of(contract, number, coalition))
    place, price = coalition.index(seller), contract.efficient.price[number, 0]
    worth = action.orders[place] @ contract.efficient.price[number]
    money = np.full(len(worth), 100.0 * contract.endowments[number, :, 1].sum())
    orders = action.orders.copy()
    orders[place] = np.column_stack([(worth - money) / price, money])
    return JointAction(action.quotes, orders, action.announced_endowments, action.side_transfers)


def drawing_lots(
    contract: GrandContract,
    coalition: tuple[int, ...] = (0, 1),
    odds: tuple[float, ...] = (0.5, 0.5),
    rules: MarketRules = PAPER,
    reaction: Reaction | None = None,
) -> Agreement:
    """Whoever wins sells short, whatever the members know."""
    return _lots(contract, coalition, lambda reports: odds, rules, reaction)


def favouring_the_modest(contract: GrandContract) -> Agreement:
    """Ann and bob draw lots, and ann is likelier to win if she says that she is modest: lying pays her.

    Args:
        contract: of `secretive`, whose recommendations tell nobody which type ann is.
    """
    return _lots(contract, (0, 1), lambda reports: (0.4, 0.6) if reports[0] else (0.6, 0.4))


def _lots(
    contract: GrandContract,
    coalition: tuple[int, ...],
    odds: Callable[[tuple[int, ...]], tuple[float, ...]],
    rules: MarketRules = PAPER,
    reaction: Reaction | None = None,
) -> Agreement:
    knowledge = knowledge_of(contract, coalition, rules, reaction)
    clauses = tuple(
        Clause(
            cell.reports,
            cell.profiles,
            stacked([short_sale(contract, cell.profiles[0], coalition, member) for member in coalition]),
            np.array(odds(cell.reports)),
        )
        for cell in knowledge.cells
    )
    terms = SideContract(
        coalition,
        Concept.BIC,
        knowledge.information,
        clauses,
        promised_utilities(knowledge, clauses),
        status_quo_utilities(knowledge),
    )
    return Agreement(contract, rules, terms, reaction)


def secretive() -> Economy:
    """Three farmers; hungry, ann wants just as much more wheat as she owns more, so that prices do not tell on her."""
    modest, hungry = _kind("modest", 5.0, 2.0), _kind("hungry", 5.4, 2.4)
    bob, cat = Player("bob", (_kind("only", 5.5, 1.0),)), Player("cat", (_kind("only", 6.2, 1.5),))
    prior = IndependentPrior([np.array([0.7, 0.3]), np.ones(1), np.ones(1)])
    return Economy("secretive", ("wheat", "money"), ("t", "euro"), (Player("ann", (modest, hungry)), bob, cat), prior)


def _kind(name: str, intercept: float, wheat: float) -> PlayerType:
    return PlayerType(name, np.array([wheat, 30.0]), Quadratic(np.array([intercept]), np.eye(1)))


def farmers_contract() -> GrandContract:
    """The competitive contract of the farmers."""
    return grand_contract(farmers())

"""Which institutions are asked: a set that shows what each repair brings, all combinations, or those that are named.

The usual set holds the paper's rules, then one repair after the other, each upon what stands before it, and both sets
of rules that repair everything. Each is asked with transfers under which truth is best for single players, and with
those under which it is for coalitions, and the paper's rules also with none. It is small enough that a market of six
regions takes seconds and a market of ten traders minutes, and it holds whatever the theorems recommend: Theorem 2's two
sets of rules, and matched orders with deposits, of Theorem 8. All combinations are 640 sets of rules, where types are
private each with all transfers there are, and where somebody may leave also with the least severance.

The usual set promises nothing to those who leave. How much severance an institution needs is a number beside its
answers, and there is hardly any that needs some and for which some will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from enum import StrEnum
from itertools import product
from types import MappingProxyType
from typing import Any, cast

from marketgame.experiments.collusion.certification import with_rules
from marketgame.experiments.files.input_file import InputError, member, unknown_name
from marketgame.experiments.stress.comparisons import COMPARISONS
from marketgame.experiments.stress.institution import Institution
from marketgame.experiments.stress.market_institution import REPAIRED, MarketInstitution, Outsiders
from marketgame.experiments.stress.severance import Severance
from marketgame.mechanisms.contracts.grand_contract import TransferRule
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.market_game.rules import (
    PAPER_RULES,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Timing,
)
from marketgame.simulation.scenario.market_scenario import MarketScenario

BOTH = replace(PAPER_RULES, execution=Execution.MATCHED, refusal=Refusal.ESCROW)
"""The two rules of Theorem 8, and none besides."""

PRESETS: Mapping[str, MarketRules] = MappingProxyType(
    {
        "paper": PAPER_RULES,
        "no-short-sales": MarketRules.no_short_sales(),
        "repaired": REPAIRED,
        "repaired-spread": replace(REPAIRED, pricing=Pricing.SPREAD),
        "matched": replace(PAPER_RULES, execution=Execution.MATCHED),
        "escrow": replace(PAPER_RULES, refusal=Refusal.ESCROW),
        "matched-escrow": BOTH,
        "repaired-matched-escrow": replace(REPAIRED, execution=Execution.MATCHED, refusal=Refusal.ESCROW),
    }
)
"""Rules with a name; the usual set is all of them, in this order."""


def usual_transfers(economy: Economy) -> tuple[TransferRule, ...]:
    """Return the transfers asked with every set of rules: the least first, those that coalitions cannot exploit last.

    Where everybody has one type nobody can lie, and all pay for what they get. So they do where types are correlated
    and too many to list: no other transfers are known that do without a list.
    """
    prior = economy.prior
    if max(prior.type_counts) == 1 or (prior.obstacle and not prior.independent):
        return (TransferRule.NONE,)
    alone = TransferRule.EXPECTED_EXTERNALITY if economy.prior.independent else TransferRule.LP
    return (alone, TransferRule.COALITION_PROOF)


def chosen(
    scenario: MarketScenario,
    *,
    own: bool,
    rules: Sequence[Mapping[str, str]] = (),
    transfers: Sequence[TransferRule | str] = (),
    severance: Sequence[Severance | str] = (),
    presets: Sequence[str] = (),
    every: bool = False,
) -> tuple[Institution, ...]:
    """Return the institutions that are asked.

    Args:
        scenario: on whose market.
        own: whether it states an institution of its own, which then comes first.
        rules: sets of rules by name, each with what differs from the paper's; also ``outsiders``.
        transfers: with which; the usual ones without any, or all if all combinations of rules are asked.
        severance: with which promises to those who leave; with none without any, and of all combinations with the
            least too where it can matter.
        presets: sets of rules with a name.
        every: whether to ask all combinations of rules and transfers.

    Raises:
        InputError: a name or a value is none, or a scenario states no severance that is asked as stated.
    """
    promised = tuple(member(Severance, one, "severance") for one in severance)
    if Severance.AS_STATED in promised and not _promises(scenario):
        raise InputError(
            f"severance is {Severance.AS_STATED.value!r}, but {scenario.name!r} promises none; state it under "
            f"contract.severance, or ask {Severance.LEAST.value!r}"
        )
    paid = tuple(member(TransferRule, one, "transfers") for one in transfers)
    sets = [_named(one) for one in rules] + [(_preset(name), Outsiders.OBEY) for name in presets]
    usual = not sets and not every
    if every:
        sets = list(_combined())
    if usual:
        sets = [(one, Outsiders.OBEY) for one in PRESETS.values()]
    secrets = max(scenario.economy.prior.type_counts) > 1
    pairs = product(sets, paid or (tuple(TransferRule) if every and secrets else usual_transfers(scenario.economy)))
    found = [
        MarketInstitution(one, outsiders, transfer, severance=promise)
        for (one, outsiders), transfer in pairs
        for promise in promised or _promises_of_all(scenario, one, every=every)
    ]
    if usual and not paid and secrets:
        found.insert(0, MarketInstitution(PAPER_RULES, transfers=TransferRule.NONE))
    if own:
        stated = Severance.AS_STATED if _promises(scenario) else Severance.NONE
        found.insert(0, MarketInstitution(scenario.rules, transfers=scenario.transfers, own=True, severance=stated))
    compared = COMPARISONS if usual or every else ()
    return (*dict.fromkeys(found), *compared)


def _promises(scenario: MarketScenario) -> bool:
    return any(amount > 0 for by_type in scenario.severance.values() for amount in by_type.values())


def _promises_of_all(scenario: MarketScenario, rules: MarketRules, *, every: bool) -> tuple[Severance, ...]:
    """Return what is promised to those who leave without anybody naming it.

    Severance can matter only where somebody may leave and somebody has a second type, and not where types are drawn.
    """
    prior = scenario.economy.prior
    matters = rules.refusal is Refusal.FREE and not prior.obstacle and max(prior.type_counts) > 1
    return (Severance.NONE, Severance.LEAST) if every and matters else (Severance.NONE,)


def _named(rules: Mapping[str, str]) -> tuple[MarketRules, Outsiders]:
    outsiders = member(Outsiders, rules.get("outsiders", Outsiders.OBEY), "rules.outsiders")
    return with_rules(
        PAPER_RULES, {name: value for name, value in rules.items() if name != "outsiders"}, "rules"
    ), outsiders


def _preset(name: str) -> MarketRules:
    if name not in PRESETS:
        raise InputError(f"preset {unknown_name(name, list(PRESETS))}")
    return PRESETS[name]


def _combined() -> Iterator[tuple[MarketRules, Outsiders]]:
    """Yield every combination of rules, with outsiders who answer misquotes where these are seen in time."""
    kinds: dict[str, tuple[StrEnum, ...]] = {
        rule.name: tuple(cast("type[StrEnum]", type(rule.default))) for rule in fields(MarketRules)
    }
    for values in product(*kinds.values()):
        rules = MarketRules(**cast("dict[str, Any]", dict(zip(kinds, values, strict=True))))
        yield rules, Outsiders.OBEY
        if rules.timing is Timing.PRICES_FIRST and rules.solvency is Solvency.NO_SHORT_SALES:
            yield rules, Outsiders.WITHHOLD


def parsed_rules(entries: Iterable[str], field: str) -> list[dict[str, str]]:
    """Return sets of rules as they are written on a command line: ``pricing=void,solvency=no-short-sales``.

    Raises:
        InputError: an entry is not so.
    """
    sets = []
    for entry in entries:
        one: dict[str, str] = {}
        for part in entry.split(","):
            name, equals, value = part.strip().partition("=")
            if not equals or not name or not value:
                raise InputError(f"{field} is {entry!r}; it must be NAME=VALUE,NAME=VALUE...")
            if name in one:
                raise InputError(f"{field} is {entry!r}, which names {name!r} twice")
            one[name] = value
        sets.append(one)
    return sets

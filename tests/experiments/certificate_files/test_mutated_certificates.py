"""Whatever is changed in a certificate: it is refused, unless what it says remains true.

Numbers may differ by a billionth of what is at stake for the one they are about, and no more: a cost or a bound that is
0 but for rounding may have another rounding. Economy, rules, payments and reactions say what a certificate is about;
with others it is about something else, and everything in it is derived for that.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import CertificateInput, certificate_text
from marketgame.experiments.files.input_file import InputError, validated
from marketgame.mechanisms.blocking import BlockingPlan, NoBlockingPlan, Support, find_blocking_plan, replay
from marketgame.mechanisms.certificates.blocking import (
    BlockingCertificate,
    InhibitionCertificate,
    certify_inhibition,
    certify_plan,
)
from marketgame.mechanisms.certificates.certificate import Certificate, verify
from marketgame.mechanisms.certificates.deviation import Claim, DeviationCertificate, certify_deviation
from marketgame.mechanisms.contracts.grand_contract import grand_contract
from marketgame.mechanisms.deviations.situation import situation_of
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.stakes import stakes_by_type
from tests.experiments.certificate_files.test_replay import CASES, TEXT, sealed
from tests.mechanisms.blocking.test_blocking import random_game
from tests.mechanisms.certificates.test_certificates import short_sale
from tests.mechanisms.private_value_economies import three_traders

type Place = tuple[str | int, ...]

# What a certificate is about. With other numbers it is about something else, which may be as true.
SUBJECT = {
    "economy",
    "game",
    "stakes",
    "rules",
    "numeraire_transfers",
    "prices",
    "largest_coalition",
    "named_coalitions",
}
SAMPLE = 2


def of_huge_orders() -> DeviationCertificate:
    """One member sells short to an outsider; the members also order 1e15 of money from each other, to no effect."""
    contract = grand_contract(three_traders())
    situation = situation_of(contract, 0, (0, 1))
    action = short_sale(situation)
    orders = action.orders.copy()
    orders[0, 1] = orders[1, 0] = [0.0, 1e15]
    return certify_deviation(situation, replace(action, orders=orders), contract, Claim.TOTAL_GAIN)


def of_a_fine_plan() -> BlockingCertificate:
    """Types of whoever stays are known too: such invitations have as many types as there are players."""
    generator = np.random.default_rng(1)
    game = random_game(generator, players=3)
    omega = generator.normal(scale=0.3, size=(8, 3)) + 1.0
    plan = find_blocking_plan(game, omega, support=Support.FINE)
    assert isinstance(plan, BlockingPlan)
    return certify_plan(game, omega, plan.invitations, plan.payments)


def of_a_proof_about_three() -> InhibitionCertificate:
    """Three players with three types each, at stakes that are not much above those that would be blocked."""
    generator = np.random.default_rng(2)
    game = random_game(generator, players=3, types=3)
    omega = generator.normal(scale=0.3, size=(27, 3))
    for level in np.arange(1.0, 4.0, 0.25):
        proof = find_blocking_plan(game, omega + level)
        if isinstance(proof, NoBlockingPlan):
            assert any(multipliers.any() for multipliers in proof.virtual.multipliers)
            return certify_inhibition(game, omega + level, proof.virtual)
    raise AssertionError("no stakes are high enough")


MUTATED: dict[str, Callable[[], Certificate]] = {
    # A vote is refused by less than its margin, too: that is weaker, and true.
    **{name: made for name, made in CASES.items() if name != "vote"},
    "huge orders": of_huge_orders,
    "fine plan": of_a_fine_plan,
    "proof about three": of_a_proof_about_three,
}


@cache
def document_of(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(TEXT if name == "shipped" else certificate_text(MUTATED[name]()))
    return document


def refused(document: dict[str, Any]) -> bool:
    """Whether a document is refused, be it unread."""
    try:
        certificate = validated(CertificateInput, sealed(document), Path("mutated.json")).content.build()
    except (InputError, ValueError):
        return True
    return not verify(certificate).confirmed


def entries(node: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every part of a document, with the way to it."""
    yield place, node
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from entries(value, (*place, key))


def sampled(document: dict[str, Any], kind: type) -> list[tuple[Place, Any]]:
    """Some parts of a kind in every list and table, but for what says what the certificate is about."""
    found, seen = [], Counter[Place]()
    parts = [part for part in entries(document["content"]) if isinstance(part[1], kind)]
    for number in np.random.default_rng(0).permutation(len(parts)):
        place, value = parts[number]
        table: Place = tuple("*" if isinstance(step, int) else step for step in place)
        seen[table] += 1
        if place and place[0] not in SUBJECT and "reaction" not in place and seen[table] <= SAMPLE:
            found.append((place, value))
    return found


def with_part(document: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """The document with another part in a place; what is beside the way there is shared, which nobody changes."""
    changed = dict(document)
    node: Any = changed
    for step in ("content", *place[:-1]):
        node[step] = copy.copy(node[step])
        node = node[step]
    node[place[-1]] = value
    return changed


def all_at_stake(document: dict[str, Any]) -> float:
    """What is at stake for all types together: no single number's own stake is more.

    Numbers of a proof about blocking are probabilities and shares; those of a plan are at most what it moves.
    """
    certificate = validated(CertificateInput, document, Path("whole.json")).content.build()
    if isinstance(certificate, InhibitionCertificate):
        return 1.0
    if isinstance(certificate, BlockingCertificate):
        played = replay(certificate.game, certificate.stakes, certificate.invitations, certificate.payments)
        return max(1.0, sum(float(terms.sum()) for terms in played.terms))
    economy = certificate.economy
    transfers = np.array(document["content"]["numeraire_transfers"])
    return float(stakes_by_type(economy, efficient_allocation(economy), transfers).sum())


def same_plan(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two documents are about blocking plans that differ in the only type of somebody at most."""
    plans = []
    for document in (first, second):
        plan = validated(CertificateInput, sealed(document), Path("plan.json")).content.build()
        if not isinstance(plan, BlockingCertificate):
            return False
        uncertain = [player for player, count in enumerate(plan.game.type_counts) if count > 1]
        invited = []
        for one in plan.invitations:
            known = plan.game.grand_coalition if len(one.types) == len(plan.game.players) else one.coalition
            types = {player: kind for player, kind in zip(known, one.types, strict=True) if player in uncertain}
            invited.append((one.coalition, types, one.action, one.probability))
        plans.append(invited)
    return plans[0] == plans[1]


@pytest.mark.parametrize("name", ["shipped", *MUTATED])
def test_a_changed_number_is_refused_unless_the_change_is_a_billionth_of_what_is_at_stake(name: str) -> None:
    document = document_of(name)
    assert not refused(document)
    stake = all_at_stake(document)
    for place, value in sampled(document, float):
        for changed in (value * (1 + 1e-6), -value, value + 1e-3 * stake, value - 1e-3 * stake):
            if abs(changed - value) > 1e-9 * stake:
                assert refused(with_part(document, place, changed)), (place, value, changed)


@pytest.mark.parametrize("name", ["shipped", *MUTATED])
def test_a_list_with_an_entry_less_or_twice_is_refused(name: str) -> None:
    """Draws, coalitions, players, clauses, joint actions, what a member may know: none can be left out.

    Who invites a seller of the high type invites it whatever the only type of the buyer is: that is the same plan.
    """
    document = document_of(name)
    for place, value in sampled(document, list):
        if not value:
            continue
        for changed in (value[1:], value[:-1], [*value, value[-1]]):
            mutated = with_part(document, place, changed)
            assert refused(mutated) or same_plan(document, mutated), (place, changed)


@pytest.mark.parametrize("name", ["shipped", *MUTATED])
def test_swapped_numbers_are_refused_unless_they_are_the_same(name: str) -> None:
    document = document_of(name)
    stake = all_at_stake(document)
    for place, value in sampled(document, list):
        if len(value) > 1 and all(isinstance(entry, float) for entry in value):
            swapped = [*value[1:], value[0]]
            if np.abs(np.subtract(swapped, value)).max() > 1e-9 * stake:
                assert refused(with_part(document, place, swapped)), (place, value)


def test_rounding_of_orders_forgives_nothing() -> None:
    """With an irrelevant order of 1e15 every amount below a unit was once within the rounding of its orders."""
    certificate = of_huge_orders()
    assert verify(certificate).confirmed
    for name in ("promised", "obtained", "gain"):
        for player in range(3):
            numbers = getattr(certificate.outcome, name).copy()
            numbers[player] += 1e-6
            forged = replace(certificate, outcome=replace(certificate.outcome, **{name: numbers}))
            assert [one.quantity for one in verify(forged).mismatches] == [f"outcome.{name}[{player}]"]

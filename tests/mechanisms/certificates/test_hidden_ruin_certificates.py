"""Certificates of agreements that only a guess breaks: derived anew, attacked, refused once changed (Theorem 23)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from marketgame.experiments.certificate_files.files import load_certificate, save_certificate
from marketgame.experiments.studies.institutions.families import Family, random_economy
from marketgame.mechanisms.certificates.certificate import recomputed, verify
from marketgame.mechanisms.certificates.hidden_ruin import HiddenRuinCertificate, certify_hidden_ruin
from marketgame.mechanisms.certificates.plain.contract import stored_contract
from marketgame.mechanisms.certificates.plain.guessing import PlainRuin
from marketgame.mechanisms.certificates.plain.settlement import PlainPlay
from marketgame.mechanisms.collusion.side_contracts.hidden_ruin import hidden_ruins
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency

SPREAD = MarketRules(Pricing.SPREAD, Solvency.NO_SHORT_SALES, Bankruptcy.TRADES_STAND)
COUNTERPARTY = replace(SPREAD, pricing=Pricing.COUNTERPARTY, coverage=Coverage.ANNOUNCED_NUMERAIRE)
RULES = pytest.mark.parametrize("rules", [SPREAD, COUNTERPARTY], ids=lambda rules: rules.pricing.value)
SIZES = ((3, 1, 1), (3, 2, 1), (4, 1, 2), (5, 1, 1))


@cache
def contract(number: int) -> GrandContract:
    players, goods, types = SIZES[number % len(SIZES)]
    family = list(Family)[number // len(SIZES)]
    economy = random_economy(family, players, goods, types, np.random.default_rng(number))
    return contract_with_transfers(economy, TransferRule.EXPECTED_EXTERNALITY if types > 1 else TransferRule.NONE)


@cache
def certificate(number: int, rules: MarketRules) -> HiddenRuinCertificate:
    """Return the certificate of the first pair."""
    made = contract(number)
    ruin = next(hidden_ruins(made, rules, [(0, 1)]))
    return certify_hidden_ruin(made, rules, ruin)


def terms(held: HiddenRuinCertificate) -> PlainRuin:
    made, (quote, apart) = stored_contract(held), exact([held.quote, held.apart])
    return PlainRuin(made, held.profile, held.coalition, held.good, quote, apart, held.numbers)


@RULES
@pytest.mark.parametrize("number", range(2 * len(SIZES)))
def test_two_traders_have_an_agreement_that_only_a_guess_breaks(number: int, rules: MarketRules) -> None:
    held = certificate(number, rules)
    assert verify(held).confirmed
    assert (held.gains > 0).all()
    stakes = held.economy.rows(contract(number).profiles[held.profile])[list(held.coalition)]
    assert (held.temptation <= GAIN_TOLERANCE * contract(number).stakes[stakes]).all()
    # The winner has all money, and the loser nothing; both are counted from what nothing is worth.
    kinds = [held.economy.valuations.valuations[row] for row in stakes]
    money = sum(player.types[0].endowment[-1] for player in held.economy.players)
    for kind, won, lost in zip(kinds, held.winning, held.losing, strict=True):
        assert won > kind.value(np.zeros(kind.goods)) + money
        assert lost == pytest.approx(kind.value(np.zeros(kind.goods)), abs=1e-12)


def test_every_pair_has_one_where_traders_are_alike_enough() -> None:
    pairs = list(combinations(range(4), 2))
    assert [ruin.coalition for ruin in hidden_ruins(contract(2), SPREAD, pairs)] == pairs


@pytest.mark.parametrize(
    "rules",
    [
        replace(SPREAD, pricing=Pricing.MIDPOINT),
        replace(SPREAD, bankruptcy=Bankruptcy.UNWIND),
        replace(SPREAD, solvency=Solvency.BUDGET),
    ],
)
def test_nothing_is_said_under_rules_that_the_theorem_is_not_about(rules: MarketRules) -> None:
    assert not list(hidden_ruins(contract(0), rules, [(0, 1)]))
    assert not verify(replace(certificate(0, SPREAD), rules=rules)).confirmed


CHANGES: dict[str, Callable[[HiddenRuinCertificate], HiddenRuinCertificate]] = {
    "fewer numbers": lambda held: replace(held, numbers=1000),
    "numbers too near": lambda held: replace(held, apart=1.0),
    "a modest quote": lambda held: replace(held, quote=1e4),
    "a quote that buys nothing": lambda held: replace(held, quote=0.5),
    "other members": lambda held: replace(held, coalition=(0, 2)),
    "lopsided odds": lambda held: replace(held, odds=np.array([0.05, 0.95])),
    "what it is without": lambda held: replace(held, status_quo=held.status_quo - 1e-3),
    "what winning brings": lambda held: replace(held, winning=held.winning * (1 + 1e-6)),
    "what losing brings": lambda held: replace(held, losing=held.losing + 1e-3),
    "what is promised": lambda held: replace(held, promised=held.promised + 1e-3),
    "what is tempting": lambda held: replace(held, temptation=held.temptation / 2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_certificate_that_was_changed_is_refused(change: str) -> None:
    assert not verify(CHANGES[change](certificate(0, SPREAD))).confirmed


@pytest.mark.parametrize("change", ["fewer numbers", "numbers too near", "a modest quote", "lopsided odds"])
def test_sizes_that_do_not_suffice_are_refused_whatever_is_claimed_of_them(change: str) -> None:
    changed = CHANGES[change](certificate(0, SPREAD))
    try:
        changed = recomputed(changed)  # type: ignore[assignment]  # Of the kind that it was.
    except ValueError:
        pass
    else:
        assert not verify(changed).mismatches
    assert verify(changed).failures


def test_odds_are_refused_that_do_not_add_up_to_one() -> None:
    held = certificate(0, SPREAD)
    with pytest.raises(ValueError, match="add up to 1"):
        replace(held, odds=held.odds * 2.0)


def test_what_members_cannot_tell_from_something_else_is_refused() -> None:
    held = certificate(2, SPREAD)
    # At another profile, at which the numbers stored are not those that come out.
    assert not verify(replace(held, profile=(held.profile + 1) % len(contract(2).profiles))).confirmed


def test_a_stored_certificate_is_read_back(tmp_path: Path) -> None:
    held = certificate(2, COUNTERPARTY)
    save_certificate(held, tmp_path / "one.json")
    read = load_certificate(tmp_path / "one.json")
    assert isinstance(read, HiddenRuinCertificate)
    assert verify(read).confirmed
    assert (read.numbers, read.good, read.profile) == (held.numbers, held.good, held.profile)


@RULES
@pytest.mark.parametrize("number", [0, 1, 3])
def test_no_reply_of_either_member_brings_more_than_is_bounded(number: int, rules: MarketRules) -> None:
    """Settled in rational numbers, at the sizes that are certified: the loser guesses, the winner claims otherwise."""
    held, generator = certificate(number, rules), np.random.default_rng(number)
    ruin = terms(held)
    winner, loser = held.coalition
    drawn = [1, 2, held.numbers // 2, held.numbers]
    plays = [ruin.play(winner, one) for one in drawn]
    most = ruin.ended(winner).utility[winner] + Fraction(float(held.temptation[0]))
    lives = []
    for _ in range(12):
        guess = plays[int(generator.integers(len(drawn)))]
        given_back = [list(row) for row in guess.orders[loser]]
        for player in range(len(given_back)):
            if player != loser and (player == winner or generator.random() < 0.5):
                given_back[player] = [Fraction(amount) for amount in guess.orders[player][loser]]
        given_back[winner][-1] += Fraction(float(generator.uniform(-1.0, 0.0)))
        quotes = _elsewhere(guess.quotes[loser], generator)
        ended = [ruin.contract.ended(_instead(play, loser, quotes, given_back), held.profile) for play in plays]
        lives.append(sum(not end.bankrupt[loser] for end in ended))
        wanted = [list(row) for row in plays[0].orders[winner]]
        wanted[loser] = [amount + Fraction(float(generator.normal())) for amount in wanted[loser]]
        wanted[loser][held.good] *= Fraction(float(10.0 ** generator.uniform(-2.0, 2.0)))
        wins = _instead(plays[0], winner, _elsewhere(plays[0].quotes[winner], generator), wanted)
        assert ruin.contract.ended(wins, held.profile).utility[winner] <= most
    assert max(lives) == 1


def _elsewhere(quotes: Sequence[Fraction], generator: np.random.Generator) -> list[Fraction]:
    """Return other quotes than those that one is told, or the same."""
    factors = 10.0 ** (generator.uniform(-3.0, 3.0, len(quotes) - 1) * (generator.random() < 0.5))
    return [quote * Fraction(float(by)) for quote, by in zip(quotes[:-1], factors, strict=True)] + [Fraction(1)]


def _instead(play: PlainPlay, player: int, quotes: list[Fraction], orders: list[list[Fraction]]) -> PlainPlay:
    asked, ordered = list(play.quotes), list(play.orders)
    asked[player], ordered[player] = quotes, orders
    return replace(play, quotes=asked, orders=ordered)

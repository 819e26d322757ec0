"""Who is told the least of many numbers loses for certain, and nobody else would rather reply otherwise: Theorem 24."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from marketgame.experiments.studies.institutions.families import Family, random_economy
from marketgame.mechanisms.certificates.certificate import verify
from marketgame.mechanisms.certificates.hidden_ruin import HiddenRuinCertificate, certify_hidden_ruin
from marketgame.mechanisms.certificates.plain.contract import stored_contract
from marketgame.mechanisms.certificates.plain.guessing import PlainRuin
from marketgame.mechanisms.certificates.plain.settlement import PlainPlay
from marketgame.mechanisms.collusion.side_contracts.hidden_ruin import hidden_ruins
from marketgame.mechanisms.contracts.grand_contract import GrandContract, grand_contract
from marketgame.mechanisms.economies.economy import PlayerType
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.valuations import Abatement, Quadratic
from marketgame.mechanisms.market_game.rules import Bankruptcy, Coverage, MarketRules, Pricing, Solvency

VOID = MarketRules(Pricing.VOID, Solvency.NO_SHORT_SALES, Bankruptcy.TRADES_STAND)
COVERED = replace(VOID, coverage=Coverage.ANNOUNCED_NUMERAIRE)
SIZES = ((3, 1, 1), (3, 2, 1), (4, 1, 1), (5, 2, 1))
CASES = pytest.mark.parametrize("number", range(2 * len(SIZES)))
FEW = 7


@cache
def contract(number: int) -> GrandContract:
    players, goods, types = SIZES[number % len(SIZES)]
    family = list(Family)[number // len(SIZES)]
    return grand_contract(random_economy(family, players, goods, types, np.random.default_rng(number)))


@cache
def certificate(number: int, rules: MarketRules = VOID) -> HiddenRuinCertificate:
    """Return the first certificate that can be made of any two."""
    made = contract(number)
    for ruin in hidden_ruins(made, rules, combinations(range(len(made.economy.players)), 2)):
        try:
            return certify_hidden_ruin(made, rules, ruin)
        except ValueError:
            continue
    raise AssertionError("no two have such an agreement")


@cache
def few_numbers(number: int) -> PlainRuin:
    """Return the agreement with so few numbers that all can be played."""
    held = certificate(number)
    made, (quote, apart) = stored_contract(held), exact([held.quote, held.apart])
    return PlainRuin(made, held.profile, held.coalition, held.good, quote, apart, FEW)


@CASES
@pytest.mark.parametrize("rules", [VOID, COVERED], ids=lambda rules: rules.coverage.value)
def test_some_two_traders_have_an_agreement_that_is_kept_but_for_a_part_seldom_told(
    number: int, rules: MarketRules
) -> None:
    held = certificate(number, rules)
    assert verify(held).confirmed
    assert (held.gains > 0).all()
    # All money is won half of the time; where that is not worth it nothing is certified.
    assert (held.promised > held.status_quo).all()
    assert held.numbers % 2 == 1


def test_what_is_proposed_is_kept_by_so_much_whatever_the_unit_of_money() -> None:
    economy, factor = contract(1).economy, 2.0**-40
    players = tuple(
        replace(player, types=tuple(_dearer(kind, factor) for kind in player.types)) for player in economy.players
    )
    dearer = grand_contract(replace(economy, players=players))
    pairs = list(combinations(range(3), 2))
    proposed = list(hidden_ruins(contract(1), VOID, pairs)), list(hidden_ruins(dearer, VOID, pairs))
    assert proposed[0]
    for usual, other in zip(*proposed, strict=True):
        one, two = certify_hidden_ruin(contract(1), VOID, usual), certify_hidden_ruin(dearer, VOID, other)
        assert (one.coalition, one.numbers) == (two.coalition, two.numbers)
        np.testing.assert_array_equal(two.temptation, one.temptation * factor)
        assert verify(two).confirmed


def _dearer(kind: PlayerType, factor: float) -> PlayerType:
    """Return a type whose money is counted in a unit so many times as small."""
    endowment, valuation = kind.endowment.copy(), kind.valuation
    assert isinstance(valuation, Quadratic)
    endowment[-1] *= factor
    return replace(
        kind, endowment=endowment, valuation=Quadratic(valuation.intercept * factor, valuation.slope * factor)
    )


CHANGES: dict[str, Callable[[HiddenRuinCertificate], HiddenRuinCertificate]] = {
    "fewer numbers": lambda held: replace(held, numbers=1001),
    "an even number of them": lambda held: replace(held, numbers=held.numbers + 1),
    "a quote at which both may live": lambda held: replace(held, quote=held.quote * 3.0),
    "a quote too cheap to pay": lambda held: replace(held, quote=held.quote / 3.0),
    "lopsided odds": lambda held: replace(held, odds=np.array([0.4, 0.6])),
    "what is tempting": lambda held: replace(held, temptation=held.temptation / 2),
    "what is promised": lambda held: replace(held, promised=held.promised + 1e-3),
    "rules under which whoever sees it buys": lambda held: replace(
        held, rules=replace(held.rules, pricing=Pricing.COUNTERPARTY)
    ),
    "trades that are cancelled": lambda held: replace(held, rules=replace(held.rules, bankruptcy=Bankruptcy.UNWIND)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_certificate_that_was_changed_is_refused(change: str) -> None:
    assert not verify(CHANGES[change](certificate(0))).confirmed


@pytest.mark.parametrize("number", [0, 1, 7])
def test_no_reply_helps_but_after_the_least_number(number: int) -> None:
    """Each number is met by its two neighbours; replies claim more or less, guess upwards, or quote otherwise."""
    ruin, generator = few_numbers(number), np.random.default_rng(number)
    owned = ruin.contract.holdings(ruin.number)
    for told in range(1, FEW + 1):
        member = ruin.coalition[(told + 1) % 2]
        met = [one for one in (told - 1, told + 1) if 1 <= one <= FEW]
        plays = [_meeting(ruin, told, other) for other in met]
        obeyed = _expected(ruin, plays, member)
        lives_most = 0
        for reply in range(10):
            partner = next(one for one in ruin.coalition if one != member)
            orders = [list(row) for row in plays[0].orders[member]]
            own = orders[partner]
            if reply % 2 and told + 2 <= FEW:
                own = list(_meeting(ruin, told + 2, told + 1).orders[member][partner])
            by = Fraction(float(generator.uniform(-1.0, 1.0) * float(owned[member][ruin.good])))
            own = [*own[:-1], own[-1] + ruin.quote * by * (reply > 1)]
            own[ruin.good] -= by * (reply > 1)
            orders[partner] = own
            quotes = list(plays[0].quotes[member])
            if reply == 9:
                quotes = list(plays[0].quotes[next(iter(ruin.outsiders))])
                orders = [list(row) for row in ruin.contract.play(ruin.number).orders[member]]
            instead = [_instead(play, member, quotes, orders) for play in plays]
            lives = [not ruin.contract.ended(play, ruin.number).bankrupt[member] for play in instead]
            if reply < 9:
                lives_most = max(lives_most, sum(lives))
            if told > 1:
                assert _expected(ruin, instead, member) <= obeyed
        assert lives_most <= 1
    assert _expected(ruin, [_meeting(ruin, 1, 2)], ruin.coalition[0]) == ruin.contract.enjoys(
        ruin.coalition[0], ruin.number, [Fraction(0) for _ in owned[0]]
    )


def permits() -> GrandContract:
    """Return a contract of three who have more of either good than is worth anything to them if they have it all."""
    base = grand_contract(random_economy(Family.QUADRATIC, 3, 2, 1, np.random.default_rng(0))).economy
    needed, owned = ((6.0, 6.0), (7.0, 5.0), (5.0, 7.0)), ((3.0, 2.0), (2.5, 3.0), (3.0, 3.5))
    kinds = [Abatement(np.full(2, 0.05), np.full(2, -0.05), np.array(reference)) for reference in needed]
    players = tuple(
        replace(player, types=(PlayerType("only", np.array([*own, 60.0]), kind),))
        for player, own, kind in zip(base.players, owned, kinds, strict=True)
    )
    return grand_contract(replace(base, players=players))


def test_whoever_wins_more_than_it_can_use_would_rather_claim_less_and_that_counts() -> None:
    made = permits()
    ruin = next(hidden_ruins(made, VOID, [(0, 1)]))
    held = certify_hidden_ruin(made, VOID, ruin)
    quote, apart = exact([ruin.quote, ruin.apart])
    plain = PlainRuin(stored_contract(held), 0, (0, 1), ruin.good, quote, apart, FEW)
    other = 1 - ruin.good
    for told, member in ((3, 0), (2, 1)):
        plays = [_meeting(plain, told, told - 1), _meeting(plain, told, told + 1)]
        orders = [list(row) for row in plays[0].orders[member]]
        # It claims all that there is of the other good four times over, and its own; now only what it can use.
        valuation = made.economy.players[member].types[0].valuation
        usable = valuation.exact_satiation(other)  # type: ignore[attr-defined]  # Of quadratic valuations.
        beyond = [Fraction(0)] * len(orders[0])
        beyond[other] = plain.contract.holdings(0)[member][other] + 4 * plain.supply()[other] - usable
        assert plain.supply()[other] > usable
        orders[1 - member] = [order - less for order, less in zip(orders[1 - member], beyond, strict=True)]
        instead = [_instead(play, member, list(play.quotes[member]), orders) for play in plays]
        gained = _expected(plain, instead, member) - _expected(plain, plays, member)
        assert 0 < gained <= Fraction(float(held.temptation[member]))
    assert not verify(held).confirmed


def _meeting(ruin: PlainRuin, one: int, other: int) -> PlainPlay:
    """Return what is played by whoever was told two numbers that follow each other."""
    larger = max(one, other)
    return ruin.play(ruin.coalition[(larger + 1) % 2], larger // 2)


def _expected(ruin: PlainRuin, plays: Sequence[PlainPlay], member: int) -> Fraction:
    """Return what a member enjoys on average over plays that are equally likely."""
    enjoyed = [ruin.contract.ended(play, ruin.number).utility[member] for play in plays]
    return sum(enjoyed, Fraction(0)) / len(enjoyed)


def _instead(play: PlainPlay, player: int, quotes: list[Fraction], orders: list[list[Fraction]]) -> PlainPlay:
    asked, ordered = list(play.quotes), list(play.orders)
    asked[player], ordered[player] = quotes, orders
    return PlainPlay(asked, ordered, play.announced, play.transfers)

r"""Whether lies followed by disobedience pay, asked of searches that know no theorem.

Members of a coalition report what they like and then quote, order and announce what they like, knowing even the
outsiders' types. Theorem 8 of ``docs/collusion.md`` says that this brings them nothing where flows are executed out of
deposits, further orders are matched, and transfers are coalition-proof; here nobody is told so. In random economies, of
complete and of private information, with corners and with endowments that depend on types, plays are drawn at random,
bred by differential evolution (SciPy), and looked for by the mixed-integer programs of the search for deviations, which
are denied the bounds. The same is done where one of the three is missing, so that it is seen that the searches find
what there is to be found.

``python -m marketgame.experiments.studies.lies_and_disobedience FOLDER`` writes the table, in some minutes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields, replace
from enum import StrEnum
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import differential_evolution

from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, grand_contract
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.deviations.effort import Effort
from marketgame.mechanisms.deviations.oracle import most_profitable_deviation
from marketgame.mechanisms.deviations.situation import JointAction, Situation, trade_gains
from marketgame.mechanisms.economies.coalitions import Coalition
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.random_economies import EconomyLaw, ValuationLaw
from marketgame.mechanisms.economies.valuations import Quadratic
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Execution,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
    Withholding,
)

TABLE = "lies-and-disobedience.csv"
ECONOMIES = 30
# A gain below this share of what is at stake for the members is rounding.
ROUNDING = 1e-9
MOST_COALITIONS = 3
# Quotes are up to so many times the recommended ones, and orders up to so many times all there is, or as small.
DECADES = 3.0


class Institution(StrEnum):
    """What is in force: all three, or two of them."""

    SAFE = "deposits, matched orders, coalition-proof transfers"
    NO_DEPOSITS = "without deposits"
    NO_MATCHING = "without matched orders"
    OTHER_TRANSFERS = "with expected-externality transfers"

    @property
    def transfers(self) -> TransferRule:
        """The transfers."""
        other = self is Institution.OTHER_TRANSFERS
        return TransferRule.EXPECTED_EXTERNALITY if other else TransferRule.COALITION_PROOF

    @property
    def rules(self) -> MarketRules:
        """The rules, the paper's in all else."""
        return MarketRules(
            execution=Execution.UNILATERAL if self is Institution.NO_MATCHING else Execution.MATCHED,
            refusal=Refusal.FREE if self is Institution.NO_DEPOSITS else Refusal.ESCROW,
        )


@dataclass(frozen=True)
class Searches:
    """How hard is searched.

    Attributes:
        lies: how many are followed up for each coalition: those that pay best if they are obeyed, and one at random.
        draws: for how many types of outsiders, the likeliest, members do better than obey after their lie.
        plays: how many are drawn at random.
        population: of plays that evolve, for each number that describes one.
        generations: for how long.
        programs: whether the search for deviations is asked too.
    """

    lies: int = 2
    draws: int = 3
    plays: int = 400
    population: int = 8
    generations: int = 20
    programs: bool = True


USUAL = Searches()


@dataclass(frozen=True)
class Found:
    """What the searches found in one economy under one institution.

    Gains are those of a coalition in sum over truth and obedience, expected by its types before outsiders' are known,
    as shares of what is at stake for its members; the largest of all coalitions and lies that were looked at.

    Attributes:
        economy: number of the random economy.
        information: complete or private.
        players: how many.
        goods: how many beside money.
        corners: whether somebody is to have none of some good at some profile.
        endowments_vary: whether what players own depends on their types.
        institution: what is in force.
        settling: pricing, solvency, bankruptcy and what becomes of what is withheld.
        lies: how many combinations of coalition, types and reports were followed up; the truth is one.
        random: found by drawing plays.
        evolution: found by differential evolution.
        programs: found by the search for deviations.
    """

    economy: int
    information: str
    players: int
    goods: int
    corners: bool
    endowments_vary: bool
    institution: str
    settling: str
    lies: int
    random: float
    evolution: float
    programs: float

    @property
    def gain(self) -> float:
        """The largest of all gains found."""
        return max(self.random, self.evolution, self.programs)


def random_economy(number: int) -> Economy:
    """Return one of the random economies: every third of complete information, every other with varying endowments."""
    players, kinds = 3 + (number % 5 == 4), 1 if number % 3 == 0 else 2
    law = EconomyLaw(
        # A taste so small leads to a corner, unless the good is for the asking.
        (ValuationLaw(Quadratic, {"intercept": (4.0, 12.0), "slope": (0.3, 2.0)}, mixing=0.3, faint=0.2),),
        (players, players),
        (1 + number % 2,) * 2,
        (kinds, kinds),
        money=(500.0, 500.0),
        owned=(0.4, 1.0) if number % 4 in (1, 2) else None,
        concentration=3.0,
    )
    return law.economy(f"random {number}", np.random.default_rng([number, 13]))


def searched(number: int, institution: Institution, searches: Searches = USUAL) -> Found:
    """Return what the searches find in one random economy under an institution; the same every time."""
    economy, generator = random_economy(number), np.random.default_rng([number, 17])
    rules = institution.rules
    if institution is Institution.SAFE:
        options = list(product(Pricing, Solvency, Bankruptcy, Withholding))
        pricing, solvency, bankruptcy, withholding = options[int(generator.integers(len(options)))]
        rules = replace(rules, pricing=pricing, solvency=solvency, bankruptcy=bankruptcy, withholding=withholding)
    contract = contract_of(economy, institution, rules)
    best, followed = {"random": 0.0, "evolution": 0.0, "programs": 0.0}, 0
    for members in _coalitions(economy, generator):
        for lie in _lies(contract, members, searches.lies, generator):
            followed += 1
            for way, gain in _gains_after(contract, rules, lie, searches, generator).items():
                best[way] = max(best[way], gain)
        if institution is not Institution.SAFE and max(best.values()) > ROUNDING:
            break
    bundles, prior = contract.efficient.bundles, economy.prior
    owned = economy.endowments(economy.profiles)
    return Found(
        number,
        "complete" if max(prior.type_counts) == 1 else "private",
        len(economy.players),
        len(economy.goods) - 1,
        bool((bundles <= ROUNDING * owned[..., :-1].sum(axis=1, keepdims=True)).any()),
        bool((owned != owned[:1]).any()),
        institution.value,
        f"{rules.pricing}, {rules.solvency}, {rules.bankruptcy}, {rules.withholding}",
        followed,
        **best,
    )


def contract_of(economy: Economy, institution: Institution, rules: MarketRules) -> GrandContract:
    """Return the contract of an institution; where nobody has anything to tell, everybody pays for its goods."""
    if max(economy.prior.type_counts) == 1:
        return grand_contract(economy).under(rules)
    return contract_with_transfers(economy, institution.transfers).under(rules)


@dataclass(frozen=True, eq=False)
class _Lie:
    """A joint lie, or the truth: who tells it, with what odds in which profiles, and the profiles reported."""

    members: Coalition
    likely: FloatArray
    profiles: IntegerArray
    reports: IntegerArray


def _coalitions(economy: Economy, generator: np.random.Generator) -> list[Coalition]:
    """Return some coalitions that leave somebody out, a pair first, then one of all sizes."""
    players = range(len(economy.players))
    proper = [each for size in range(1, len(players)) for each in combinations(players, size)]
    order = generator.permutation(len(proper))
    return sorted((proper[place] for place in order[:MOST_COALITIONS]), key=lambda each: abs(len(each) - 2))


def _lies(contract: GrandContract, members: Coalition, count: int, generator: np.random.Generator) -> list[_Lie]:
    """Return the truth of some types, and the lies that are followed up."""
    told = list(_all_lies(contract, members))
    truths = [lie for lie in told if (lie.profiles == lie.reports).all()]
    lies = [lie for lie in told if (lie.profiles != lie.reports).any()]
    if not lies:
        return truths[:1]
    obeyed = [_obeyed(contract, lie) for lie in lies]
    ranked = sorted(range(len(lies)), key=lambda place: -obeyed[place])
    chosen = dict.fromkeys([*ranked[: count - 1], int(generator.integers(len(lies)))])
    return [truths[int(generator.integers(len(truths)))], *(lies[place] for place in chosen)]


def _all_lies(contract: GrandContract, members: Coalition) -> Iterator[_Lie]:
    economy, prior = contract.economy, contract.economy.prior
    kinds = list(product(*(range(prior.type_counts[member]) for member in members)))
    for true, said in product(kinds, kinds):
        profiles = economy.profiles[(economy.profiles[:, members] == true).all(axis=1)]
        reports = profiles.copy()
        reports[:, members] = said
        owned, shown = (economy.endowments(each)[:, members] for each in (profiles, reports))
        if (owned >= shown).all():
            likely = prior.probability[prior.profile_numbers(profiles)]
            yield _Lie(members, likely / likely.sum(), profiles, reports)


def _situation(contract: GrandContract, rules: MarketRules, lie: _Lie, draw: int) -> Situation:
    """Return what liars face who know that the profile is one of those possible."""
    one = slice(draw, draw + 1)
    received = contract.terms(lie.reports[one]).received
    told = contract.recommend(lie.reports[one])
    return Situation(contract.economy, rules, lie.members, np.ones(1), lie.profiles[one], told, received=received)


def _promised(contract: GrandContract, lie: _Lie) -> FloatArray:
    """Return what members are promised in sum in each draw if they tell the truth and obey, ``(K,)``, numeraire."""
    numbers = contract.economy.prior.profile_numbers(lie.profiles)
    return np.asarray(contract.gains[numbers][:, lie.members].sum(axis=1))


def _obeyed(contract: GrandContract, lie: _Lie) -> float:
    """Return by how much more than the truth a lie brings in sum if it is obeyed, numeraire."""
    economy = contract.economy
    reported, owned = economy.prior.profile_numbers(lie.reports), economy.endowments(lie.profiles)
    net = contract.allocation[reported] - economy.endowments(lie.reports)
    received = economy.gains(lie.profiles, net - (owned - economy.endowments(lie.reports)))
    return float(lie.likely @ (received[:, lie.members].sum(axis=1) - _promised(contract, lie)))


def _gains_after(
    contract: GrandContract, rules: MarketRules, lie: _Lie, searches: Searches, generator: np.random.Generator
) -> dict[str, float]:
    """Return what a lie followed by disobedience is found to gain, as a share of what is at stake, by each search."""
    likeliest = np.argsort(-lie.likely, kind="stable")[: searches.draws].tolist()
    found = {"random": 0.0, "evolution": 0.0, "programs": 0.0}
    # Where nothing better is found, members obey after their lie.
    expected = -float(lie.likely @ _promised(contract, lie))
    for draw, odds in enumerate(lie.likely.tolist()):
        situation = _situation(contract, rules, lie, draw)
        obeyed = float(situation.obedient_gains.sum())
        expected += odds * obeyed
        if draw not in likeliest:
            continue
        genes = _Genes(situation)
        ways = {
            "random": genes.best_of(generator.uniform(-1, 1, (genes.count, searches.plays))),
            "evolution": genes.evolved(int(generator.integers(2**31)), searches),
        }
        if searches.programs and draw == likeliest[0]:
            ways["programs"] = obeyed + _by_programs(situation)
        for way, gained in ways.items():
            found[way] += odds * max(gained - obeyed, 0.0)
    rows = contract.economy.rows(lie.profiles[0])[list(lie.members)]
    stake = float(contract.stakes[rows].sum())
    return {way: (expected + more) / stake for way, more in found.items()}


def _by_programs(situation: Situation) -> float:
    """Return what the search for deviations finds beyond obedience if it must not use what is proven, numeraire."""
    effort = Effort(quote_vectors=4, warm_starts=60, refinements=2, seconds_per_program=120.0, search_proven=True)
    return most_profitable_deviation(situation, effort=effort).value


@dataclass(frozen=True, eq=False)
class _Genes:
    """Plays of a coalition as numbers from -1 to 1: quotes, shares announced, orders of goods and money, transfers."""

    situation: Situation

    @property
    def _sizes(self) -> tuple[int, ...]:
        members, (players, goods) = len(self.situation.coalition), self.situation.prescribed.quotes.shape[1:]
        return members * (goods - 1), members, members * players * (goods - 1), members * players, members

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self._sizes)

    def best_of(self, genes: FloatArray) -> float:
        """Return the most that members get together of plays ``(genes, plays)``, numeraire."""
        return float(self.gains(genes).max())

    def evolved(self, seed: int, searches: Searches) -> float:
        """Return the most that members get together of plays that evolve."""

        def lost(genes: FloatArray) -> Any:
            return -self.gains(genes)

        found = differential_evolution(
            lost,
            [(-1.0, 1.0)] * self.count,
            seed=seed,
            vectorized=True,
            updating="deferred",
            maxiter=searches.generations,
            popsize=searches.population,
            polish=False,
        )
        return -float(found.fun)

    def gains(self, genes: FloatArray) -> FloatArray:
        """Return what members get together beyond their endowments, ``(plays,)``, numeraire."""
        return np.asarray(trade_gains(self.situation, self.action(genes)).sum(axis=-1))

    def action(self, genes: FloatArray) -> JointAction:
        """Return the plays that genes ``(genes, plays)`` stand for."""
        situation = self.situation
        coalition, members = situation.coalition, len(situation.coalition)
        (players, goods), plays = situation.prescribed.quotes.shape[1:], genes.shape[1]
        quoted, shown, ordered, paid, moved = (part.T for part in np.split(genes, np.cumsum(self._sizes)[:-1], axis=0))
        told = situation.prescribed.quotes[0, coalition]
        # Half of all quotes are the recommended ones.
        factor = np.where(quoted > 0, 10.0 ** (DECADES * (2 * quoted - 1)), 1.0).reshape(plays, members, goods - 1)
        quotes = np.concatenate((told[:, :-1] * factor, np.ones((plays, members, 1))), axis=-1)
        announced = np.clip(2 * shown + 1, 0.0, 1.0)[..., None] * situation.endowments[0, coalition]
        orders = np.zeros((plays, members, players, goods))
        size = np.sign(ordered) * (10.0 ** (DECADES * np.abs(ordered)) - 1) / 10
        orders[..., :-1] = size.reshape(plays, members, players, goods - 1) * situation.supply[0, :-1]
        # What is ordered is paid for at the counterparty's quote, or is not, or is paid for by others.
        everybody = np.broadcast_to(situation.prescribed.quotes[0], (plays, players, goods)).copy()
        everybody[:, coalition] = quotes
        value = (orders[..., :-1] * everybody[:, None, :, :-1]).sum(axis=-1)
        share = np.clip(2 * paid.reshape(plays, members, players) + 1, 0.0, 1.0)
        orders[..., -1] = -share * value
        among = orders[:, :, coalition]
        first = np.triu(np.ones((members, members)), 1)[None, :, :, None]
        orders[:, :, coalition] = among * first - np.swapaxes(among * first, 1, 2)
        # To keep to what is recommended towards outsiders is one of the possibilities.
        outside = [player for player in range(players) if player not in coalition]
        keeps = (paid.reshape(plays, members, players)[..., outside] > 0.5)[..., None]
        orders[:, :, outside] = np.where(
            keeps, situation.prescribed.orders[0][np.ix_(coalition, outside)], orders[:, :, outside]
        )
        side = np.sign(moved) * (10.0 ** (DECADES * np.abs(moved)) - 1)
        return JointAction(quotes, orders, announced, side - side.mean(axis=1, keepdims=True))


def study(numbers: range = range(ECONOMIES)) -> pd.DataFrame:
    """Return what the searches find in random economies under every institution, one row each."""
    rows = [searched(number, institution) for number in numbers for institution in institutions_of(number)]
    return pd.DataFrame([astuple(row) for row in rows], columns=[field.name for field in fields(Found)])


def institutions_of(number: int) -> list[Institution]:
    """Return the institutions that differ in a random economy: where nobody has anything to tell, transfers do not."""
    complete = max(random_economy(number).prior.type_counts) == 1
    return [each for each in Institution if not (complete and each is Institution.OTHER_TRANSFERS)]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return by institution in how many economies a gain was found, by which search, and the largest."""
    gains = table[["random", "evolution", "programs"]]
    told = table[["institution"]].assign(
        economies=1,
        **{f"by {way}": (gains[way] > ROUNDING).astype(int) for way in gains},
        found=(gains.max(axis=1) > ROUNDING).astype(int),
    )
    counts = told.groupby("institution", sort=False).sum()
    return counts.assign(largest=gains.max(axis=1).groupby(table["institution"], sort=False).max())


def main(folder: Path) -> int:
    """Write the table; return 1 if a gain was found where there is none, or none where there are some."""
    table = study()
    table.to_csv(folder / TABLE, index=False, float_format="%.6g")
    told = summary(table)
    sys.stdout.write(f"{told.to_string()}\n")
    found = told["found"]
    wrong = found[Institution.SAFE.value] > 0 or (found.drop(Institution.SAFE.value) == 0).any()
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

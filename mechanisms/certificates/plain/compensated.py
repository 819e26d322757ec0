r"""That no coalition of any size gains by lies which it then obeys: where each is compensated for others' reports.

Let :math:`g_i(t) = v_i(t) + \theta_i(t)` be what player i gets at the reports t, of goods and money. If types are
independent, transfers add up to the same at every profile, and

.. math:: E[g_i(t) \mid t_{-i}] \text{ is the same whatever } t_{-i},

then members of S who report :math:`r_S` expect in sum, up to constants, :math:`-E[\sum_{j \notin S} \theta_j | r_S] =
E[\sum_{j \notin S} v_j | r_S]`, and with what their goods are worth to them the welfare of all, which truth maximises.
Both conditions are checked one profile after the other, however many coalitions there are. By how much they are missed
is a bound on what any coalition gains: what transfers add up to differs by :math:`\beta`, the expectation of outsider j
by :math:`\epsilon_j`, and nothing that is feasible is worth more than the allocation by more than :math:`\sigma`. All
of it must be nothing to the one for whom the least is at stake among those who have another type to report.

The transfers of Theorem 14 meet both conditions, whatever the order of speaking (``docs/reports.md``, Lemma 14a).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import prod

from marketgame.mechanisms.certificates.plain.contract import UNLIMITED, PlainContract
from marketgame.mechanisms.certificates.plain.counted import CountedContract
from marketgame.mechanisms.certificates.plain.instance import NO_GAIN, Checked, Instance, MissingPartError, least_stake
from marketgame.mechanisms.certificates.plain.settlement import NOTHING
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.contracts.sampled import sampled
from marketgame.mechanisms.economies.beliefs import IndependentPrior
from marketgame.mechanisms.economies.exact_numbers import exact
from marketgame.mechanisms.economies.profiles import MOST_COUNTS, Listing, number_of_counts
from marketgame.mechanisms.linear_program.deadline import Deadline


def nobody_has_another_type(instance: Instance, _: Deadline) -> Iterator[Checked]:
    """Check that each player has one type."""
    most = max(instance.economy.prior.type_counts)
    yield Checked("types of a player", "one" if most == 1 else f"up to {most}", most == 1)


def everybody_is_compensated(instance: Instance, deadline: Deadline) -> Iterator[Checked]:
    """Check that types are independent, and that each is compensated for what others report.

    Raises:
        ValueError: there is no such contract.
        DeadlinePassedError: time ran out.
    """
    economy = instance.economy
    independent = economy.prior.independent
    yield Checked("types", "independent" if independent else "correlated", independent)
    if not independent:
        return
    liars = [player for player, count in enumerate(economy.prior.type_counts) if count > 1]
    yield Checked("who has another type to report", f"{len(liars)} of {len(economy.players)} players", bool(liars))
    if not liars:
        return
    counted = instance.transfers is not None
    contract = counted_contract(instance) if counted else instance.contract
    listed = "every count of types among replicas" if counted else "every profile of types"
    efficient = contract.contract.stated is None
    yield Checked("recommended", "efficient allocations" if efficient else "something stated", efficient)
    if not efficient:
        return
    counts, first = economy.prior.type_counts, economy.first_rows
    rows = [int(first[player]) + kind for player in liars for kind in range(counts[player])]
    stake = least_stake(contract.contract.stakes, rows)
    yield from _compensated(contract, listed, stake, deadline)


def counted_contract(instance: Instance) -> CountedContract:
    """Return a contract among replicas, worked out again from the economy.

    Raises:
        ValueError: types are correlated, their counts too many to list, or there is no such contract.
    """
    economy = instance.economy
    if instance.transfers is None:
        raise MissingPartError("transfers are missing, of which the theorem speaks")
    if not isinstance(economy.prior, IndependentPrior) or number_of_counts(economy) > MOST_COUNTS:
        raise ValueError("types are not stated as independent, or their counts among replicas are too many to list")
    on_demand = ContractOnDemand(sampled(economy, listing=Listing.COUNTED), instance.transfers)
    return CountedContract.at_counts(on_demand, instance.rules_given)


def _compensated(contract: PlainContract, listed: str, stake: Fraction, deadline: Deadline) -> Iterator[Checked]:
    got, sums, missed = [], [], NOTHING
    for number in range(len(contract.profiles)):
        deadline.check()
        worth, paid = contract.brings(number)
        got.append([value + money for value, money in zip(worth, paid, strict=True)])
        sums.append(sum(paid, NOTHING))
        missed = max(missed, contract.most_welfare(number) - sum(worth, NOTHING))
    if isinstance(contract, CountedContract):
        apart, tied = _apart_counted(contract, got), NOTHING
    else:
        chances = _chances(contract)
        apart, tied = _apart_listed(contract, got, chances), _tied(contract, got, chances)
    differ, unpaid = sum(apart, NOTHING) + tied, max(sums) - min(sums)
    for about, amount in (
        ("transfers add up to the same", unpaid),
        ("what a player expects is the same whatever others report", differ),
        ("no allocation is worth more", missed),
        ("no coalition gains by lies that it obeys", unpaid + differ + missed),
    ):
        holds = amount <= NO_GAIN * stake
        yield Checked(about, f"at {listed}" if holds else "that is wrong", holds, amount, stake)


def _chances(contract: PlainContract) -> list[list[Fraction]]:
    """Return how likely each type of each player is, ``[player][type]``."""
    prior = contract.economy.prior
    if isinstance(prior, IndependentPrior):
        stated = [exact(prior.marginal(player)) for player in range(len(prior.type_counts))]
        return [[one / sum(each, NOTHING) for one in each] for each in stated]
    found = [[NOTHING for _ in range(count)] for count in prior.type_counts]
    total = sum(contract.probability, NOTHING)
    for profile, chance in zip(contract.profiles, contract.probability, strict=True):
        for player, kind in enumerate(profile):
            found[player][kind] += chance / total
    return found


def _apart_listed(
    contract: PlainContract, got: Sequence[Sequence[Fraction]], chances: Sequence[Sequence[Fraction]]
) -> list[Fraction]:
    """Return by how much each player's expectation, before it knows its type, differs with others' reports."""
    found = []
    for player, likely in enumerate(chances):
        expected: dict[tuple[int, ...], Fraction] = defaultdict(Fraction)
        for profile, row in zip(contract.profiles, got, strict=True):
            expected[profile[:player] + profile[player + 1 :]] += likely[profile[player]] * row[player]
        found.append(_spread(expected.values()))
    return found


def _tied(
    contract: PlainContract, got: Sequence[Sequence[Fraction]], chances: Sequence[Sequence[Fraction]]
) -> Fraction:
    r"""Return how much more coalitions may expect as types in a table are not quite independent: rounded, as a rule.

    Where no profile is more or less likely than by the product of chances by a share of more than
    :math:`\delta \le 1/2`, expectations given what members know differ by at most :math:`2 \delta` times the range of
    what is expected, at what they report and at the truth.
    """
    if isinstance(contract.economy.prior, IndependentPrior):
        return NOTHING
    total = sum(contract.probability, NOTHING)
    share = max(
        abs(chance / total / prod(chances[player][kind] for player, kind in enumerate(profile)) - 1)
        for profile, chance in zip(contract.profiles, contract.probability, strict=True)
    )
    ranges = sum((_spread(column) for column in zip(*got, strict=True)), NOTHING)
    return UNLIMITED if share > Fraction(1, 2) else 4 * share * ranges


def _apart_counted(contract: CountedContract, got: Sequence[Sequence[Fraction]]) -> list[Fraction]:
    """Return the same among replicas, of whom each stands for those like it."""
    apart = dict[int, Fraction]()
    for player in sorted(set(contract.alike)):
        chances = exact(contract.economy.prior.marginal(player))
        expected = []
        for profile in contract.profiles:
            total = NOTHING
            for kind, chance in enumerate(chances):
                number = contract.number_of((*profile[:player], kind, *profile[player + 1 :]))
                place, _ = contract.places(number)[player, kind]
                total += chance * got[number][place]
            expected.append(total)
        apart[player] = _spread(expected) / sum(chances, NOTHING)
    return [apart[like] for like in contract.alike]


def _spread(values: Iterable[Fraction]) -> Fraction:
    found = list(values)
    return max(found) - min(found)

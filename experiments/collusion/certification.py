"""What ``marketgame certify`` answers, from a file or from a scenario or economy that exists already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, override

import pandas as pd
from rich.console import Console

from marketgame.agents.coalitions.outsiders import expected_reaction
from marketgame.experiments.collusion.files import (
    certificate_folder,
    commit_certificates,
    refuse_unstorable,
    write_certificates,
)
from marketgame.experiments.collusion.printing import coalition_frame, print_certification
from marketgame.experiments.files.contract_file import StatedContract, load_contract
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import (
    InputError,
    InputFiles,
    blamed_on,
    kind_of,
    member,
    read_table,
    refuse,
    unknown_name,
    validated,
)
from marketgame.experiments.files.scenario_file import RulesInput, load_scenario, names_game
from marketgame.experiments.files.sources import outside_sources
from marketgame.experiments.printing import Printed, drawn_bars
from marketgame.mechanisms.arrays import undefined_raises
from marketgame.mechanisms.certificates.examination import (
    Examination,
    ExpectReaction,
    Watch,
    examine,
    outsiders_play_on,
    unwatched,
)
from marketgame.mechanisms.certificates.sampled_examination import examine_sampled
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule, listed
from marketgame.mechanisms.contracts.on_demand import ContractOnDemand
from marketgame.mechanisms.economies.coalitions import Coalition, Coalitions
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import MarketRules, Timing
from marketgame.simulation.scenario.established_contract import established_contract
from marketgame.simulation.scenario.market_scenario import MarketScenario

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Wall time that somebody waits for.
USUAL_SECONDS = 60.0
type Members = str | Sequence[str]
type Certified = Path | str | MarketScenario | Economy | GrandContract | StatedContract


@dataclass(frozen=True, eq=False, repr=False)
class Certification(Printed, Examination):
    """What is known about a contract, which shows itself.

    Attributes:
        name: of what was examined.
    """

    name: str

    @override
    def print_on(self, console: Console) -> None:
        print_certification(self.name, self, {}, None, console)

    @property
    @override
    def table(self) -> pd.DataFrame:
        """What is known about each coalition."""
        return coalition_frame(self)

    @override
    def plot(self) -> Figure:
        """Draw what the members of each coalition cannot gain more than together."""
        return drawn_bars(self.table, "gain_at_most", f"{self.name}: what coalitions cannot gain more than")


@undefined_raises
def certify(  # noqa: PLR0913 -- one parameter for each option of the command line
    of: Certified,
    *,
    rules: MarketRules | Mapping[str, str] | None = None,
    transfers: TransferRule | str | None = None,
    coalitions: Iterable[Members] | None = None,
    largest: int | None = None,
    every: bool = False,
    seconds: float = USUAL_SECONDS,
    out: Path | str | None = None,
    allow_code: bool = False,
) -> Certification:
    """Find out whether a contract is incentive compatible, unilaterally stable, collusion-proof, and strongly so.

    Args:
        of: a file, ``example:NAME``, a scenario on a market, a contract, or an economy: its contract under which truth
            is best.
        rules: of the market instead of the scenario's, or the paper's for an economy; by name those that differ.
        transfers: of the contract, instead of the scenario's, or those under which truth is best for an economy.
        coalitions: those to examine beside single players, each by the names of its members; all without it.
        largest: of how many members coalitions may be.
        every: whether to look for improvements of every coalition, even where no answer depends on it.
        seconds: wall time for everything; what is not found by then is not known.
        out: folder in which to write the certificates of the answers, instead of those of an earlier call.
        allow_code: whether files may name code of anybody's, which then is imported.

    Raises:
        InputError: the file is wrong, a rule or a player is none, or the folder cannot be written.
        ValueError: the rules do not admit the contract; an InputError where it has a file.
        UndecidableError: two derivations of one number disagree.
    """
    deadline = Deadline.after(seconds)
    read = InputFiles(allow_code=allow_code)
    scenario = certified_scenario(of, read)
    chosen = rules if isinstance(rules, MarketRules) else with_rules(scenario.rules, rules or {}, "rules")
    scenario = replace(with_transfers(scenario, transfers, "transfers"), rules=chosen)
    asked = asked_coalitions(scenario.economy.player_names, coalitions, largest, "coalitions")
    file = located(of) if isinstance(of, Path | str) else Path()
    with blamed_on(file) if isinstance(of, Path | str) else nullcontext():
        if out is None:
            return examination_of(scenario, asked, deadline, every=every)
        refuse_unstorable(scenario.economy)
        with certificate_folder(file, Path(out)) as folder:
            found = examination_of(scenario, asked, deadline, every=every)
            write_certificates(found, folder)
            commit_certificates(folder, read.contents, file.parent, outside_sources(scenario))
    return found


def certified_scenario(of: Certified, read: InputFiles) -> MarketScenario:
    """Return what is examined as a scenario.

    An economy's contract has no transfers if everybody has one type, since then nobody can lie.

    Raises:
        InputError: a file cannot be read or is wrong.
    """
    match of:
        case MarketScenario():
            return of
        case Economy():
            return MarketScenario(of.name, of, transfers=_usual_transfers(of))
        case GrandContract():
            return MarketScenario(of.economy.name, of.economy, contract=of)
        case StatedContract():
            return MarketScenario(of.name, of.economy, contract=of.contract)
    file = located(of)
    kind = kind_of(read_table(file, read), file, ("scenario", "market-economy", "contract"))
    if kind == "scenario" and names_game(file, read):
        refuse(file, "game", "is given; what is certified is a contract on a market, of a scenario with an economy")
    loaders: dict[str, Callable[[], MarketScenario | Economy | StatedContract]] = {
        "scenario": lambda: load_scenario(file, files=read),
        "contract": lambda: load_contract(file, read),
        "market-economy": lambda: load_economy(file, read),
    }
    return certified_scenario(loaders[kind](), read)


def _usual_transfers(economy: Economy) -> TransferRule:
    if max(economy.prior.type_counts) == 1:
        return TransferRule.NONE
    return TransferRule.EXPECTED_EXTERNALITY if economy.prior.independent else TransferRule.LP


def with_transfers(scenario: MarketScenario, rule: TransferRule | str | None, field: str) -> MarketScenario:
    """Return a scenario whose contract has the transfers of a rule, ``field`` says where it is named; its own without.

    Raises:
        InputError: there is no such rule.
    """
    return scenario if rule is None else replace(scenario, transfers=member(TransferRule, rule, field), contract=None)


def with_rules(rules: MarketRules, given: Mapping[str, str], field: str) -> MarketRules:
    """Return rules with some replaced.

    Raises:
        InputError: there is no such rule, or it cannot be that.
    """
    chosen = {name: str(getattr(rules, name)) for name in RulesInput.model_fields}
    for name, value in given.items():
        if name not in chosen:
            raise InputError(f"{field} {unknown_name(name, list(chosen))}")
        chosen[name] = value
    built: MarketRules = validated(RulesInput, chosen, Path(field)).build()
    return built


def asked_coalitions(
    players: tuple[str, ...], named: Iterable[Members] | None, largest: int | None, field: str
) -> Coalitions:
    """Return single players, then the coalitions named, ``field`` says where, or all up to the largest size.

    Raises:
        InputError: a member is no player.
    """
    if named:
        chosen = dict.fromkeys(_members(players, one, field) for one in named)
        return Coalitions(len(players), 1, tuple(one for one in chosen if len(one) > 1))
    return Coalitions(len(players), min(largest or len(players), len(players)))


def _members(players: tuple[str, ...], members: Members, field: str) -> Coalition:
    names = [name.strip() for name in members.split(",")] if isinstance(members, str) else members
    for name in names:
        if name not in players:
            raise InputError(f"{field} {unknown_name(name, players)}")
    return tuple(sorted({players.index(name) for name in names}))


def examination_of(
    scenario: MarketScenario,
    coalitions: Coalitions,
    deadline: Deadline,
    *,
    every: bool = False,
    watch: Watch = unwatched,
) -> Certification:
    """Examine the contract of a scenario.

    Further arguments are those of `marketgame.mechanisms.certificates.examination.examine`.

    Raises:
        ValueError: the contract does not exist, or the rules do not admit it.
        UndecidableError: two derivations of one number disagree.
        DeadlinePassedError: time ran out before anything was known of profiles that are too many to list.
    """
    contract = established_contract(scenario, deadline)
    if isinstance(contract, ContractOnDemand):
        found = examine_sampled(contract, scenario.rules, coalitions, deadline)
    else:
        reactions = expected_reactions(scenario)
        found = examine(listed(contract), scenario.rules, coalitions, deadline, reactions, every=every, watch=watch)
    return Certification(**{each.name: getattr(found, each.name) for each in fields(found)}, name=scenario.name)


def expected_reactions(scenario: MarketScenario) -> ExpectReaction:
    """Return how those outside a coalition answer misquotes.

    Everybody is taken to play on where quotes are not seen before orders.

    Raises:
        ValueError: a behaviour does not fit the players.
    """
    if scenario.rules.timing is not Timing.PRICES_FIRST:
        return outsiders_play_on
    return partial(expected_reaction, scenario.behaviours())

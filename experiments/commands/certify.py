"""``marketgame certify``: does a contract stand up to lies, to single players, and to coalitions?"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Annotated

import typer

from marketgame.experiments import ExitCode
from marketgame.experiments.collusion.document import certification_document
from marketgame.experiments.collusion.files import (
    certificate_folder,
    commit_certificates,
    refuse_unstorable,
    write_certificates,
)
from marketgame.experiments.collusion.printing import print_certification
from marketgame.experiments.collusion.reactions import expected_reactions
from marketgame.experiments.commands.invocation import LargestOption
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.examples import located
from marketgame.experiments.files.input_file import (
    InputError,
    InputFiles,
    blamed_on,
    kind_of,
    read_table,
    unknown_name,
    validated,
)
from marketgame.experiments.files.scenario_file import (
    RulesInput,
    load_scenario,
)
from marketgame.experiments.printing import (
    JsonOption,
    answer_console,
    in_progress,
    print_json,
)
from marketgame.mechanisms.certificates.examination import examine
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.linear_program.deadline import Deadline
from marketgame.mechanisms.market_game.rules import MarketRules
from marketgame.simulation.scenario.established_contract import established_contract
from marketgame.simulation.scenario.market_scenario import (
    Scenario,
    TransferRule,
)

# Wall time that a terminal user waits for.
USUAL_SECONDS = 60.0


def command(
    file: Annotated[
        Path,
        typer.Argument(
            parser=located,
            metavar="FILE",
            help="A scenario on a market, or a market-economy file: its contract under which truth is best.",
        ),
    ],
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule",
            metavar="NAME=VALUE",
            help="A rule of the market instead of the file's, or of the paper's for an economy; once for each.",
        ),
    ] = None,
    coalition: Annotated[
        list[str] | None,
        typer.Option(
            "--coalition",
            metavar="PLAYER,PLAYER...",
            help="A coalition to examine beside single players; once for each. All without it.",
        ),
    ] = None,
    largest: LargestOption = None,
    seconds: Annotated[
        float,
        typer.Option(min=0, metavar="N", help="Wall time for everything; what is not found by then is not known."),
    ] = USUAL_SECONDS,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where to write certificates, instead of those of an earlier call; beside the runs without it.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find out whether a contract is incentive compatible, unilaterally stable, collusion-proof, and strongly so.

    Members expect outsiders to obey or, where a scenario's traders answer misquotes, to answer them so.
    Every no comes with a certificate of a deviation that `marketgame replay` plays again, a yes to everything with a
    certificate of its proof. The exit code is 1 if an answer is no.
    """
    read, deadline = InputFiles(), Deadline.after(seconds)
    scenario = _scenario(file, rule or [], read)
    coalitions = _coalitions(scenario.economy.player_names, coalition, largest)
    with blamed_on(file):
        refuse_unstorable(scenario.economy)
    with certificate_folder(file, out) as folder:
        with blamed_on(file), in_progress("looking for profitable deviations"):
            contract = established_contract(scenario)
            reactions = expected_reactions(scenario)
            examination = examine(contract, scenario.rules, coalitions, deadline, reactions)
        files, proof = write_certificates(examination, folder)
        commit_certificates(folder, read.contents, file.parent)
    if json:
        print_json(certification_document(scenario.name, examination, files, proof))
    else:
        print_certification(scenario.name, examination, files, proof, answer_console())
    if examination.refuted:
        raise typer.Exit(ExitCode.NO)


def _scenario(file: Path, rules: list[str], read: InputFiles) -> Scenario:
    """Return what the file describes, with other rules.

    An economy's contract has no transfers if everybody has one type, since then nobody can lie.
    """
    if kind_of(read_table(file, read), file, ("scenario", "market-economy")) == "scenario":
        scenario = load_scenario(file, files=read)
    else:
        economy = load_economy(file, read)
        scenario = Scenario(economy.name, economy, transfers=_usual_transfers(economy))
    return replace(scenario, rules=_rules(scenario.rules, rules))


def _usual_transfers(economy: Economy) -> TransferRule:
    if max(economy.prior.type_counts) == 1:
        return TransferRule.NONE
    return TransferRule.EXPECTED_EXTERNALITY if economy.prior.independent else TransferRule.LP


def _rules(rules: MarketRules, given: list[str]) -> MarketRules:
    chosen = {name: str(getattr(rules, name)) for name in RulesInput.model_fields}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals:
            raise InputError(f"--rule is {entry!r}; it must be NAME=VALUE")
        if name not in chosen:
            raise InputError(f"--rule {unknown_name(name, list(chosen))}")
        chosen[name] = value
    built: MarketRules = validated(RulesInput, chosen, Path("--rule")).build()
    return built


def _coalitions(players: tuple[str, ...], named: list[str] | None, largest: int | None) -> tuple[tuple[int, ...], ...]:
    """Return single players, then the coalitions named, or all up to the largest size."""
    alone = tuple((player,) for player in range(len(players)))
    if named:
        chosen = dict.fromkeys(_members(players, one) for one in named)
        return (*alone, *(one for one in chosen if len(one) > 1))
    sizes = range(2, min(largest or len(players), len(players)) + 1)
    return (*alone, *(one for size in sizes for one in combinations(range(len(players)), size)))


def _members(players: tuple[str, ...], text: str) -> tuple[int, ...]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in players:
            raise InputError(f"--coalition {unknown_name(name, players)}")
    return tuple(sorted({players.index(name) for name in names}))

"""The tables that ``marketgame certify`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import floor, log10
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from marketgame.experiments.certificate_files.contents import reaction_document, reaction_text
from marketgame.experiments.efficiency.contracts import joint_misreport_document
from marketgame.experiments.printing import marked, members_named, number, print_heading, table
from marketgame.mechanisms.certificates.examination import CoalitionFinding, Examination, FoundDeviation
from marketgame.mechanisms.certificates.hidden_ruin import HiddenRuinCertificate
from marketgame.mechanisms.contracts.grand_contract import GrandContract
from marketgame.mechanisms.contracts.price_impact import largest_price_impact
from marketgame.mechanisms.deviations.effort import Verdict
from marketgame.mechanisms.economies.coalitions import Coalition, coalition_name
from marketgame.mechanisms.economies.stakes import GAIN_TOLERANCE
from marketgame.mechanisms.market_game.rules import Execution

COLUMNS = ["coalition", "outsiders"]
SAMPLED = "Type profiles are too many to list. What is sampled holds at those that stand for all, and is not proved."
# Of larger coalitions the gains of so many members are printed.
MOST_MEMBERS = 24
# Of numbers with more digits only their size is told.
LONG = 12
FOUND = {
    Verdict.PROVEN: "none",
    Verdict.REFUTED: "found",
    Verdict.NOT_REFUTED: "not known",
    Verdict.SAMPLED: "none met",
}


KEPT = "kept up to any tolerance; whether one is kept exactly is not known"
APPROACHED = "none is kept exactly; some are kept up to any tolerance (Theorem 23)"
KEPT_BUT_FOR_ONE = "kept but for a part told as seldom as one likes; whether one is kept exactly is not known"
ONE_BREAKS = "none is kept exactly; some are kept but for a part told as seldom as one likes (Theorem 24)"


def print_certification(
    name: str, examination: Examination, files: Mapping[int, Path], proof: Path | None, console: Console
) -> None:
    """Print the five answers, what is known about each coalition, and the deviations found."""
    economy = examination.contract.economy
    print_heading(console, name, len(economy.players), economy.prior.size)
    rules = ", ".join(f"{name} {value}" for name, value in rules_document(examination).items())
    console.print(f"rules: {rules}\n", style="dim")
    _print_answers(examination, console)
    scale = float(examination.contract.stakes.max())
    _print_price_impact(examination, scale, console)
    _print_agreements(examination, scale, console)
    rows = [
        [
            _coalition(finding, economy.player_names),
            FOUND[finding.improvement],
            _consistent(finding),
            "not known" if finding.bound is None else number(finding.bound, scale),
        ]
        for finding in examination.findings
    ]
    columns = ["coalition", "improvement", "internally consistent", "gain at most"]
    console.print(table("Coalitions, and what their members cannot gain more than together", columns, rows, texts=3))
    _print_reactions(examination, console)
    _print_deviations(examination, files, scale, console)
    if proof is not None:
        console.print(f"The proof that nobody gains after the truth is in {marked(str(proof))}", soft_wrap=True)
    if examination.by_member is not None and (others := examination.by_member.unlisted):
        listed = isinstance(examination.contract, GrandContract) or examination.proof is not None
        found = "cannot gain either" if listed else "could not gain either where that was looked at"
        console.print(f"{_many(others)} other coalitions {found}: none of their members could by its wealth.")
    if not isinstance(examination.contract, GrandContract):
        if examination.proof is None:
            console.print(SAMPLED, soft_wrap=True)
        console.print("Lies followed by disobedience were not examined.")
    if not examination.everybody:
        console.print(_not_examined(examination))
    if Verdict.NOT_REFUTED in (examination.collusion_proof, examination.strongly_collusion_proof):
        console.print("Not refuted: nothing was found that would refute it, and no bound excludes that there is.")


def progress_text(names: Sequence[str], coalition: Coalition, found: Sequence[CoalitionFinding]) -> str:
    """Return which coalition is examined, and what was found before."""
    gaining = [one.coalition for one in found if one.improvement is Verdict.REFUTED]
    last = f"; {coalition_name(names[member] for member in gaining[-1])} gains" if gaining else ""
    more = f", and {len(gaining) - 1} before" if len(gaining) > 1 else ""
    excluded = sum(one.improvement is Verdict.PROVEN for one in found)
    return f"examining {members_named([names[one] for one in coalition])}: {excluded} cannot gain{last}{more}"


def _consistent(finding: CoalitionFinding) -> str:
    """Return what is known of a coalition's internally consistent improvements."""
    if finding.approached is None or finding.consistent is Verdict.REFUTED:
        return FOUND[finding.consistent]
    if finding.consistent is Verdict.PROVEN:
        return "none exactly"
    return "but for one part" if finding.approached.told_seldom else "up to any tolerance"


def _collusion_proof(examination: Examination) -> str:
    """Return the answer about consistent coalitions, and in which sense it is one."""
    exactly, answer = examination.exactly_collusion_proof, examination.collusion_proof.answer
    if examination.approached is None or exactly is Verdict.REFUTED:
        return answer
    certificate = examination.approached.certificate
    seldom = isinstance(certificate, HiddenRuinCertificate) and certificate.told_seldom
    none, some = (ONE_BREAKS, KEPT_BUT_FOR_ONE) if seldom else (APPROACHED, KEPT)
    return f"{answer}: {none if exactly is Verdict.PROVEN else some}"


def _coalition(finding: CoalitionFinding, names: Sequence[str]) -> str:
    name = members_named([names[member] for member in finding.coalition])
    return name if finding.alike == 1 else f"{name}, and {finding.alike - 1:,} alike"


def _many(count: int) -> str:
    digits = floor(log10(count)) if count else 0
    return f"{count:,}" if digits < LONG else f"more than 10^{digits}"


def _not_examined(examination: Examination) -> str:
    answers = {examination.collusion_proof, examination.strongly_collusion_proof, examination.unilaterally_stable}
    if Verdict.NOT_REFUTED in answers or not examination.unexamined:
        return "Not every coalition was examined; whether others gain is not known."
    return (
        f"The answers are settled; {_many(examination.unexamined)} coalitions were not examined. With --every they "
        "would be."
    )


def coalition_frame(examination: Examination) -> pd.DataFrame:
    """Return what is known about each coalition as a data frame."""
    names = examination.contract.economy.player_names
    columns = {
        coalition_name(names[member] for member in finding.coalition): {
            "improvement": FOUND[finding.improvement],
            "internally_consistent": _consistent(finding),
            "gain_at_most": finding.bound,
        }
        for finding in examination.findings
    }
    frame = pd.DataFrame.from_dict(columns, orient="index").rename_axis("coalition")
    frame["gain_at_most"] = frame["gain_at_most"].astype(float)
    frame.attrs = {"units": {"gain_at_most": examination.contract.economy.units[-1]}}
    return frame


def _print_answers(examination: Examination, console: Console) -> None:
    answers = {
        "Bayesian incentive compatible": examination.truth_is_best,
        "truthfully reported to by coalitions": examination.coalitions_report_truthfully,
        "safe from one who lies and disobeys": examination.lie_and_disobey_alone,
        "safe from coalitions that lie and disobey": examination.lie_and_disobey_together,
        "unilaterally stable": examination.unilaterally_stable,
        "collusion-proof": examination.collusion_proof,
        "strongly collusion-proof": examination.strongly_collusion_proof,
    }
    told = {question: verdict.answer for question, verdict in answers.items()}
    told["collusion-proof"] = _collusion_proof(examination)
    rows = [list(row) for row in told.items()]
    console.print(table("The contract is", ["property", "answer"], rows, texts=2))
    if examination.coalitions_report_truthfully is Verdict.NOT_REFUTED:
        size = examination.joint_lies.examined_size
        if size > 1:
            console.print(
                f"Joint lies were looked for in coalitions of up to {size} members; larger ones have too many."
            )
    _print_joint_lies(examination, console)
    error = examination.joint_lies.error_a_member
    if error is not None:
        money = examination.contract.economy.units[-1]
        known = f"a standard error of at most {error:.2g} {money} for each member"
        if examination.joint_lies.theorem:
            console.print(
                f"Transfers are drawn after the reports. If draws were known before, no joint lie gains, to {known}."
            )
        else:
            console.print(f"No joint lie gains, to {known}.")


def _print_joint_lies(examination: Examination, console: Console) -> None:
    """Print what the best joint lie gains that was found where they are searched for, and what none gains beyond."""
    check, money = examination.joint_lies, examination.contract.economy.money
    scale = float(examination.contract.stakes.max())
    if check.examined_size or check.worst is None:
        searched = check.complete or check.error_a_member is not None
        if not searched and not isinstance(examination.contract, GrandContract):
            console.print("Joint lies were not examined: types are correlated, or players too many.")
        return
    found = f"gains {number(check.worst.gain, scale)} ± {number(check.standard_error, scale)} {money} in sum, sampled"
    most = "" if check.bound is None else f"; none gains more than {number(check.bound, scale)}"
    members = members_named(check.worst.coalition)
    console.print(f"Joint lies were searched for: that of {members} {found}{most}.", markup=False, soft_wrap=True)


def _price_impact_document(examination: Examination) -> dict[str, Any] | None:
    """Return whose lies and reorders gain most in sum whatever the transfers, if that is known to gain."""
    economy, rules = examination.contract.economy, examination.rules
    # With or without deposits: what counts is that orders bind outsiders who did not give them.
    playing_on = rules.execution is Execution.UNILATERAL
    contract, found = examination.contract, None
    # It is about supporting prices.
    if playing_on and isinstance(contract, GrandContract) and contract.stated is None:
        found = largest_price_impact(economy, contract.efficient)
    if found is None:
        return None
    player = economy.players[found.player]
    return {"player": player.name, "types": [player.types[kind].name for kind in found.types], "sum": found.sum}


def _print_price_impact(examination: Examination, scale: float, console: Console) -> None:
    known = _price_impact_document(examination)
    if known is not None and known["sum"] > GAIN_TOLERANCE * scale:
        (one, other), gain = known["types"], number(known["sum"], scale)
        console.print(
            f"No transfers deter lies followed by orders of one's own: {known['player']} as {one} reporting {other} "
            f"and as {other} reporting {one} would expect to gain {gain} {examination.contract.economy.money} in sum "
            "at the prices that this brings, where outsiders play on and own what is then ordered.\n",
            markup=False,
            soft_wrap=True,
        )


def _print_agreements(examination: Examination, scale: float, console: Console) -> None:
    """Print what liars gain together who do not share all, where some gain who do."""
    names = examination.contract.economy.player_names
    rows = [
        [
            coalition_name(names[member] for member in found.members),
            *(
                "not known" if gain is None else number(gain, scale)
                for gain in (found.all, found.money, found.money_stated, found.nothing)
            ),
        ]
        for found in examination.report_agreements
    ]
    if rows:
        title = "What members gain in sum by agreeing what to report, expected before they know their types"
        columns = ["coalition", "sharing what they know and own", "sharing money only"]
        columns += ["money, who refuses being thought the worst", "sharing neither"]
        console.print(table(title, columns, rows))


def _print_reactions(examination: Examination, console: Console) -> None:
    """Print how outsiders react, where some do."""
    economy = examination.contract.economy
    names = economy.player_names
    rows = [
        [coalition_name(names[member] for member in finding.coalition), reaction_text(finding.reaction, economy)]
        for finding in examination.findings
        if finding.reaction is not None
    ]
    if rows:
        console.print(table("What outsiders do after a misquote", COLUMNS, rows, texts=2))


def _print_deviations(examination: Examination, files: Mapping[int, Path], scale: float, console: Console) -> None:
    rows = []
    for found in examination.deviations:
        gains = list(found.gains.items())
        rows += [
            [found.kind.value, name if place == 0 else f"+ {name}", number(gain, scale)]
            for place, (name, gain) in enumerate(gains[:MOST_MEMBERS])
        ]
        if others := gains[MOST_MEMBERS:]:
            total = sum(gain for _, gain in others)
            rows.append([found.kind.value, f"+ {len(others)} others, in sum", number(total, scale)])
    if rows:
        console.print(table("Profitable deviations", ["kind", "player", "gain"], rows, texts=2))
    for file in files.values():
        console.print(f"To see it played: marketgame replay {marked(str(file))}", soft_wrap=True)


ANSWERS = {Verdict.PROVEN: True, Verdict.REFUTED: False, Verdict.NOT_REFUTED: "not refuted", Verdict.SAMPLED: "sampled"}


def certification_document(
    name: str, examination: Examination, files: Mapping[int, Path], proof: Path | None
) -> dict[str, Any]:
    """Return what is known about a contract as the JSON document of ``marketgame certify``.

    ``files`` say where the certificate of each deviation was written, by its place, and ``proof`` where that of none.
    """
    names = examination.contract.economy.player_names
    worst = examination.incentives.worst
    return {
        "kind": "certification",
        "name": name,
        "rules": rules_document(examination),
        "bayesian_incentive_compatible": ANSWERS[examination.truth_is_best],
        "coalitions_report_truthfully": ANSWERS[examination.coalitions_report_truthfully],
        "lie_and_disobey_alone": ANSWERS[examination.lie_and_disobey_alone],
        "lie_and_disobey_together": ANSWERS[examination.lie_and_disobey_together],
        "lie_and_reorder_there_and_back": _price_impact_document(examination),
        "unilaterally_stable": ANSWERS[examination.unilaterally_stable],
        "collusion_proof": ANSWERS[examination.collusion_proof],
        "strongly_collusion_proof": ANSWERS[examination.strongly_collusion_proof],
        "kept_up_to_any_tolerance": _approached_document(examination),
        "largest_misreport_gain": None if worst is None else worst.gain,
        "largest_coalition_misreport_gain": joint_misreport_document(examination.joint_lies),
        "report_agreements": [
            {
                "coalition": [names[member] for member in found.members],
                "sharing_information_and_money": found.all,
                "sharing_money": found.money,
                "sharing_money_stated_beliefs": found.money_stated,
                "sharing_neither": found.nothing,
            }
            for found in examination.report_agreements
        ],
        "coalitions": [
            {
                "coalition": [names[member] for member in finding.coalition],
                "improvement": finding.improvement.value,
                "internally_consistent_improvement": finding.consistent.value,
                "bound_on_total_gain": finding.bound,
                "reaction_of_outsiders": reaction_document(finding.reaction),
                "coalitions_alike": finding.alike,
            }
            for finding in examination.findings
        ],
        "bounds_by_member": _by_member(examination),
        "coalitions_not_examined": examination.unexamined,
        "every_coalition_examined": examination.everybody,
        "deviations": [
            _deviation(examination, found, files.get(place)) for place, found in enumerate(examination.deviations)
        ],
        "proof": None if proof is None else str(proof),
    }


def _approached_document(examination: Examination) -> dict[str, Any] | None:
    """Return the improvement that only a guess breaks, if one is known, and whether others are kept exactly."""
    found = examination.approached
    if found is None or not isinstance(found.certificate, HiddenRuinCertificate):
        return None
    names, stored = list(found.gains), found.certificate
    exactly = {Verdict.PROVEN: False, Verdict.REFUTED: True}.get(examination.exactly_collusion_proof)
    return {
        "coalition": names,
        "hidden_numbers": stored.numbers,
        "by_whoever_is_told_the_least": stored.told_seldom,
        "odds": dict(zip(names, stored.odds.tolist(), strict=True)),
        "gain": found.gains,
        "gain_by_breaking_at_most": dict(zip(names, stored.temptation.tolist(), strict=True)),
        "some_are_kept_exactly": "not known" if exactly is None else exactly,
    }


def _by_member(examination: Examination) -> dict[str, Any] | None:
    bounds = examination.by_member
    if bounds is None:
        return None
    names = examination.contract.economy.player_names
    return {
        "gain_at_most": {name: bounds.of((player,)) for player, name in enumerate(names)},
        "coalitions_not_listed": bounds.unlisted,
    }


def rules_document(examination: Examination) -> dict[str, str]:
    """Return the rules of the market, by name."""
    return {rule.name: str(getattr(examination.rules, rule.name)) for rule in fields(examination.rules)}


def _deviation(examination: Examination, found: FoundDeviation, file: Path | None) -> dict[str, Any]:
    names = examination.contract.economy.player_names
    consistent = found.internally_consistent
    return {
        "coalition": [names[member] for member in found.coalition],
        "kind": found.kind.value,
        "gain": found.gains,
        "internally_consistent": None if consistent is None else ANSWERS[consistent],
        "certificate": None if file is None else str(file),
    }

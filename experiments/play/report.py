"""The page of a run: what was played, what came of it, who failed, what coalitions did, and where it is from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import pandas as pd

from marketgame.experiments.efficiency.benchmarks import benchmark_table, constraint_table
from marketgame.experiments.play.summary import (
    INCENTIVE_NAMES,
    benchmark_rows,
    constraint_rows,
    mediators_document,
    mediators_table,
    players_table,
    side_contracts_table,
    summary_document,
)
from marketgame.experiments.printing import number, page_parts, share
from marketgame.mechanisms.market_game.rules import PAPER_RULES, MarketRules
from marketgame.results.loading import Run, input_documents
from marketgame.results.manifests import FILES
from marketgame.results.report.page import Facts, Folded, Page, Part, Picture, Rounds, Section, Table, Text, Words
from marketgame.results.report.pictures import pictures
from marketgame.results.report.rounds import trade_rounds

MOST_ROUNDS_LISTED: Final = 1000
MOST_EVENTS_LISTED: Final = 500
# In which section a figure stands; others, such as those that installed distributions add, stand in the last.
_PLACES: Final[Mapping[str, str]] = {
    "welfare": "outcome",
    "trade-network": "market",
    "quotes": "market",
    "links": "market",
    "edgeworth": "market",
    "bankruptc": "bankruptcies",
    "cascade": "bankruptcies",
    "side-contract": "coalitions",
    "coalition": "coalitions",
    "blocking": "coalitions",
    "invitation": "coalitions",
    "mediator": "coalitions",
    "profit": "coalitions",
    "core": "coalitions",
    "holdings": "traders",
    "who-ends": "traders",
    "stance": "learners",
    "learn": "learners",
}


def run_page(run: Run, learned: Sequence[Part] = ()) -> Page:
    """Return the page of a run, with what is to be said of its learners.

    Raises:
        ValueError: the run played no round.
    """
    document = summary_document(run)
    drawn = pictures(run)
    of_section: dict[str, list[Picture]] = {}
    for name, picture in drawn.items():
        place = next((home for part, home in _PLACES.items() if part in name), "figures")
        of_section.setdefault(place, []).append(picture)

    def section(name: str, heading: str, parts: Iterable[Part]) -> Section:
        return Section(name, heading, [*parts, *of_section.get(name, [])])

    unit = document["unit"]
    return Page(
        "run",
        document["scenario"],
        f"{document['economy']}, {document['rounds']:,} rounds, seed {document['seed']}"
        + ("" if document["status"] == "done" else f", {document['status']}"),
        [
            section("played", "What was played", _played(run)),
            section("outcome", "What it achieved", _outcome(run, unit)),
            section("market", "The market, round by round", _market(run)),
            section("bankruptcies", "Who went bankrupt, when and in what order", bankruptcies(run)),
            section("coalitions", "What coalitions promised and realised", _coalitions(run, document)),
            section("traders", "How the traders fared", page_parts(_players(document, unit))),
            section("learners", "What learners came to play", learned),
            section("figures", "Further figures", []),
            section("events", "Events", _events(run)),
            Section("provenance", "Where this comes from", provenance(run.manifest)),
        ],
        list(_key_numbers(run, document)),
    )


def _key_numbers(run: Run, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    played = document["welfare"].get("played", {})
    if played.get("gains_over_autarky") is not None:
        yield number(played["gains_over_autarky"], digits=4), f"{document['unit']} gained by trade, mean per round"
        if played["share_of_first_best_gains"] is not None:
            yield share(played["share_of_first_best_gains"]), "of what could be gained"
    if run.goods:
        yield f"{int(run.rounds['bankruptcies'].sum()):,}", f"bankruptcies in {len(run.rounds):,} rounds"
    yield f"{document['misreports']:,}", "reports of another type"
    agreed = {"accepted", "broken"}
    if document["side_contracts"]:
        made = sum(each["rounds"] for each in document["side_contracts"] if each["fate"] in agreed)
        yield f"{made:,}", "side-contracts agreed upon"


def _played(run: Run) -> Iterator[Part]:
    documents = input_documents(run.manifest)
    scenario = next((each for each in documents if each.get("kind") == "scenario"), {})
    setting = next((each for each in documents if each.get("kind") in {"market-economy", "coalitional-game"}), {})
    facts = [("scenario", str(run.runs["scenario"].iloc[0])), ("economy or game", str(run.runs["economy"].iloc[0]))]
    facts += [("source", str(setting["source"]))] if "source" in setting else []
    if run.goods:
        facts.append(("goods", ", ".join(f"{good} ({run.good_units.get(good, 'units')})" for good in run.goods)))
    if len(run.player_names) <= 40:
        facts.append(("traders", ", ".join(run.player_names)))
    facts += [("contract", _in_words(scenario["contract"]))] if "contract" in scenario else []
    for key in ("organisers", "blockers", "learners", "network"):
        several = scenario.get(key)
        facts += [(key, _in_words(each)) for each in (several if isinstance(several, list) else [several]) if each]
    yield Facts(facts)
    if run.goods:
        yield _rules_table(scenario.get("rules", {}))
    yield from _behaviours(run)


def _rules_table(stated: object) -> Part:
    """Return the rules of the market that a scenario states, and which of them are the paper's."""
    try:
        rules = MarketRules(**stated) if isinstance(stated, dict) else None
    except (TypeError, ValueError):
        rules = None
    if rules is None:
        return Facts([("rules", _in_words(stated))])
    rows = [
        [
            rule.name,
            str(getattr(rules, rule.name)),
            "yes" if getattr(rules, rule.name) == getattr(PAPER_RULES, rule.name) else "no",
            str(rule.metadata["description"]),
        ]
        for rule in fields(MarketRules)
    ]
    return Table("Rules of the market", ["rule", "variant", "the paper's", "what it decides"], rows, 4)


def _behaviours(run: Run) -> Iterator[Part]:
    """Yield who behaves how, by types; of very many traders, how many do."""
    players = run.players
    columns = ["player", "type", "behaviour"]
    counts = players.groupby(columns, observed=True, sort=False).size()
    lied = players[players["type"].astype(str) != players["reported_type"].astype(str)]
    lies = lied.groupby(columns, observed=True, sort=False).size()
    if len(counts) <= MOST_EVENTS_LISTED:
        false = lies.reindex(counts.index, fill_value=0)
        names = (map(str, counts.index.get_level_values(column)) for column in columns)
        numbers = zip(counts, false, strict=True)
        rows = [[*key, f"{rounds:,}", f"{untrue:,}"] for *key, (rounds, untrue) in zip(*names, numbers, strict=True)]
        yield Table("Who played, and how", [*columns, "rounds", "of these, reporting another type"], rows, len(columns))
        return
    kinds = players.groupby("behaviour", observed=True, sort=False)["player"].nunique()
    yield Table("How traders behaved", ["behaviour", "traders"], [[str(kind), f"{n:,}"] for kind, n in kinds.items()])


def _in_words(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{key} {_in_words(each)}" for key, each in value.items())
        case list():
            return ", ".join(map(_in_words, value))
        case bool():
            return "yes" if value else "no"
        case float():
            return number(value)
        case _:
            return str(value)


def _outcome(run: Run, unit: str) -> list[Part]:
    benchmarks = benchmark_rows(run)
    parts = page_parts(benchmark_table(f"Welfare per round, in {unit}", benchmarks))
    if any(row.name in INCENTIVE_NAMES and row.welfare is not None for row in benchmarks):
        parts += page_parts(constraint_table("Constraints that cost welfare", constraint_rows(run)))
    return [*parts]


def _players(document: Mapping[str, Any], unit: str) -> Any:
    return players_table(document["players"], unit, _scale(document))


def _scale(document: Mapping[str, Any]) -> float:
    known = (row["welfare"] for row in document["welfare"].values())
    return max((abs(welfare) for welfare in known if welfare is not None), default=0.0)


def _market(run: Run) -> Iterator[Part]:
    data = trade_rounds(run)
    if data is None:
        # A coalitional game has no market.
        return
    step = data["step"]
    taken = "" if step == 1 else f" Of this long run every {step}th round is here."
    yield Rounds(
        "Who gave goods to whom, round by round",
        "Circles and arrows have one scale in all rounds; the numeraire, which flows the other way, is not drawn. "
        f"The line below the controls is what trade gained in each round, a bar marks a bankruptcy.{taken}",
        data,
    )


def bankruptcies(run: Run) -> Iterator[Part]:
    """Yield who was bankrupt in which rounds and why: players in the order in which they first failed, then rounds."""
    failed = run.players[run.players["bankrupt"]]
    if not run.goods:
        return
    if failed.empty:
        yield Words("Nobody went bankrupt in any round.")
        return
    amounts = _amounts_lacking(run)
    rounds = len(run.rounds)
    rows = []
    for place, (name, own) in enumerate(failed.groupby(failed["player"].astype(str), sort=False)):
        reasons = own["reason"].astype(str).value_counts()
        why = ", ".join(f"{reason} {count:,}" for reason, count in reasons.items())
        rows.append(
            [
                str(place + 1),
                str(name),
                why,
                str(own["round"].iloc[0]),
                str(own["round"].iloc[-1]),
                f"{len(own):,}",
                share(len(own) / rounds),
            ]
        )
    headings = ["order", "player", "reasons, and in how many rounds", "first in round", "last in round", "rounds"]
    yield Table("Who went bankrupt, in the order in which they first did", [*headings, "of all rounds"], rows, 3)
    listed = _failures(failed, amounts)
    rows = [
        [str(number_of), str(sum(map(len, waves))), ", then ".join(map("; ".join, waves))]
        for number_of, waves in listed[:MOST_ROUNDS_LISTED]
    ]
    more = "" if len(rows) == len(listed) else f" The first {len(rows):,} of {len(listed):,} rounds are listed."
    order = "in the order in which they failed" if "wave" in failed else "in no order"
    found = Table(
        f"Round by round, {order}",
        ["round", "bankrupt", "who, why, and what was lacking"],
        rows,
        0,
    )
    yield Folded(f"Round by round: {len(listed):,} rounds with a bankruptcy.{more}", found)


def _amounts_lacking(run: Run) -> dict[tuple[int, str], str]:
    """Return by round and player what a bankrupt player lacked, with its unit."""
    events = run.events[run.events["kind"].astype(str) == "bankruptcy"]
    money = run.unit("players", "wealth")
    found = {}
    for number_of, player, good, amount in zip(
        events["round"], events["player"].astype(str), events["good"], events["amount"], strict=True
    ):
        unit = money if pd.isna(good) else f"{run.good_units.get(str(good), '')} {good}".strip()
        found[int(number_of), player] = f"{number(float(amount), digits=4)} {unit}"
    return found


def _failures(failed: pd.DataFrame, amounts: Mapping[tuple[int, str], str]) -> list[tuple[int, list[list[str]]]]:
    """Return of each round who failed in each test of the settlement, as far as that is known, and why."""
    waves = failed["wave"] if "wave" in failed else pd.Series(1, failed.index)
    columns = (failed["round"], waves, failed["player"].astype(str), failed["reason"].astype(str))
    found: dict[int, dict[int, list[str]]] = {}
    for number_of, wave, player, reason in zip(*(column.tolist() for column in columns), strict=True):
        lacked = amounts.get((number_of, player), "")
        words = f"{player} ({reason}{f', {lacked}' if lacked else ''})"
        found.setdefault(number_of, {}).setdefault(wave, []).append(words)
    return [(number_of, [by_wave[wave] for wave in sorted(by_wave)]) for number_of, by_wave in sorted(found.items())]


def _coalitions(run: Run, document: Mapping[str, Any]) -> list[Part]:
    unit, scale = document["unit"], _scale(document)
    parts: list[Part] = []
    parts += page_parts(side_contracts_table(document["side_contracts"], unit, scale))
    if document["side_contracts"]:
        parts.append(_members(run, unit, scale))
    parts += page_parts(mediators_table(mediators_document(run), unit, scale))
    if "invitations" in run.tables and not run.tables["invitations"].empty:
        parts.append(_invitations(run, unit, scale))
    return parts or [Words("Nobody organised a coalition, and no mediator led players away.")]


def _members(run: Run, unit: str, scale: float) -> Table:
    rows = run.side_contracts
    agreed = rows[rows["fate"].astype(str).isin(["accepted", "broken"])]
    cells = []
    for (coalition, player), own in agreed.groupby(["coalition", "player"], observed=True, sort=False):
        truthful = own["truthful"].dropna()
        cells.append(
            [
                str(coalition),
                str(player),
                f"{own['round'].nunique():,}",
                _mean(own["expected_gain"], scale),
                _mean(own["realised_gain"], scale),
                share(float(truthful.astype(float).mean())) if len(truthful) else "-",
            ]
        )
    headings = [
        "coalition",
        "member",
        "rounds agreed",
        "promised gain",
        "realised gain",
        "told the organiser the truth",
    ]
    return Table(
        f"What members were promised when they agreed, and what they got, mean per round, in {unit}", headings, cells, 2
    )


def _mean(values: pd.Series, scale: float) -> str:
    return "-" if values.dropna().empty else number(float(values.mean()), scale, digits=5)


def _invitations(run: Run, unit: str, scale: float) -> Table:
    rows = run.tables["invitations"]
    columns = ["mediator", "coalition", "action", "fate"]
    cells = [
        [
            *map(str, key),
            f"{own['round'].nunique():,}",
            _mean(own["expected_gain"], scale),
            _mean(own["payment"], scale),
        ]
        for key, own in rows.groupby(columns, observed=True, sort=False)
    ]
    title = f"Invitations to leave and what became of them; gains and payments are means of a member, in {unit}"
    return Table(title, [*columns, "rounds", "expected gain", "paid by the mediator"], cells, len(columns))


def _events(run: Run) -> Iterator[Part]:
    events = run.events
    if events.empty:
        yield Words("Nothing out of the ordinary happened.")
        return
    plain = events[["kind", "reason", "player", "good"]].astype(object).where(events.notna(), "")
    counts = plain.assign(round=events["round"]).groupby(["kind", "reason"], sort=False)["round"]
    rows = [[str(kind), str(why), f"{len(of):,}", f"{of.nunique():,}", str(of.min())] for (kind, why), of in counts]
    yield Table(
        "What happened, and how often", ["event", "reason or fate", "times", "rounds", "first in round"], rows, 2
    )
    shown = plain.assign(round=events["round"], amount=events["amount"]).head(MOST_EVENTS_LISTED)
    columns = [shown[name] for name in ("kind", "player", "good", "reason", "round", "amount")]
    listed = [
        [str(kind), str(player), str(good), str(why), str(number_of), number(float(amount), digits=5)]
        for kind, player, good, why, number_of, amount in zip(*columns, strict=True)
    ]
    which = "All" if len(listed) == len(events) else f"The first {len(listed):,} of"
    headings = ["event", "player", "good", "reason or fate", "round", "amount"]
    note = f"What an amount is depends on the event: {run.events.attrs['meaning'].get('amount', '')}."
    yield Folded(f"{which} {len(events):,} events, one by one", Table("Events", headings, listed, 4, note))


def provenance(manifest: Mapping[str, Any]) -> list[Part]:
    """Return where a result comes from, as its manifest says: the command, the software, and every input whole."""
    names = {
        "command": "command",
        "started": "started",
        "wall_seconds": "seconds it took",
        "status": "status",
        "seed": "seed",
        "bit_generator": "random numbers",
        "marketgame": "marketgame",
        "source_revision": "source revision",
        "python": "Python",
        "packages": "packages",
        "code": "further code",
    }
    pairs = []
    for key, name in names.items():
        value = manifest.get(key)
        if value is not None and value != {}:
            text = " ".join(map(str, value)) if isinstance(value, list) else _in_words(value)
            pairs.append((name, text))
    parts: list[Part] = [Facts(pairs)]
    inputs = manifest.get("inputs")
    for name, entry in inputs.items() if isinstance(inputs, dict) else ():
        if isinstance(entry, dict) and isinstance(entry.get("text"), str):
            parts.append(Text(f"{name} (SHA-256 {str(entry.get('sha256', ''))[:16]})", entry["text"]))
    files = manifest.get(FILES)
    if isinstance(files, dict) and files:
        rows: Sequence[Sequence[str]] = [[str(name), str(digest)] for name, digest in sorted(files.items())]
        parts.append(Folded("Files of the result, with their hashes", Table("Files", ["file", "SHA-256"], rows, 2)))
    return parts

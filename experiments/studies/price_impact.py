"""Lies followed by orders of one's own: on which markets they pay, and how that declines as markets grow.

``python -m marketgame.experiments.studies.price_impact FOLDER [WHAT [ECONOMY ...]]`` writes tables and a picture into a
folder of the documentation's shape, and puts the tables on its page ``reports.md`` where it has one. WHAT is one of the
two tables, ``lie-and-reorder`` and ``price-impact``; without it both are computed. Where economies are named the lies
of all others stay as they are in the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from marketgame.experiments import ExitCode
from marketgame.experiments.files.economy_file import load_economy
from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.studies.carbon import ECONOMIES
from marketgame.experiments.studies.sweep_pages import put_in_page
from marketgame.mechanisms.certificates.examination import certified_lie_and_reorder
from marketgame.mechanisms.contracts.contract import device_of
from marketgame.mechanisms.contracts.grand_contract import GrandContract, TransferRule
from marketgame.mechanisms.contracts.price_impact import (
    MOST_LISTED,
    expected_impact,
    largest_price_impact,
)
from marketgame.mechanisms.contracts.transfers import contract_with_transfers
from marketgame.mechanisms.economies.economy import Economy
from marketgame.mechanisms.economies.efficiency import efficient_allocation
from marketgame.mechanisms.economies.random_economies import replica
from marketgame.mechanisms.market_game.rules import (
    Bankruptcy,
    Coverage,
    MarketRules,
    Pricing,
    Refusal,
    Solvency,
)
from marketgame.results import palette
from marketgame.results.figures import style
from marketgame.results.figures.saving import save_figure

SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
"""How many copies of everybody there are."""
DRAWS = 2000
SEED = 13
# Standard errors of less than this share are those of sums that are the same in every profile.
ROUNDING = 1e-9
FEW_PROFILES = 16
"""Economies of more are examined with the usual transfers only."""
# Of each economy, in words, as the tables and the picture name it.
GROWN = {
    "three-farmers": "three farmers",
    "ten-traders": "ten traders",
    "two-goods-complements": "bread and butter",
    "annex-b-private-costs": "carbon permits",
}
LIES, GROWTH = "lie-and-reorder", "price-impact"


def playing_on() -> Iterator[MarketRules]:
    """Yield every rule set in which orders bind whoever does not answer them.

    Whether quotes are seen before orders, and what becomes of what is withheld, does not matter to a liar who quotes
    and announces what it is told.
    """
    for pricing, solvency, bankruptcy, coverage, refusal in product(Pricing, Solvency, Bankruptcy, Coverage, Refusal):
        yield MarketRules(pricing, solvency, bankruptcy, coverage, refusal=refusal)


def private_economies() -> dict[str, Economy]:
    """Return the shipped economies in which somebody has a type to hide, by the names of their files."""
    found = {file.stem: load_economy(file) for file in sorted(ECONOMIES.glob("*.toml"))}
    return {name: economy for name, economy in found.items() if max(economy.prior.type_counts) > 1}


def examined_contracts(economy: Economy) -> Iterator[tuple[TransferRule, GrandContract]]:
    """Yield contracts of an economy whose types can be listed: usual transfers, or coalition-proof ones; if any."""
    few = economy.prior.size <= FEW_PROFILES
    for transfers in (_usual(economy), TransferRule.COALITION_PROOF) if few else (_usual(economy),):
        try:
            contract = contract_with_transfers(economy, transfers)
        except ValueError:  # No such transfers make truth best.
            continue
        yield transfers, contract


def _usual(economy: Economy) -> TransferRule:
    return TransferRule.EXPECTED_EXTERNALITY if economy.prior.independent else TransferRule.LP


def lies_table(economies: dict[str, Economy], rule_sets: Sequence[MarketRules]) -> pd.DataFrame:
    """Return the most profitable lie followed by a reorder on each economy, under each rule set that admits a contract.

    Returns:
        One row per economy, transfers and rule set: who lies as what, ``gain`` (numeraire, settled in rational
        numbers; missing where none was found), and ``there_and_back``, what the theorem says two lies gain in sum.
    """
    rows = []
    for name, economy in economies.items():
        if economy.prior.size > MOST_LISTED:
            continue
        for transfers, contract in examined_contracts(economy):
            impact = largest_price_impact(economy, contract.efficient)
            for rules in rule_sets:
                row = {"economy": name, "transfers": transfers.value}
                row |= {each.name: str(getattr(rules, each.name)) for each in fields(rules)}
                try:
                    device = device_of(contract, rules)
                except ValueError:  # A transfer takes more than is announced, which the rules do not admit.
                    continue
                found = certified_lie_and_reorder(contract, device)
                kinds = [] if found is None else [kind.name for kind in economy.players[found.player].types]
                rows.append(
                    row
                    | {
                        "player": "" if found is None else economy.player_names[found.player],
                        "true_type": "" if found is None else kinds[found.true_type],
                        "reported_type": "" if found is None else kinds[found.reported_type],
                        "gain": np.nan if found is None else float(found.outcome.gain[found.player]),
                        "there_and_back": np.nan if impact is None else impact.sum,
                    }
                )
    return pd.DataFrame(rows)


def growth_table(sizes: Sequence[int] = SIZES, draws: int = DRAWS) -> pd.DataFrame:
    """Return what two lies of one player gain in sum as everybody is copied.

    Returns:
        One row per economy and size: ``sum`` and its ``standard_error``, numeraire; ``draws``, missing where all
        profiles are listed; ``share``, of the gains from trade that are expected in one copy.
    """
    rows = []
    for name, seed in zip(GROWN, np.random.SeedSequence(SEED).spawn(len(GROWN)), strict=True):
        economy = load_economy(ECONOMIES / f"{name}.toml")
        efficient = efficient_allocation(economy)
        found = largest_price_impact(economy, efficient)
        assert found is not None
        gains = economy.gains_from_goods(efficient.profiles, efficient.bundles).sum(axis=-1)
        at_stake = float(economy.prior.probability @ gains)
        for size, own in zip(sizes, seed.spawn(len(sizes)), strict=True):
            impact = expected_impact(
                replica(economy, size), found.player, found.types, draws, np.random.default_rng(own)
            )
            rows.append(
                {
                    "economy": name,
                    "copies": size,
                    "players": size * len(economy.players),
                    "player": economy.player_names[found.player],
                    "unit": economy.units[-1],
                    "sum": impact.sum,
                    "standard_error": impact.standard_error,
                    "draws": impact.draws,
                    "share": impact.sum / at_stake,
                }
            )
    return pd.DataFrame(rows).astype({"draws": "Int64"})


@style.in_house_style
def growth_picture(table: pd.DataFrame) -> Figure:
    """Draw the share of the gains from trade of one copy that two lies there and back bring, over the copies."""
    figure = style.new_figure(style.WIDE, 3.4)
    axes = figure.subplots()
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for (name, words), colour, marker in zip(GROWN.items(), palette.SERIES, palette.MARKERS, strict=False):
        rows = table[table["economy"] == name]
        share = rows["share"].to_numpy(float)
        error = 2 * share * (rows["standard_error"] / rows["sum"]).to_numpy(float)
        axes.errorbar(rows["copies"], share, yerr=error, color=colour, marker=marker, capsize=1.5)
        axes.annotate(
            words,
            (rows["copies"].iloc[-1], share[-1]),
            (6, 0),
            textcoords="offset points",
            color=palette.INK,
            va="center",
            annotation_clip=False,
        )
    sizes = np.unique(table["copies"])
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    axes.set_xlabel("copies of everybody")
    axes.set_ylabel("gain of two lies there and back\n(share of one copy's gains from trade)")
    style.dress(axes)
    style.put_title(figure, "What no transfers deter vanishes in large markets", "as one over their size")
    return figure


def lies_markdown(table: pd.DataFrame, economies: dict[str, Economy]) -> str:
    """Return what was found on each economy as Markdown."""
    lines = [
        "| economy | transfers | rule sets | a lie pays in | its gain | there and back |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for (name, transfers), rows in table.groupby(["economy", "transfers"], sort=False):
        economy = economies[str(name)]
        gains, back = rows["gain"], float(rows["there_and_back"].iloc[0])
        sums = "types are correlated" if not economy.prior.independent else "no two types own the same"
        if not np.isnan(back):
            sums = f"{style.short_number(back)} {economy.units[-1]}"
        gain = _between(gains, economy.units[-1])
        lines.append(f"| {name} | {transfers} | {len(rows)} | {gains.count()} | {gain} | {sums} |")
    return "\n".join(lines)


def _between(gains: pd.Series[float], unit: str) -> str:
    """Return the smallest and the largest gain in words, or a dash if there is none."""
    if not gains.count():
        return "–"
    low, high = (style.short_number(float(bound)) for bound in (gains.min(), gains.max()))
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


def growth_markdown(table: pd.DataFrame) -> str:
    """Return the decline as Markdown, standard errors in brackets where profiles were drawn and differ."""
    lines = ["| copies | " + " | ".join(GROWN.values()) + " |", "|---:|" + "---:|" * len(GROWN)]
    for size, rows in table.groupby("copies"):
        by_name = rows.set_index("economy")
        lines.append(f"| {size} | " + " | ".join(map(partial(_cell, by_name), GROWN)) + " |")
    return "\n".join(lines)


def _cell(by_name: pd.DataFrame, name: str) -> str:
    total, error, unit = (str(by_name.loc[name, column]) for column in ("sum", "standard_error", "unit"))
    drawn = f" ({style.short_number(float(error))})" if float(error) > ROUNDING * float(total) else ""
    return f"{style.short_number(float(total))}{drawn} {unit}"


def published_lies(tables: Path) -> pd.DataFrame:
    """Return the table of lies as it was written into a folder."""
    absent = {"gain": [""], "there_and_back": [""]}
    return pd.read_csv(tables / f"{LIES}.csv", keep_default_na=False, na_values=absent)


def with_lies_of(names: Sequence[str], published: pd.DataFrame, economies: dict[str, Economy]) -> pd.DataFrame:
    """Return a published table of lies with the rows of named economies computed anew; those of others stay."""
    anew = lies_table({name: economies[name] for name in names}, list(playing_on()))
    rows = pd.concat([published[~published["economy"].isin(names)], anew])
    place = rows["economy"].map({name: number for number, name in enumerate(economies)})
    return rows.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def main(folder: Path, what: str | None = None, names: Sequence[str] = ()) -> None:
    """Write both tables, or one, and the picture of the decline into a folder of the documentation's shape."""
    tables, pictures, page = folder / "tables", folder / "pictures", folder / "reports.md"
    for made in (tables, pictures):
        made.mkdir(parents=True, exist_ok=True)
    shown = {}
    if what in (None, GROWTH):
        growth = growth_table()
        replace_file(tables / f"{GROWTH}.csv", growth.to_csv(index=False))
        save_figure(growth_picture(growth), pictures / f"{GROWTH}.png")
        shown[GROWTH] = growth_markdown(growth)
    if what in (None, LIES):
        economies = private_economies()
        file = tables / f"{LIES}.csv"
        if names and file.exists():
            lies = with_lies_of(names, published_lies(tables), economies)
        else:
            lies = lies_table(economies, list(playing_on()))
        replace_file(file, lies.to_csv(index=False))
        shown[LIES] = lies_markdown(lies, economies)
    for name, table in shown.items() if page.exists() else ():
        replace_file(page, put_in_page(page.read_text(encoding="utf-8"), name, table))


if __name__ == "__main__":
    given, chosen, named = next(iter(sys.argv[1:]), "docs"), next(iter(sys.argv[2:]), None), sys.argv[3:]
    for one, allowed in [(chosen, (LIES, GROWTH))] + [(name, tuple(private_economies())) for name in named]:
        if one is not None and one not in allowed:
            sys.stderr.write(f"error: {one} is none of {', '.join(allowed)}\n")
            sys.exit(ExitCode.BAD_INPUT)
    main(Path(given), chosen, named)

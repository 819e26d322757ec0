"""The tables of the published sweeps: ``python -m marketgame.experiments.studies.sweep_pages [NAME...]``.

Each name is that of a file in ``experiments/sweeps``. Its sweep is run, or the rest of it, in ``results/runs``, as
``marketgame sweep`` would run it; then its table is put where ``docs/sweeps.md`` shows it, or printed with ``--print``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isnan
from pathlib import Path

import pandas as pd

from marketgame import results
from marketgame.experiments import HOME, ExitCode
from marketgame.experiments.files.input_file import InputError
from marketgame.experiments.files.output_folder import replace_file
from marketgame.experiments.play.running import DEFAULT_RUNS
from marketgame.experiments.printing import number
from marketgame.experiments.sweep import run_sweep
from marketgame.experiments.sweep.file import load_sweep
from marketgame.results.loading import Run
from marketgame.results.mediators import ESTABLISHED, LEFT

SWEEPS = HOME / "sweeps"
PAGE = HOME.parent / "docs" / "sweeps.md"
WELFARE = "mean_welfare"
MISREPORTERS, SHORT_SELLERS = "traders.share.misreporting", "traders.share.short-selling"
NOISY, PRICING, BANKRUPTCY = "traders.share.noisy", "rules.pricing", "rules.bankruptcy"
SOLVENCY, SEVERANCE = "rules.solvency", "contract.severance.seller.L"
# The institution of the paper, with which the others are compared.
AS_PRINTED = ("counterparty", "trades-stand")
RIVAL = "rival"
NUMERAL = r"^−?\d"


def share_of_misreporters(sweep: Run) -> pd.DataFrame:
    """Return what lies cost at each share of liars: all of them together, the liars, and the others."""
    runs = with_changes(sweep, MISREPORTERS, "misreporting")
    welfare = results.over_seeds(runs, WELFARE, MISREPORTERS)
    lost = results.paired_differences(runs, WELFARE, MISREPORTERS, baseline=0.0).set_index(MISREPORTERS)
    gains = results.over_seeds(runs, "share_of_first_best_gains", MISREPORTERS)
    shares = welfare[MISREPORTERS]
    return pd.DataFrame(
        {
            "share of misreporters": [number(share) for share in shares],
            "welfare per round": _intervals(welfare),
            "change, same rounds": [_interval(lost, share, "difference") for share in shares],
            "share of the gains from trade": [f"{100 * mean:.1f}%" for mean in gains["mean"]],
            "change for a liar": _intervals(results.over_seeds(runs, "change_of_them", MISREPORTERS)),
            "change for another": _intervals(results.over_seeds(runs, "change_of_others", MISREPORTERS)),
        }
    )


def short_sellers_by_institution(sweep: Run) -> pd.DataFrame:
    """Return welfare, bankruptcies and who gains under both solvency rules, at each share of short-sellers."""
    by = [SOLVENCY, SHORT_SELLERS]
    runs = with_changes(sweep, SHORT_SELLERS, "short-selling")
    runs["bankruptcies_per_round"] = runs["bankruptcies"] / runs["rounds"]
    welfare = results.over_seeds(runs, WELFARE, by)
    return pd.DataFrame(
        {
            "solvency": welfare[SOLVENCY].astype(str),
            "share of short-sellers": [number(share) for share in welfare[SHORT_SELLERS]],
            "welfare per round": _intervals(welfare),
            "bankrupt of ten": _means(results.over_seeds(runs, "bankruptcies_per_round", by)),
            "change for a short-seller": _intervals(results.over_seeds(runs, "change_of_them", by)),
            "change for another": _intervals(results.over_seeds(runs, "change_of_others", by)),
        }
    )


def careless_traders_by_institution(sweep: Run) -> pd.DataFrame:
    """Return what each institution makes of the same errors, compared with the institution of the paper."""
    runs = sweep.runs.copy()
    runs["bankruptcies_per_round"] = runs["bankruptcies"] / runs["rounds"]
    runs["institution"] = runs[PRICING].astype(str) + ", " + runs[BANKRUPTCY].astype(str)
    by, as_printed = [NOISY, "institution"], ", ".join(AS_PRINTED)
    welfare = results.over_seeds(runs, WELFARE, by)
    against = results.paired_differences(runs, WELFARE, "institution", as_printed, by=NOISY).set_index(by)
    points = list(zip(welfare[NOISY], welfare["institution"], strict=True))
    return pd.DataFrame(
        {
            "share of careless": [number(share) for share in welfare[NOISY]],
            "pricing, bankruptcy": welfare["institution"],
            "welfare per round": _intervals(welfare),
            "against the rules as printed, same rounds": [
                "–" if point[1] == as_printed else _interval(against, point, "difference") for point in points
            ],
            "bankrupt of ten": _means(results.over_seeds(runs, "bankruptcies_per_round", by)),
        }
    )


def severance_in_example_2(sweep: Run) -> pd.DataFrame:
    """Return what the rival was promised and what it earned, and how often it led a coalition away."""
    mediators = sweep.tables["mediators"]
    of = {name: mediators[mediators["mediator"] == name].groupby("run") for name in (RIVAL, ESTABLISHED)}
    runs = sweep.runs.set_index("run")
    for name, rounds in of.items():
        runs[name] = rounds["profit"].mean()
    invited = sweep.tables["invitations"]
    away = invited[invited["fate"] == LEFT].groupby("run")["round"].nunique()
    runs["departures"] = away.reindex(runs.index, fill_value=0) / runs["rounds"].astype(float)
    promised = of[RIVAL]["expected_profit"].mean().groupby(runs[SEVERANCE]).mean()
    rival = results.over_seeds(runs, RIVAL, SEVERANCE)
    return pd.DataFrame(
        {
            "severance": [number(severance, digits=4) for severance in rival[SEVERANCE]],
            "rival's profit, promised by the program": [number(profit, 1.0) for profit in promised],
            "rival's profit, earned": _intervals(rival, 3),
            "rounds in which a coalition leaves": [
                f"{100 * mean:.0f}%" for mean in results.over_seeds(runs, "departures", SEVERANCE)["mean"]
            ],
            "established mediator's profit": _intervals(results.over_seeds(runs, ESTABLISHED, SEVERANCE), 3),
        }
    )


def which_carelessness_matters(sweep: Run) -> pd.DataFrame:
    """Return the Sobol' indices of each kind of carelessness, for welfare and for bankruptcies."""
    columns: dict[str, list[str]] = {}
    for measure, name in ((WELFARE, "welfare"), ("bankruptcies", "bankruptcies")):
        found = results.sobol_indices(sweep, measure)
        columns["parameter"] = found["parameter"].tolist()
        for index, words in (("first_order", "alone"), ("total", "with interactions")):
            pairs = zip(found[index], found[f"{index}_half_width"], strict=True)
            columns[f"{name}, {words}"] = [f"{value:.2f} ± {half_width:.2f}" for value, half_width in pairs]
    return pd.DataFrame(columns)


TABLES: Mapping[str, Callable[[Run], pd.DataFrame]] = {
    "share-of-misreporters": share_of_misreporters,
    "short-sellers-by-institution": short_sellers_by_institution,
    "careless-traders-by-institution": careless_traders_by_institution,
    "severance-in-example-2": severance_in_example_2,
    "which-carelessness-matters": which_carelessness_matters,
}


def with_changes(sweep: Run, share: str, behaviour: str) -> pd.DataFrame:
    """Return the table of runs with what a round changes for traders who behave so, and for the others.

    Changes are mean differences in utility from the same trader in the same round of the same institution when
    nobody behaves so: columns ``change_of_them`` and ``change_of_others``.
    """
    players = results.with_parameters(sweep, "players")
    key = [name for name in ("seed", "round", "player", *sweep.parameters) if name != share]
    quiet = players.loc[players[share] == 0.0, [*key, "utility"]]
    paired = players.merge(quiet, on=key, suffixes=("", "_when_none_does"))
    paired["change"] = paired["utility"] - paired["utility_when_none_does"]
    runs, theirs = results.with_benchmarks(sweep).set_index("run"), paired["behaviour"] == behaviour
    runs["change_of_them"] = paired[theirs].groupby("run")["change"].mean()
    runs["change_of_others"] = paired[~theirs].groupby("run")["change"].mean()
    return runs


def _intervals(frame: pd.DataFrame, digits: int = 1) -> list[str]:
    return [_between(row["mean"], row["low"], row["high"], digits) for row in frame.to_dict("records")]


def _interval(frame: pd.DataFrame, row: object, column: str) -> str:
    """Return a row's interval; a dash where there is no such row, because it is what others are compared with."""
    if row not in frame.index:
        return "–"
    middle, low, high = frame.loc[[row], [column, "low", "high"]].to_numpy(float)[0].tolist()
    return _between(middle, low, high, 1)


def _between(mean: float, low: float, high: float, digits: int) -> str:
    if isnan(mean):
        return "–"
    shown = [f"{value:,.{digits}f}".replace("-", "−") for value in (mean, low, high)]
    zero = f"−{0:.{digits}f}"
    mean_shown, low_shown, high_shown = (text.removeprefix("−") if text == zero else text for text in shown)
    return mean_shown if low_shown == high_shown else f"{mean_shown} [{low_shown}, {high_shown}]"


def _means(frame: pd.DataFrame) -> list[str]:
    return [f"{mean:.1f}" for mean in frame["mean"]]


def markdown(frame: pd.DataFrame, texts: int) -> str:
    """Return a table in Markdown.

    Args:
        frame: texts.
        texts: how many columns at the left are set to the left; the others are to the right.
    """
    rules = [":--" if place < texts else "--:" for place in range(frame.shape[1])]
    rows: Iterable[Sequence[str]] = [list(frame.columns), rules, *frame.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def table_of(name: str, folder: Path) -> str:
    """Return the table of a published sweep in Markdown, from the folder in which it was run."""
    frame = TABLES[name](results.load(folder))
    # Columns of words stand at the left.
    words = [place for place, column in enumerate(frame) if not frame[column].str.contains(NUMERAL).any()]
    return markdown(frame, 1 + max(words, default=-1))


def put_in_page(text: str, name: str, table: str) -> str:
    """Return a page with another table between the two comments that bear its name.

    Raises:
        ValueError: the page has no such comments.
    """
    pattern = re.compile(rf"(<!-- table {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"the page has no place for the table {name!r}")
    return pattern.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text)


def main(arguments: Sequence[str]) -> int:
    """Run the named sweeps, or all of them, print or publish their tables, and return the exit code."""
    names = [argument for argument in arguments if argument != "--print"] or list(TABLES)
    for name in names:
        if name not in TABLES:
            return _refused(f"there is no published sweep {name!r}; there are {', '.join(TABLES)}")
        folder = DEFAULT_RUNS / name
        try:
            run_sweep(load_sweep(SWEEPS / f"{name}.toml"), folder)
        except InputError as error:
            return _refused(*error.problems)
        table = table_of(name, folder)
        if "--print" in arguments:
            sys.stdout.write(f"{table}\n")
        else:
            replace_file(PAGE, put_in_page(PAGE.read_text(encoding="utf-8"), name, table))
    return ExitCode.DONE


def _refused(*problems: str) -> ExitCode:
    sys.stderr.writelines(f"error: {problem}\n" for problem in problems)
    return ExitCode.BAD_INPUT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Carbon permit markets built from published marginal abatement curves.

``python -m marketgame.experiments.studies.carbon`` writes the carbon economies anew from
``experiments/data/kyoto_mac.toml``.

Source:
    Ellerman and Decaux (1998), MIT Joint Program on the Science and Policy of Global Change, Report 40: curves
    P = a Q² + b Q and the headline figures the tests compare with.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marketgame.experiments import HOME
from marketgame.experiments.files.output_folder import replace_file

CURVES = HOME / "data" / "kyoto_mac.toml"
ECONOMIES = HOME / "economies"

# More than any region pays for permits in any of these markets, so that nobody runs out of money.
MONEY = 100_000.0
# More than any uncapped region abates at the world price of 24 dollars (China, 440 at most).
UNCAPPED_REFERENCE = 1000.0
# The private factor by which a region's whole marginal cost curve lies below or above the published one.
COST_FACTORS = {"low": 0.8, "high": 1.2}

SOURCE = (
    "A. D. Ellerman and A. Decaux (1998), Analysis of Post-Kyoto CO2 Emissions Trading Using Marginal Abatement "
    "Curves, MIT Joint Program on the Science and Policy of Global Change, Report 40"
)
# What the report says about each market: the permit price, dollars per tonne, and the cost of abatement with trade and
# without, million dollars; it rounds to two or three digits.
HEADLINES: dict[str, Mapping[str, tuple[float, str]]] = {
    "annex-b": {
        "profiles[0].price.permit": (127.0, "permits cost 127 dollars a tonne"),
        "value_of_goods": (-54_000.0, "abatement costs 54 billion dollars with trade"),
        "autarky_value_of_goods": (-120_000.0, "and 120 billion without"),
    },
    "oecd": {"profiles[0].price.permit": (240.0, "permits cost 240 dollars a tonne")},
    "world": {"profiles[0].price.permit": (24.0, "permits cost 24 dollars a tonne")},
}
PUBLISHED_TO = 0.01
PREAMBLE = """\
# Written by `python -m marketgame.experiments.studies.carbon` from experiments/data/kyoto_mac.toml.
# Change those, not this file.
# Holding q permits, a region abates the rest m of its reference emissions at marginal cost a m² + b m.
# A permit lets emit one tonne of carbon. 1985 US dollars per tonne = million dollars per million tonnes.
# The money is enough that no region runs out; utility is linear in money, so its amount changes neither the
# price nor anybody's cost.
"""


@dataclass(frozen=True)
class CarbonRegion:
    """A region of the source with its marginal abatement cost curve.

    Attributes:
        name: the source's abbreviation.
        a: of marginal cost a m² + b m, dollars per tonne per (million tonnes) squared.
        b: likewise, dollars per tonne per million tonnes.
        reference: emissions without abatement, million tonnes of carbon.
        permits: what the region may emit without buying, million tonnes of carbon.
    """

    name: str
    a: float
    b: float
    reference: float
    permits: float


def published_regions(member: str = "") -> tuple[CarbonRegion, ...]:
    """Return the regions of the source.

    Args:
        member: ``"annex_b"`` or ``"oecd"`` for the regions of that group alone; empty for all twelve.
    """
    table: Mapping[str, Mapping[str, Any]] = tomllib.loads(CURVES.read_text(encoding="utf-8"))["regions"]
    return tuple(_region(name, row) for name, row in table.items() if not member or row[member])


def _region(name: str, row: Mapping[str, Any]) -> CarbonRegion:
    reference = float(row.get("reference", UNCAPPED_REFERENCE))
    return CarbonRegion(name, float(row["a"]), float(row["b"]), reference, float(row.get("cap", reference)))


def carbon_economies() -> dict[str, str]:
    """Return the text of every carbon economy file, by its name."""
    annex_b = published_regions("annex_b")
    uncapped = (
        "# Regions without a cap hold permits for their whole reference emissions: only abatement below it\n"
        "# frees permits to sell. The source publishes no level of theirs; the level changes neither the price\n"
        f"# nor any cost as long as it exceeds what they abate, and {UNCAPPED_REFERENCE:g} does.\n"
    )
    private = (
        "# Each region alone knows whether its costs are low or high: its published curve times "
        f"{COST_FACTORS['low']:g} or {COST_FACTORS['high']:g}.\n"
    )
    return {
        "annex-b.toml": _text("carbon permits, Annex B", annex_b, _published_type) + _published("annex-b"),
        "annex-b-private-costs.toml": _text("carbon permits, Annex B, private costs", annex_b, _private_types, private),
        "oecd.toml": _text("carbon permits, OECD", published_regions("oecd"), _published_type) + _published("oecd"),
        "world.toml": _text("carbon permits, world", published_regions(), _published_type, uncapped)
        + _published("world"),
    }


def _text(name: str, regions: Iterable[CarbonRegion], types: Callable[[CarbonRegion], str], remark: str = "") -> str:
    players = [f'\n[[players]]\nname = "{region.name}"\n{types(region)}' for region in regions]
    head = (
        f'kind   = "market-economy"\nname   = "{name}"\nsource = "{SOURCE}"\n'
        'goods  = ["permit", "money"]\nunits  = ["million tonnes of carbon", "million 1985 US dollars"]\n'
    )
    return PREAMBLE + remark + "\n" + head + "".join(players)


def _published(market: str) -> str:
    """Return what the report says about a market, as it can be checked."""
    return "".join(
        f'\n[[published]]\ncommand   = "solve"\nkey       = "{key}"\nvalue     = {value}\nwithin    = {PUBLISHED_TO}\n'
        f'statement = "{statement}"\n'
        for key, (value, statement) in HEADLINES[market].items()
    )


def _published_type(region: CarbonRegion) -> str:
    return _type(region, "published", 1.0)


def _private_types(region: CarbonRegion) -> str:
    chance = f"probability = {1 / len(COST_FACTORS):g}\n"
    return "\n".join(_type(region, name, factor, chance) for name, factor in COST_FACTORS.items())


def _type(region: CarbonRegion, name: str, factor: float, chance: str = "") -> str:
    a, b = (float(f"{coefficient * factor:.12g}") for coefficient in (region.a, region.b))
    return (
        f"[players.types.{name}]\n{chance}endowment = [{region.permits}, {MONEY}]\n"
        f'valuation = {{ family = "abatement", a = [{a}], b = [{b}], reference = [{region.reference}] }}\n'
    )


def write_economies(folder: Path = ECONOMIES) -> None:
    """Write every carbon economy file into a folder."""
    for name, text in carbon_economies().items():
        replace_file(folder / name, text)


if __name__ == "__main__":
    write_economies()

"""Every table a run writes: columns, types, units and meanings, here and nowhere else.

All tables are tidy: one row for one thing, keys in columns. ``run`` is 0 for a single run; a sweep numbers its
runs. Nothing in them depends on the clock or the machine, so the same scenario and seed give the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from marketgame.simulation.recording.table_schema import (
    COUNT,
    FLAG,
    GOOD,
    KEY,
    NAME,
    NUMBER,
    NUMERAIRE,
    PRICE,
    REAL,
    TEXT,
    WHOLE,
    Column,
    TableSchema,
)

__all__ = [
    "ACTIONS",
    "BENCHMARKS",
    "CONSTRAINTS",
    "EVENTS",
    "HOLDINGS",
    "INVITATIONS",
    "KEY",
    "MEDIATORS",
    "NAME",
    "NUMBER",
    "PLAYERS",
    "ROUNDS",
    "RUNS",
    "SIDE_CONTRACTS",
    "TABLES",
    "TEXT",
    "TRADES",
    "WHOLE",
    "Column",
    "TableSchema",
]

_RUN = Column("run", WHOLE, NUMBER, "which run; 0 when there is one")
_ROUND = Column("round", WHOLE, NUMBER, "which round, counted from 0")
_PLAYER = Column("player", KEY, NAME, "whose row this is")
_GOOD = Column("good", KEY, NAME, "which good; the numeraire is the last of the economy")
_COALITION = Column("coalition", KEY, NAME, "the members' names, joined with +")

_GAINS = (
    "sum of utilities above that of the endowments, to the digits of what is traded, however much is owned; above an "
    "equal share of everything for types whose endowment is worth minus infinity; in a coalitional game above what "
    "players get alone, less the money that mediators paid to them and with what mediators took"
)

RUNS = TableSchema(
    "runs",
    "one run",
    (
        _RUN,
        Column("scenario", KEY, NAME, "which scenario was run"),
        Column("economy", KEY, NAME, "which economy was traded in, or which coalitional game was played"),
        Column("seed", WHOLE, NUMBER, "seed of all random streams"),
        Column("rounds", WHOLE, COUNT, "rounds played"),
        Column("players", WHOLE, COUNT, "traders in the economy"),
        Column("mean_welfare", REAL, NUMERAIRE, "mean over rounds of the sum of utilities", nullable=True),
        Column(
            "mean_first_best_welfare",
            REAL,
            NUMERAIRE,
            "the same at the efficient allocation of the types drawn",
            nullable=True,
        ),
        Column(
            "mean_autarky_welfare",
            REAL,
            NUMERAIRE,
            "the same if everyone had consumed its endowment",
            nullable=True,
        ),
        Column("mean_gains", REAL, NUMERAIRE, f"mean over rounds: {_GAINS}", nullable=True),
        Column("mean_first_best_gains", REAL, NUMERAIRE, "the same at the efficient allocation", nullable=True),
        Column("bankruptcies", WHOLE, COUNT, "bankruptcies of any player in any round"),
        Column("misreports", WHOLE, COUNT, "reports of another type than the true one"),
    ),
)

ROUNDS = TableSchema(
    "rounds",
    "one round",
    (
        _RUN,
        _ROUND,
        Column("profile", WHOLE, NUMBER, "true type profile, the last player's type changing fastest"),
        Column("welfare", REAL, NUMERAIRE, "sum of utilities after settlement"),
        Column("first_best_welfare", REAL, NUMERAIRE, "largest sum of utilities for these types"),
        Column("autarky_welfare", REAL, NUMERAIRE, "sum of utilities of the endowments"),
        Column("gains", REAL, NUMERAIRE, _GAINS),
        Column("first_best_gains", REAL, NUMERAIRE, "the same of the largest sum; 0 where nothing is at stake"),
        Column("bankruptcies", WHOLE, COUNT, "bankrupt players"),
        Column("misreports", WHOLE, COUNT, "players who reported another type than theirs"),
        Column(
            "volume",
            REAL,
            NUMERAIRE,
            "value at the supporting price of everything that changed hands, numeraire included",
        ),
        Column(
            "price_dispersion",
            REAL,
            "share of the supporting price",
            "largest distance of a quote from the interval of supporting prices, over positively priced goods",
        ),
        Column(
            "wasted",
            REAL,
            NUMERAIRE,
            "value at the supporting price of the endowments that nobody consumed",
        ),
    ),
)

PLAYERS = TableSchema(
    "players",
    "one player in one round",
    (
        _RUN,
        _ROUND,
        _PLAYER,
        Column("type", KEY, NAME, "true type"),
        Column("reported_type", KEY, NAME, "type reported to the mediator"),
        Column("behaviour", KEY, NAME, "how the player behaved"),
        Column(
            "transfer",
            REAL,
            NUMERAIRE,
            "purchasing power granted by the contract, with what fellow members of a coalition add, positive to the "
            "player; in a coalitional game, money paid",
        ),
        Column("cost", REAL, NUMERAIRE, "cost of the player's trades; of cancelled trades, the cost it failed with"),
        Column("bankrupt", FLAG, "true or false", "whether the player was bankrupt"),
        Column("reason", KEY, NAME, "why: solvent, budget or short-sale"),
        Column("utility", REAL, NUMERAIRE, "utility of what the player consumed, severance and side-payment included"),
        Column("promised_utility", REAL, NUMERAIRE, "utility of what the contract promised at the reports made"),
        Column(
            "wealth",
            REAL,
            NUMERAIRE,
            "value at the supporting price of what the player consumed, severance and side-payment included; in a "
            "coalitional game, its utility",
        ),
        Column("mediator", KEY, NAME, "with whom the player stayed or left: established, or a blocking mediator"),
        Column("severance", REAL, NUMERAIRE, "paid by the established mediator to a player who left"),
        Column("side_payment", REAL, NUMERAIRE, "paid by blocking mediators, negative if the player paid"),
    ),
)

HOLDINGS = TableSchema(
    "holdings",
    "one good of one player in one round",
    (
        _RUN,
        _ROUND,
        _PLAYER,
        _GOOD,
        Column("endowment", REAL, GOOD, "true endowment"),
        Column("announced", REAL, GOOD, "endowment announced, as accepted by the market"),
        Column("quote", REAL, PRICE, "price the player quoted"),
        Column("supporting_price", REAL, PRICE, "price that supports the efficient allocation of the true types"),
        Column("lowest_supporting_price", REAL, PRICE, "lower end of the supporting prices"),
        Column(
            "net_trade",
            REAL,
            GOOD,
            "what the trades that stand added, or would have added to a bankrupt player's announcement",
        ),
        Column("claim", REAL, GOOD, "holding after trade, before claims are fitted to what there is"),
        Column("allocation", REAL, GOOD, "holding after claims are fitted to what there is"),
        Column("consumption", REAL, GOOD, "what the player consumed, without what mediators paid"),
    ),
)

TRADES = TableSchema(
    "trades",
    "one good that one player received from another in one round, cancelled trades left out",
    (
        _RUN,
        _ROUND,
        Column("player", KEY, NAME, "who received the good"),
        Column("counterparty", KEY, NAME, "who delivered it"),
        _GOOD,
        Column("quantity", REAL, GOOD, "how much, as ordered; positive"),
        Column("charged_to_player", REAL, NUMERAIRE, "what the trade added to the receiver's cost"),
        Column("charged_to_counterparty", REAL, NUMERAIRE, "what it added to the deliverer's cost, as a rule negative"),
        Column("value", REAL, NUMERAIRE, "quantity at the supporting price"),
    ),
)

EVENTS = TableSchema(
    "events",
    "one thing out of the ordinary in one round",
    (
        _RUN,
        _ROUND,
        Column(
            "kind",
            KEY,
            NAME,
            "bankruptcy, projection-bound, announcement-raised, blocking-offer, severance-paid, side-contract-offered "
            "or side-contract",
        ),
        Column(
            "player",
            KEY,
            NAME,
            "whom it befell, or who refused a side-contract or broke it; missing when it concerns all",
            nullable=True,
        ),
        Column("good", KEY, NAME, "in which good; missing when it concerns none in particular", nullable=True),
        Column(
            "reason",
            KEY,
            NAME,
            "why: of bankruptcies budget or short-sale; of blocking offers what became of them (left, refused, "
            "other-types when somebody reported another type than was hoped for, too-late when somebody had left); "
            "of side-contracts likewise (none-found, too-late, refused, void when reports cannot all be true or "
            "somebody owns too little to do what it is told, accepted, broken)",
            nullable=True,
        ),
        Column(
            "amount",
            REAL,
            "numeraire, or unit of the good",
            "bankruptcy: cost above the transfer, or units short before any trade was cancelled; "
            "projection-bound: units by which claims were changed in all; announcement-raised: units added; "
            "blocking-offer: what the mediator earned by it; severance-paid: how much; side-contract-offered: what "
            "the members asked expected to gain in sum; side-contract: what all members gained over what the grand "
            "contract promises, 0 if they played it",
        ),
    ),
)

BENCHMARKS = TableSchema(
    "benchmarks",
    "welfare of one benchmark at one type profile, or expected over the prior",
    (
        _RUN,
        Column(
            "benchmark",
            KEY,
            NAME,
            "first-best, autarky, walrasian, incentive-efficient, or incentive-efficient-individual, in which every "
            "type is willing to take part",
        ),
        Column(
            "profile",
            WHOLE,
            NUMBER,
            "type profile; -1 for the expectation over the prior, the only one for incentive-efficient benchmarks",
        ),
        Column("profile_types", TEXT, NAME, "the profile in words; empty for the expectation"),
        Column("probability", REAL, "probability", "of the profile; 1 for the expectation"),
        Column("welfare", REAL, NUMERAIRE, "sum of utilities; missing when not known", nullable=True),
        Column("gains", REAL, NUMERAIRE, f"{_GAINS}; missing when not known", nullable=True),
        Column(
            "upper_bound",
            REAL,
            NUMERAIRE,
            "proven bound on welfare, above it when the best mechanism could only be enclosed; missing when not known",
            nullable=True,
        ),
        Column("bound_on_gains", REAL, NUMERAIRE, "the same of the gains", nullable=True),
        Column("obstacle", TEXT, "phrase", "why welfare is not known; empty when it is"),
    ),
)

CONSTRAINTS = TableSchema(
    "constraints",
    "one incentive or participation constraint that costs welfare in an incentive-efficient benchmark",
    (
        _RUN,
        Column("benchmark", KEY, NAME, "incentive-efficient or incentive-efficient-individual"),
        Column("player", KEY, NAME, "whose constraint"),
        Column("type", KEY, NAME, "the type that is held to it"),
        Column("report", KEY, NAME, "the type it is tempted to report; missing if to stay out", nullable=True),
        Column(
            "multiplier",
            REAL,
            "numeraire per unit of the numeraire",
            "money in the mediator's budget that is worth as much as relaxing the constraint by one unit",
        ),
    ),
)

MEDIATORS = TableSchema(
    "mediators",
    "one mediator in one round",
    (
        _RUN,
        _ROUND,
        Column("mediator", KEY, NAME, "established, or the name of a blocking mediator"),
        Column("profit", REAL, NUMERAIRE, "what it earned: what players paid it less what it paid them"),
        Column("expected_profit", REAL, NUMERAIRE, "what its plan promised it per round, nobody lying or leaving it"),
        Column("severance", REAL, NUMERAIRE, "what it paid to players who left it"),
    ),
)

INVITATIONS = TableSchema(
    "invitations",
    "one player asked by a blocking mediator in one round",
    (
        _RUN,
        _ROUND,
        Column("mediator", KEY, NAME, "which blocking mediator"),
        _COALITION,
        Column("action", KEY, NAME, "what the coalition was to do"),
        _PLAYER,
        Column("wanted_type", KEY, NAME, "the type with which the coalition was to leave"),
        Column("type", KEY, NAME, "true type"),
        Column("reported_type", KEY, NAME, "type reported to the mediator; missing when it refused", nullable=True),
        Column(
            "expected_gain",
            REAL,
            NUMERAIRE,
            "what the player expected to gain by its answer, or would have gained by the truth if it refused",
        ),
        Column("payment", REAL, NUMERAIRE, "paid by the mediator, negative if the player paid"),
        Column("fate", KEY, NAME, "what became of the invitation: left, refused, other-types or too-late"),
    ),
)

ACTIONS = TableSchema(
    "actions",
    "one coalition that did something together in one round, outside the market",
    (
        _RUN,
        _ROUND,
        Column("mediator", KEY, NAME, "who led it: established for those who stayed, or a blocking mediator"),
        _COALITION,
        Column("action", KEY, NAME, "what it did"),
    ),
)

SIDE_CONTRACTS = TableSchema(
    "side_contracts",
    "one member of one coalition that an organiser tried to bring together in one round",
    (
        _RUN,
        _ROUND,
        Column("organiser", KEY, NAME, "which coalition organiser"),
        _COALITION,
        _PLAYER,
        Column("type", KEY, NAME, "true type"),
        Column("answer", KEY, NAME, "accepted, would-lose or unwilling when it refused, or not-asked"),
        Column(
            "truthful",
            FLAG,
            "true or false",
            "whether it told the side-device the truth; missing when it told it nothing",
            nullable=True,
        ),
        Column(
            "status_quo",
            REAL,
            NUMERAIRE,
            "utility it expected if nobody colluded; missing when not asked",
            nullable=True,
        ),
        Column(
            "expected_gain",
            REAL,
            NUMERAIRE,
            "what it expected to gain upon that by its answer, or would have gained by the truth if it refused; "
            "missing when not asked",
            nullable=True,
        ),
        Column(
            "realised_gain",
            REAL,
            NUMERAIRE,
            "utility in this round less what the grand contract promised at the reports made; missing when the "
            "coalition played the grand contract",
            nullable=True,
        ),
        Column("side_transfer", REAL, NUMERAIRE, "received from fellow members, negative if it paid"),
        Column("broke", FLAG, "true or false", "whether it was among those who broke the agreement"),
        Column(
            "fate",
            KEY,
            NAME,
            "what became of it: none-found, too-late, refused, void, accepted or broken",
        ),
    ),
)

TABLES: Mapping[str, TableSchema] = MappingProxyType(
    {
        table.name: table
        for table in (
            *(RUNS, ROUNDS, PLAYERS, HOLDINGS, TRADES, EVENTS, BENCHMARKS, CONSTRAINTS),
            *(MEDIATORS, INVITATIONS, ACTIONS, SIDE_CONTRACTS),
        )
    }
)

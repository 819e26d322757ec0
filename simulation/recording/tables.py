"""Every table a run writes: columns, types, units, meanings and how they are worked out, here and nowhere else.

All tables are tidy: one row for one thing, keys in columns. ``run`` is 0 for a single run; a sweep numbers its
runs. Nothing in them depends on the clock or the machine, so the same scenario and seed give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from marketgame.agents.blocking.mediator import FATES
from marketgame.agents.coalitions.organiser import ANSWERS
from marketgame.agents.coalitions.organiser import FATES as SIDE_FATES
from marketgame.agents.coalitions.organiser import STAGES as SIDE_STAGES
from marketgame.mechanisms.arrays import FloatArray, IntegerArray
from marketgame.mechanisms.market_game.rules import BankruptcyReason
from marketgame.simulation.recording.columns import (
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
    Value,
    keys,
)

if TYPE_CHECKING:
    from marketgame.simulation.recording.benchmarks import BenchmarkEntry, ConstraintEntry
    from marketgame.simulation.recording.coalitions import Formations, Invitations, Members
    from marketgame.simulation.recording.events import NamedEvents
    from marketgame.simulation.recording.game import GameMeasures
    from marketgame.simulation.recording.learning import RegretRows, Stances
    from marketgame.simulation.recording.market import CancelledTrades, Links, Trades, TradeTotals, Valuations
    from marketgame.simulation.recording.measures import Measures
    from marketgame.simulation.recording.recorder import WholeRun

    type Rounds = Measures | GameMeasures

REASONS = tuple(reason.name.lower().replace("_", "-") for reason in BankruptcyReason)
EVENT_KINDS = (
    *("bankruptcy", "projection-bound", "announcement-raised", "blocking-offer", "severance-paid"),
    *("side-contract-offered", "side-contract"),
)
# Some fates of blocking offers and of side-contracts have one name.
EVENT_REASONS = tuple(dict.fromkeys((*REASONS, *FATES, *SIDE_FATES)))
# The code of what does not apply: no player, no good, no reason, nothing told.
NONE = -1


def _amount[S](name: str, meaning: str, value: Value[S] | None = None, *, nullable: bool = False) -> Column[S]:
    return Column(name, REAL, NUMERAIRE, meaning, value, nullable)


def _quantity[S](name: str, meaning: str, value: Value[S] | None = None) -> Column[S]:
    return Column(name, REAL, GOOD, meaning, value)


def _count[S](name: str, meaning: str, value: Value[S] | None = None) -> Column[S]:
    return Column(name, WHOLE, COUNT, meaning, value)


def _label[S](name: str, meaning: str, value: Value[S] | None = None, *, nullable: bool = False) -> Column[S]:
    return Column(name, KEY, NAME, meaning, value, nullable)


_RUN: Column[Any] = Column("run", WHOLE, NUMBER, "which run; 0 when there is one")
_ROUND: Column[Any] = Column("round", WHOLE, NUMBER, "which round, counted from 0")
_WHOSE = ("player", "whose row this is")
_PLAYER: Column[Any] = _label(*_WHOSE)
_COALITION = ("coalition", "the members' names, joined with +")
_GOOD: Column[Any] = _label("good", "which good; the numeraire is the last of the economy")


def _mean(column: str) -> Callable[[WholeRun], pa.Array]:
    return lambda whole: pa.array([pc.mean(whole.rounds[column]).as_py()], REAL)


def _total(column: str) -> Callable[[WholeRun], IntegerArray]:
    return lambda whole: np.array([pc.sum(whole.rounds[column]).as_py() or 0])


def _severance_by_mediator(rounds: Rounds) -> FloatArray:
    """Return what each mediator paid to those who left it; only the established one, the first, pays any."""
    paid = np.zeros(rounds.profits.shape)
    paid[:, 0] = rounds.severance.sum(axis=1)
    return paid


def _for_each_player(prices: FloatArray, measures: Measures) -> FloatArray:
    return np.broadcast_to(prices[:, None, :], measures.plays.play.quotes.shape)


def _known(values: Sequence[float | None]) -> pa.Array:
    """Return numbers; what is not a number is missing."""
    return pa.array(values, REAL, from_pandas=True)


_GAINS = (
    "sum of utilities above that of the endowments, to the digits of what is traded, however much is owned; above an "
    "equal share of everything for types whose endowment is worth minus infinity; in a coalitional game above what "
    "players get alone, less the money that mediators paid to them and with what mediators took"
)

RUNS: TableSchema[WholeRun] = TableSchema(
    "runs",
    "one run",
    (
        _RUN,
        _label("scenario", "which scenario was run", lambda whole: keys([0], [whole.scenario.name])),
        _label(
            "economy",
            "which economy was traded in, or which coalitional game was played",
            lambda whole: keys([0], [whole.scenario.setting_name]),
        ),
        Column("seed", WHOLE, NUMBER, "seed of all random streams", lambda whole: np.array([whole.scenario.seed])),
        _count("rounds", "rounds played", lambda whole: np.array([whole.rounds.num_rows])),
        _count("players", "traders in the economy", lambda whole: np.array([len(whole.scenario.players)])),
        _amount("mean_welfare", "mean over rounds of the sum of utilities", _mean("welfare"), nullable=True),
        _amount(
            "mean_first_best_welfare",
            "the same at the efficient allocation of the types drawn",
            _mean("first_best_welfare"),
            nullable=True,
        ),
        _amount(
            "mean_autarky_welfare",
            "the same if everyone had consumed its endowment",
            _mean("autarky_welfare"),
            nullable=True,
        ),
        _amount("mean_gains", f"mean over rounds: {_GAINS}", _mean("gains"), nullable=True),
        _amount(
            "mean_first_best_gains", "the same at the efficient allocation", _mean("first_best_gains"), nullable=True
        ),
        _count("bankruptcies", "bankruptcies of any player in any round", _total("bankruptcies")),
        _count("misreports", "reports of another type than the true one", _total("misreports")),
    ),
)

ROUNDS: TableSchema[Rounds] = TableSchema(
    "rounds",
    "one round",
    (
        _RUN,
        _ROUND,
        Column(
            "profile",
            WHOLE,
            NUMBER,
            "true type profile, the last player's type changing fastest",
            lambda rounds: rounds.profile_numbers,
        ),
        _amount("welfare", "sum of utilities after settlement", lambda rounds: rounds.utility.sum(axis=-1)),
        _amount("first_best_welfare", "largest sum of utilities for these types", lambda rounds: rounds.first_best),
        _amount("autarky_welfare", "sum of utilities of the endowments", lambda rounds: rounds.autarky),
        _amount("gains", _GAINS),
        _amount("first_best_gains", "the same of the largest sum; 0 where nothing is at stake"),
        _count("bankruptcies", "bankrupt players", lambda rounds: rounds.bankrupt.sum(axis=-1)),
        _count(
            "misreports",
            "players who reported another type than theirs",
            lambda rounds: (rounds.reports != rounds.profile).sum(axis=-1),
        ),
        _amount("volume", "value at the supporting price of everything that changed hands, numeraire included"),
        Column(
            "price_dispersion",
            REAL,
            "share of the supporting price",
            "largest distance of a quote from the interval of supporting prices, over positively priced goods",
        ),
        _amount("wasted", "value at the supporting price of the endowments that nobody consumed"),
    ),
)

PLAYERS: TableSchema[Rounds] = TableSchema(
    "players",
    "one player in one round",
    (
        _RUN,
        _ROUND,
        _PLAYER,
        _label("type", "true type", lambda rounds: rounds.labels.type_names(rounds.profile)),
        _label(
            "reported_type", "type reported to the mediator", lambda rounds: rounds.labels.type_names(rounds.reports)
        ),
        _label("behaviour", "how the player behaved", lambda rounds: rounds.labels.behaviour_names(rounds.profile)),
        _amount(
            "transfer",
            "purchasing power granted by the contract, with what fellow members of a coalition add, positive to the "
            "player; in a coalitional game, money paid",
            lambda rounds: rounds.transfers,
        ),
        _amount("cost", "cost of the player's trades; of cancelled trades, the cost it failed with"),
        Column("bankrupt", FLAG, "true or false", "whether the player was bankrupt"),
        _label("reason", "why: solvent, budget or short-sale", lambda rounds: keys(rounds.reason, REASONS)),
        Column(
            "wave",
            WHOLE,
            NUMBER,
            "in which test of the settlement the player failed: 1 in the first, in later ones because trades of the "
            "bankrupt were cancelled; 0 if solvent",
        ),
        _amount("utility", "utility of what the player consumed, severance and side-payments included"),
        _amount("promised_utility", "utility of what the contract promised at the reports made"),
        _amount(
            "wealth",
            "value at the supporting price of what the player consumed, severance and side-payments included; in a "
            "coalitional game, its utility",
        ),
        _label(
            "mediator",
            "with whom the player stayed or left: established, or a blocking mediator",
            lambda rounds: keys(1 + rounds.followed, rounds.labels.mediators),
        ),
        _amount("severance", "paid by the established mediator to a player who left"),
        _amount(
            "side_payment",
            "paid by blocking mediators, negative if the player paid",
            lambda rounds: rounds.side_payments,
        ),
    ),
)

HOLDINGS: TableSchema[Measures] = TableSchema(
    "holdings",
    "one good of one player in one round",
    (
        _RUN,
        _ROUND,
        _PLAYER,
        _GOOD,
        _quantity("endowment", "true endowment", lambda measures: measures.endowments),
        _quantity(
            "deposited",
            "endowment of the reported type, deposited where recommended flows may not be refused; else 0",
        ),
        _quantity(
            "delivered",
            "what recommended flows executed out of deposits added before the market opened; else 0",
            lambda measures: measures.plays.delivered,
        ),
        _quantity(
            "announced",
            "what was announced to the market, as accepted: of the endowment, and of what was delivered",
            lambda measures: measures.plays.play.announced_endowments,
        ),
        Column("quote", REAL, PRICE, "price the player quoted", lambda measures: measures.plays.play.quotes),
        Column(
            "supporting_price",
            REAL,
            PRICE,
            "price that supports the efficient allocation of the true types",
            lambda measures: _for_each_player(measures.price, measures),
        ),
        Column(
            "lowest_supporting_price",
            REAL,
            PRICE,
            "lower end of the supporting prices",
            lambda measures: _for_each_player(measures.lowest_price, measures),
        ),
        _quantity(
            "reservation",
            "what the efficient allocation of the true types gives; of the numeraire, the least for which the player "
            "would take that in exchange for its endowment",
        ),
        _quantity(
            "net_trade",
            "what the trades that stand added, or would have added to a bankrupt player's announcement",
            lambda measures: measures.plays.settlement.net_trade,
        ),
        _quantity(
            "claim",
            "holding after trade, before claims are fitted to what there is",
            lambda measures: measures.plays.settlement.claim,
        ),
        _quantity(
            "allocation",
            "holding after claims are fitted to what there is",
            lambda measures: measures.plays.settlement.allocation,
        ),
        _quantity(
            "consumption", "what the player consumed, without what mediators paid", lambda measures: measures.consumed
        ),
    ),
)

TRADES: TableSchema[Trades] = TableSchema(
    "trades",
    "one good that one player received from another in one round, cancelled trades left out; among more than 100 "
    "players the 1,000 of the largest value, unless the scenario says otherwise",
    (
        _RUN,
        _ROUND,
        _label("player", "who received the good", lambda trades: keys(trades.player, trades.labels.players)),
        _label("counterparty", "who delivered it", lambda trades: keys(trades.counterparty, trades.labels.players)),
        _label("good", _GOOD.meaning, lambda trades: keys(trades.good, trades.labels.goods)),
        _quantity(
            "quantity", "how much, as ordered, or delivered out of deposits, for which nobody is charged; positive"
        ),
        _amount("charged_to_player", "what the trade added to the receiver's cost"),
        _amount("charged_to_counterparty", "what it added to the deliverer's cost, as a rule negative"),
        _amount("value", "quantity at the supporting price"),
    ),
)

CANCELLED_TRADES: TableSchema[CancelledTrades] = TableSchema(
    "cancelled_trades",
    "one good that one player was to receive from another in one round, and did not because one of them was bankrupt; "
    "as many are listed as trades that stand",
    (
        _RUN,
        _ROUND,
        _label("player", "who was to receive it", lambda trades: keys(trades.player, trades.labels.players)),
        _label(
            "counterparty", "who was to deliver it", lambda trades: keys(trades.counterparty, trades.labels.players)
        ),
        _label("good", _GOOD.meaning, lambda trades: keys(trades.good, trades.labels.goods)),
        _quantity("quantity", "how much, as ordered; positive"),
        _amount("charged_to_player", "what the trade would have added to the receiver's cost"),
        _amount("charged_to_counterparty", "what it would have added to the deliverer's cost, as a rule negative"),
        _amount("value", "quantity at the supporting price"),
        Column("wave", WHOLE, NUMBER, "in which test of the settlement the first of the two failed, from 1"),
    ),
)

TRADE_TOTALS: TableSchema[TradeTotals] = TableSchema(
    "trade_totals",
    "what all trades in one good in one round amount to, those that the table of trades does not list included",
    (
        _RUN,
        _ROUND,
        _GOOD,
        _count("trades", "how many pairs of players traded"),
        _quantity("quantity", "how much changed hands, as ordered"),
        _amount("charged_to_players", "what the trades added to the receivers' costs"),
        _amount("charged_to_counterparties", "what they added to the deliverers' costs, as a rule negative"),
        _amount("value", "quantity at the supporting price"),
    ),
)

EVENTS: TableSchema[NamedEvents] = TableSchema(
    "events",
    "one thing out of the ordinary in one round",
    (
        _RUN,
        _ROUND,
        _label(
            "kind",
            "bankruptcy, projection-bound, announcement-raised, blocking-offer, severance-paid, side-contract-offered "
            "or side-contract",
            lambda events: keys(events.kind, EVENT_KINDS),
        ),
        _label(
            "player",
            "whom it befell, or who refused a side-contract or broke it; missing when it concerns all",
            lambda events: keys(events.player, events.labels.players, events.player == NONE),
            nullable=True,
        ),
        _label(
            "good",
            "in which good; missing when it concerns none in particular",
            lambda events: keys(events.good, events.labels.goods, events.good == NONE),
            nullable=True,
        ),
        _label(
            "reason",
            "why: of bankruptcies budget or short-sale; of blocking offers what became of them (left, refused, "
            "other-types when somebody reported another type than was hoped for, too-late when somebody had left); "
            "of side-contracts likewise (none-found, too-late, refused, void when reports cannot all be true or "
            "somebody owns too little to do what it is told, accepted, broken)",
            lambda events: keys(events.reason, EVENT_REASONS, events.reason == NONE),
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

BENCHMARKS: TableSchema[Sequence[BenchmarkEntry]] = TableSchema(
    "benchmarks",
    "welfare of one benchmark at one type profile, or expected over the prior",
    (
        _RUN,
        _label(
            "benchmark",
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
        _amount("welfare", "sum of utilities; missing when not known", nullable=True),
        _amount("gains", f"{_GAINS}; missing when not known", nullable=True),
        _amount(
            "upper_bound",
            "proven bound on welfare, above it when the best mechanism could only be enclosed; missing when not known",
            nullable=True,
        ),
        _amount("bound_on_gains", "the same of the gains", nullable=True),
        Column("obstacle", TEXT, "phrase", "why welfare is not known; empty when it is"),
        _amount(
            "standard_error",
            "of the gains where profiles are drawn, too many to list; 0 where all count; missing when not known",
            nullable=True,
        ),
    ),
)

CONSTRAINTS: TableSchema[Sequence[ConstraintEntry]] = TableSchema(
    "constraints",
    "one incentive or participation constraint that costs welfare in an incentive-efficient benchmark",
    (
        _RUN,
        _label("benchmark", "incentive-efficient or incentive-efficient-individual"),
        _label("player", "whose constraint"),
        _label("type", "the type that is held to it"),
        _label("report", "the type it is tempted to report; missing if to stay out", nullable=True),
        Column(
            "multiplier",
            REAL,
            "numeraire per unit of the numeraire",
            "money in the mediator's budget that is worth as much as relaxing the constraint by one unit",
        ),
    ),
)

MEDIATORS: TableSchema[Rounds] = TableSchema(
    "mediators",
    "one mediator in one round",
    (
        _RUN,
        _ROUND,
        _label("mediator", "established, or the name of a blocking mediator"),
        _amount("profit", "what it earned: what players paid it less what it paid them", lambda rounds: rounds.profits),
        _amount(
            "expected_profit",
            "what its plan promised it per round, nobody lying or leaving it",
            lambda rounds: rounds.expected_profits,
        ),
        _amount("severance", "what it paid to players who left it", _severance_by_mediator),
    ),
)

INVITATIONS: TableSchema[Invitations] = TableSchema(
    "invitations",
    "one player asked by a blocking mediator in one round",
    (
        _RUN,
        _ROUND,
        _label(
            "mediator",
            "which blocking mediator",
            lambda asked: keys([1 + each.approach.mediator for each in asked.rows], asked.labels.mediators),
        ),
        _label(*_COALITION, lambda asked: keys([each.coalition for each in asked.rows], asked.labels.coalitions)),
        _label(
            "action",
            "what the coalition was to do",
            lambda asked: keys([each.action for each in asked.rows], asked.labels.actions),
        ),
        _label(*_WHOSE, lambda asked: keys([each.player for each in asked.rows], asked.labels.players)),
        _label(
            "wanted_type",
            "the type with which the coalition was to leave",
            lambda asked: keys([each.wanted for each in asked.rows], asked.labels.types),
        ),
        _label("type", "true type", lambda asked: keys([each.truth for each in asked.rows], asked.labels.types)),
        _label(
            "reported_type",
            "type reported to the mediator; missing when it refused",
            lambda asked: keys(
                [each.told for each in asked.rows], asked.labels.types, [each.told == NONE for each in asked.rows]
            ),
            nullable=True,
        ),
        _amount(
            "expected_gain",
            "what the player expected to gain by its answer, or would have gained by the truth if it refused",
            lambda asked: np.array([each.approach.gains[each.place] for each in asked.rows], np.float64),
        ),
        _amount(
            "payment",
            "paid by the mediator, negative if the player paid",
            lambda asked: np.array([each.approach.payments[each.player] for each in asked.rows], np.float64),
        ),
        _label(
            "fate",
            "what became of the invitation: left, refused, other-types or too-late",
            lambda asked: keys([FATES.index(each.approach.fate) for each in asked.rows], FATES),
        ),
    ),
)

ACTIONS: TableSchema[Formations] = TableSchema(
    "actions",
    "one coalition that did something together in one round, outside the market",
    (
        _RUN,
        _ROUND,
        _label(
            "mediator",
            "who led it: established for those who stayed, or a blocking mediator",
            lambda formed: keys([1 + each.mediator for each in formed.rows], formed.labels.mediators),
        ),
        _label(
            *_COALITION,
            lambda formed: keys(
                [formed.labels.coalition(each.coalition) for each in formed.rows], formed.labels.coalitions
            ),
        ),
        _label(
            "action",
            "what it did",
            lambda formed: keys(
                [formed.labels.action(each.coalition, each.action) for each in formed.rows], formed.labels.actions
            ),
        ),
    ),
)

SIDE_CONTRACTS: TableSchema[Members] = TableSchema(
    "side_contracts",
    "one member of one coalition that an organiser tried to bring together in one round",
    (
        _RUN,
        _ROUND,
        _label(
            "organiser",
            "which coalition organiser",
            lambda members: keys([each.tried.organiser for each in members.rows], members.labels.organisers),
        ),
        _label(
            "stage",
            "what was to be agreed upon: reports, before anybody reports, or orders, after the recommendations",
            lambda members: keys([SIDE_STAGES.index(each.tried.stage) for each in members.rows], SIDE_STAGES),
        ),
        _label(
            *_COALITION,
            lambda members: keys(
                [members.labels.approached_code(each.tried.coalition) for each in members.rows],
                members.labels.approached,
            ),
        ),
        _label(*_WHOSE, lambda members: keys([each.player for each in members.rows], members.labels.players)),
        _label("type", "true type", lambda members: keys([each.type for each in members.rows], members.labels.types)),
        _label(
            "answer",
            "accepted, would-lose or unwilling when it refused, or not-asked",
            lambda members: keys([ANSWERS.index(each.answer) for each in members.rows], ANSWERS),
        ),
        Column(
            "truthful",
            FLAG,
            "true or false",
            "whether it told the side-device the truth; missing when it told it nothing",
            lambda members: pa.array([each.truthful for each in members.rows], FLAG),
            nullable=True,
        ),
        _label(
            "told_type",
            "the type that it was told to report; missing when it was told nothing",
            lambda members: keys(
                [each.told for each in members.rows], members.labels.types, [each.told == NONE for each in members.rows]
            ),
            nullable=True,
        ),
        _label(
            "reported_type",
            "the type that it then reported to the established mediator; missing when it was told nothing",
            lambda members: keys(
                [each.reported for each in members.rows],
                members.labels.types,
                [each.reported == NONE for each in members.rows],
            ),
            nullable=True,
        ),
        _amount(
            "status_quo",
            "utility it expected if nobody colluded; missing when not asked",
            lambda members: _known([None if each.reply is None else each.reply.status_quo for each in members.rows]),
            nullable=True,
        ),
        _amount(
            "expected_gain",
            "what it expected to gain upon that by its answer, or would have gained by the truth if it refused; "
            "missing when not asked",
            lambda members: _known([None if each.reply is None else each.reply.gain for each in members.rows]),
            nullable=True,
        ),
        _amount(
            "realised_gain",
            "utility in this round less what the grand contract promised at the reports made or, of members who "
            "agreed on these, at the true types; missing when the coalition played the grand contract",
            lambda members: _known([each.realised for each in members.rows]),
            nullable=True,
        ),
        _amount(
            "promise",
            "what the members together gain by the agreement on reports that was proposed, as worked out over all "
            "types; missing when none was",
            lambda members: _known([each.tried.promise for each in members.rows]),
            nullable=True,
        ),
        _amount(
            "promise_error",
            "standard error of the promise, where outsiders' types were drawn for it; 0 where they are listed, missing "
            "when there is none",
            lambda members: _known([each.tried.promise_error for each in members.rows]),
            nullable=True,
        ),
        _amount(
            "side_transfer",
            "received from fellow members, negative if it paid: of purchasing power or, for reports, of money",
            lambda members: np.array([each.side_transfer for each in members.rows], np.float64),
        ),
        Column(
            *("broke", FLAG, "true or false", "whether it was among those who broke the agreement"),
            lambda members: np.array([each.broke for each in members.rows], np.bool_),
        ),
        _label(
            "fate",
            "what became of it: none-found, too-late, refused, void, accepted or broken",
            lambda members: keys([SIDE_FATES.index(each.tried.fate) for each in members.rows], SIDE_FATES),
        ),
    ),
)


def _stance[S](name: str, meaning: str, names: Callable[[S], list[str | None]], *, nullable: bool = False) -> Column[S]:
    # Learners may act by behaviours that no scenario names, so that there are no codes for them.
    return Column(name, TEXT, NAME, meaning, lambda source: pa.array(names(source), TEXT), nullable)


STANCES: TableSchema[Stances] = TableSchema(
    "stances",
    "one player in one round of a market, if it learns",
    (
        _RUN,
        _ROUND,
        _label(*_WHOSE, lambda taken: keys([each.player for each in taken.rows], taken.labels.players)),
        _label(
            "type",
            "true type",
            lambda taken: keys(
                [taken.labels.type(each.player, each.type_number) for each in taken.rows], taken.labels.types
            ),
        ),
        _stance("stance", "the behaviour it acted by", lambda taken: [each.stance for each in taken.rows]),
        _amount(
            "gain",
            "utility above that of its endowment, to the digits of what is traded",
            lambda taken: _known([each.gain for each in taken.rows]),
        ),
        _stance(
            "best_stance",
            "of its menu the stance that would have gained most, others acting as they did; missing if not worked out",
            lambda taken: [
                None if each.hindsight is None else each.menu[each.hindsight.argmax()] for each in taken.rows
            ],
            nullable=True,
        ),
        _amount(
            "best_gain",
            "what that stance would have gained",
            lambda taken: _known([None if each.hindsight is None else each.hindsight.max() for each in taken.rows]),
            nullable=True,
        ),
    ),
)

REGRETS: TableSchema[RegretRows] = TableSchema(
    "regrets",
    "one stance of one type of a player that learns, over all rounds in which it was of the type and free to act",
    (
        _RUN,
        _label(*_WHOSE, lambda regrets: keys([each.player for each in regrets.rows], regrets.labels.players)),
        _label("type", "true type", lambda regrets: keys([each.type for each in regrets.rows], regrets.labels.types)),
        _stance("stance", "a behaviour of its menu", lambda regrets: [each.stance for each in regrets.rows]),
        _count("rounds", "rounds counted", lambda regrets: np.array([each.rounds for each in regrets.rows], np.int64)),
        _amount("gained", "what it gained in them", lambda regrets: _known([each.gained for each in regrets.rows])),
        _amount(
            "forgone",
            "what always taking the stance would have gained, others acting as they did",
            lambda regrets: _known([each.forgone for each in regrets.rows]),
        ),
        _amount(
            "regret",
            "what the stance would have gained more, mean over these rounds",
            lambda regrets: _known([(each.forgone - each.gained) / each.rounds for each in regrets.rows]),
        ),
    ),
)

LINKS: TableSchema[Links] = TableSchema(
    "links",
    "one link of the network of players, which is the same in all rounds",
    (
        _RUN,
        _label(
            "player",
            "one of the two who are linked, the first in the economy's order",
            lambda links: keys([first for first, _ in links.rows], links.labels.players),
        ),
        _label(
            "neighbour",
            "the other",
            lambda links: keys([second for _, second in links.rows], links.labels.players),
        ),
        _label(
            "limits",
            "what takes only those who are linked: collusion, imitation or trade, joined with +",
            lambda links: keys([0] * len(links.rows), [links.limits]),
        ),
    ),
)

VALUATIONS: TableSchema[Valuations] = TableSchema(
    "valuations",
    "what an amount of the good is worth to a type, where two trade one good besides the numeraire; the same in all "
    "rounds",
    (
        _RUN,
        _label(*_WHOSE, lambda valued: keys(valued.player, valued.labels.players)),
        _label("type", "true type", lambda valued: keys(valued.type_number, valued.labels.types)),
        _quantity("quantity", "how much of the good that is not the numeraire"),
        _amount("worth", "what its valuation gives for that, less than any number where a type cannot do without"),
    ),
)

TABLES: Mapping[str, TableSchema[Any]] = MappingProxyType(
    {
        table.name: table
        for table in (
            *(RUNS, ROUNDS, PLAYERS, HOLDINGS, TRADES, CANCELLED_TRADES, TRADE_TOTALS, EVENTS, BENCHMARKS),
            *(CONSTRAINTS, MEDIATORS, INVITATIONS, ACTIONS, SIDE_CONTRACTS, STANCES, REGRETS, LINKS, VALUATIONS),
        )
    }
)
# The tables whose rows belong to rounds; the others say something of a run as a whole.
ROWS_BY_ROUND = tuple(name for name, schema in TABLES.items() if _ROUND in schema.columns)

// The page: what is open, what is being played, and what is shown of it.

import { amount, ask, make, number, play, saveFile, session } from "./ask.js";
import { Form } from "./form.js";
import * as pictures from "./pictures.js";

const at = (id) => document.getElementById(id);
const SPEEDS = [1, 2, 5, 10, 20, 50, Infinity];
const DEFAULT = "example:scenario/annex-b-organised";
const CHUNK = 100, MOST_EVENTS = 300;
// While the fastest speed is asked for, as many rounds are played at once as take about so many milliseconds.
const PATIENCE = 120;

const page = { tables: null, path: "", scene: null, frames: [], first: 0, history: [], view: -1, playing: false, turn: 0,
  selected: null, good: null, from: 0, incentive: null, total: 0, batch: 1, asking: null, searched: false, begun: null };
let form, network;

// --- what is open -------------------------------------------------------------------------------------------------

async function open(source) {
  pause();
  // A change that was about to begin a run belongs to what was open before.
  clearTimeout(waiting);
  const turn = ++page.turn;
  say("opening…");
  await free();
  try {
    const { tables, path } = await play({ do: "open", source });
    if (turn !== page.turn) return;
    Object.assign(page, { tables, path, incentive: null, selected: null, good: null });
    history.replaceState(null, "", `#${encodeURIComponent(source)}`);
    await begin(true);
  } catch (error) {
    if (turn === page.turn && !(await replay(source, error))) refuse(error);
  }
}

// A name that is no scenario may be the folder of a run.
async function replay(folder, earlier) {
  if (folder.startsWith("example:") || folder.endsWith(".toml")) return false;
  try {
    const turn = page.turn, scene = await play({ do: "replay", folder });
    if (turn !== page.turn) return true;
    page.tables = null;
    show(scene);
    page.total = scene.rounds;
    form.home.replaceChildren(make("p", { class: "meaning" }, `A saved run, ${scene.saved}: nothing is simulated.`));
    await look(0);
    at("cards").dataset.run = ++page.turn;
    say(`replaying ${scene.name}: ${scene.rounds} rounds, seed ${scene.seed}; nothing is simulated`);
    return true;
  } catch (error) {
    if (/not a folder|no such file/.test(error.problems?.[0]?.message ?? "")) return false;
    if (error.problems && !/this is a folder/.test(earlier.problems?.[0]?.message ?? "")) return false;
    refuse(error);
    return true;
  }
}

// Begin a run of the scenario as it stands; what is wrong is said at its field, and what was played stays.
async function begin(whole) {
  const turn = ++page.turn, slow = setTimeout(() => { if (turn === page.turn) say("preparing the scenario…"); }, 800);
  let scene;
  try {
    scene = await ended(play({ do: "begin", tables: page.tables, path: page.path })).finally(() => clearTimeout(slow));
  } catch (error) {
    if (turn !== page.turn) return false;
    if (whole && error.problems) form.show(page.tables, page.scene);
    refuse(error);
    return false;
  }
  if (turn !== page.turn) return false;
  page.begun = { tables: structuredClone(page.tables), path: page.path };
  if (whole) form.show(page.tables, scene);
  else form.scene = scene;
  complain([]);
  show(scene);
  say(`${scene.name}: ${scene.players.length} traders, ${scene.goods.length ? `${scene.goods.length} goods` : "a coalitional game"}, seed ${scene.seed}`);
  const shown = await step(1);
  at("cards").dataset.run = turn;
  return shown;
}

function show(scene) {
  Object.assign(page, { scene, frames: [], first: 0, history: [], view: -1, total: 0 });
  if (page.selected !== null && page.selected >= scene.players.length) page.selected = null;
  const game = !scene.goods.length;
  if (!scene.goods.includes(page.good)) page.good = scene.goods[0];
  page.from = 0;
  turnTo(page.selected ?? 0);
  for (const id of ["quotes", "holdings", "bankruptcies"]) at(id).hidden = game;
  document.querySelector("[data-work=certify]").hidden = game;
  document.querySelector("[data-work=block]").hidden = !game;
  at("network").querySelector("h2").textContent = game ? "Coalitions" : "Trade network";
  at("welfare").querySelector("h2").textContent = game ? "Gains from acting together" : "Gains from trade";
  at("cards").classList.add("waiting");
  at("next-good").hidden = scene.goods.length < 3;
  at("events").querySelector("ol").replaceChildren();
  at("export-scenario").disabled = Boolean(scene.saved);
  for (const button of document.querySelectorAll("[data-work]")) button.disabled = Boolean(scene.saved);
}

let waiting;
function changed() {
  page.tables = form.tables;
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const was = page.playing, last = page.begun;
    pause();
    page.turn += 1;
    await free();
    page.incentive = null;
    if (await begin(false)) { if (was) start(); } else if (!page.begun && last) await back(last);
  }, 200);
}

// What was being searched has been ended for a change that is not right: begin what was right again.
async function back(last) {
  const turn = page.turn;
  try {
    const scene = await play({ do: "begin", ...last });
    if (turn !== page.turn) return;
    page.begun = last;
    show(scene);
    await more(1);
    if (turn === page.turn) advance(0);
  } catch (error) { refuse(error); }
}

function refuse(error) {
  if (error.stopped) { say("stopped"); return; }
  if (error instanceof TypeError && /fetch/i.test(error.message)) { say("The dashboard does not answer; was it ended? Start it again with marketgame app."); return; }
  if (error.problems) complain(error.problems);
  say(error.problems ? "The scenario is not right; what is wrong stands at its field. What was played before stays." : `This went wrong: ${error.message}`);
}

function complain(problems) {
  const rest = form.complain(problems).map((each) => make("div", {}, each.message));
  at("problems").replaceChildren(...rest);
  at("problems").hidden = !rest.length;
}

const say = (words) => { at("status").textContent = words; };

// While an answer is awaited, say what is being searched, and how to end it.
async function searching(turn) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 700));
    if (turn !== page.turn || !page.asking) return;
    const { searching: words } = await ask("/api/searching", { session });
    if (turn === page.turn && page.asking && words) { page.searched = true; say(`${words}; whatever you open or change ends the search`); }
  }
}

// --- playing ------------------------------------------------------------------------------------------------------

// Have rounds played behind those that there are; what is shown stays.
function more(rounds) {
  const turn = page.turn;
  searching(turn);
  return ended(play({ do: "step", rounds, about: page.selected }).then((frames) => {
    if (turn !== page.turn) return false;
    keep(frames);
    if (page.searched) { page.searched = false; say(""); }
    return frames.length > 0;
  }, (error) => {
    if (turn === page.turn) refuse(error);
    return false;
  }));
}

async function step(rounds) {
  if (!(await more(rounds))) return false;
  advance(page.history.length - 1);
  return true;
}

// What is awaited counts as asked until it is answered, so that whatever is opened or changed meanwhile ends it.
function ended(answer) {
  const mine = answer.finally(() => { if (page.asking === mine) page.asking = null; });
  page.asking = mine;
  return mine;
}

// Wait until nothing is asked any more; whatever takes long is ended, and whoever plays next has loaded everything.
async function free() {
  if (page.asking) await Promise.race([page.asking.catch(() => null), new Promise((resolve) => setTimeout(resolve, 600))]);
  if (page.asking) { page.begun = null; await ask("/api/stop", { session }); }
}

function keep(frames) {
  for (const frame of frames) {
    frame.players.forEach((player, place) => { player.stance = frame.stances[page.scene.players[place]]; });
    page.frames.push(frame);
    page.history.push({ round: frame.round, played: frame.gains, possible: frame.first_best_gains,
      failed: frame.players.flatMap((player, place) => (player[pictures.BANKRUPT] ? [[place, player[pictures.REASON]]] : [])) });
  }
  const most = Math.max(200, 60000 / page.scene.players.length);
  while (page.frames.length > most) { page.frames.shift(); page.first += 1; }
}

// Show a round of a saved run, or one that has been played.
async function look(place) {
  if (page.scene.saved) {
    if (place < page.first) Object.assign(page, { frames: [], history: [], first: 0 });
    const { scene } = page;
    while (page.history.length <= place) {
      const frames = await play({ do: "frames", first: page.history.length, rounds: CHUNK });
      // Something else was opened meanwhile, or there are no more.
      if (page.scene !== scene || !frames.length) return;
      keep(frames);
    }
  }
  advance(place);
}

function advance(place) {
  const before = page.view;
  page.view = Math.max(place, page.first);
  if (before < page.view && before >= 0) for (let each = before + 1; each <= page.view; each += 1) feed(page.frames[each - page.first]);
  else refeed();
  redraw();
}

async function start() {
  if (page.playing || !page.scene) return;
  page.playing = true;
  mark();
  const { scene } = page;
  if (page.view >= scene.rounds - 1) await again();
  while (page.playing) {
    const began = performance.now(), speed = SPEEDS[at("speed").value];
    const rounds = speed === Infinity ? page.batch : 1, ahead = speed === Infinity ? page.batch : speed > 5 ? Math.ceil(speed / 8) : 1;
    const last = (scene.saved ? page.total : page.scene.rounds) - 1;
    if (page.view >= last) { pause(); say(scene.saved ? "the saved run ends here" : `the run is over: ${page.scene.rounds} rounds; Play begins it again`); break; }
    if (!scene.saved && page.view >= page.history.length - 1) {
      if (!(await (page.asking ?? more(Math.min(ahead, last - page.view))))) { pause(); break; }
      if (!page.playing) break;
    }
    // While these rounds are drawn the next are played.
    const left = last + 1 - page.history.length;
    if (!scene.saved && speed > 5 && left > 0 && !page.asking && page.history.length - 1 - page.view <= ahead) more(Math.min(ahead, left));
    await look(Math.min(page.view + rounds, (scene.saved ? page.total : page.history.length) - 1));
    const took = performance.now() - began;
    page.batch = Math.max(1, Math.min(50, Math.round((rounds * PATIENCE) / took)));
    await new Promise((resolve) => { speed === Infinity ? requestAnimationFrame(resolve) : setTimeout(resolve, Math.max(0, 1000 / speed - took)); });
  }
}

function pause() { page.playing = false; mark(); }

function mark() {
  at("play").textContent = page.playing ? "Pause" : "Play";
  at("play").setAttribute("aria-pressed", String(page.playing));
}

async function again() {
  if (page.scene?.saved) return look(0);
  page.turn += 1;
  await free();
  return page.tables ? begin(false) : null;
}

// --- what is shown ------------------------------------------------------------------------------------------------

function redraw() {
  const { scene, view, history, selected } = page, frame = page.frames[view - page.first];
  if (!frame) return;
  at("cards").classList.remove("waiting");
  if (network.scene !== scene) network.begin(scene);
  const unit = scene.units.at(-1), failed = history[view].failed.length;
  const round = at("round"), count = scene.saved ? page.total : history.length;
  round.max = count; round.min = page.first + 1; round.value = view + 1; round.disabled = count < 2;
  at("round-said").textContent = `round ${view + 1} of ${scene.rounds}`;
  network.show(frame, selected);
  const traded = frame.traded || frame.flows.reduce((sum, flow) => sum + flow[2], 0);
  const acting = frame.coalitions.filter((each) => pictures.ACTING.has(each.fate)).map((each) => each.members.join(" and ")).join("; ");
  lead("network", `${acting ? `${acting} collude. ` : ""}${traded > 0 ? `Goods worth ${amount(traded, unit)} change hands${frame.flows.length ? "" : ", in trades too small to be listed one by one"}` : "No trade"}; ${failed ? `${failed} of ${scene.players.length} bankrupt` : "nobody bankrupt"}.`);
  if (!scene.goods.length) lead("network", `${frame.actions.map(([, coalition, action]) => `${coalition}: ${action}`).join("; ")}.`);
  if (shown("welfare")) {
    put("welfare", pictures.gains(history.slice(0, view + 1), view, unit, page.incentive, room("welfare")));
    const share = frame.first_best_gains > 0 ? `${number((100 * frame.gains) / frame.first_best_gains, 3)}% of what is possible` : "nothing is to be gained";
    lead("welfare", `Gained over ${scene.goods.length ? "autarky" : "acting alone"} in this round: ${number(frame.gains)} ${unit}, ${share}.`);
  }
  if (scene.goods.length && shown("quotes")) {
    const good = page.good, rows = frame.holdings[good], slack = 1e-6 * Math.max(...rows.map((row) => row[pictures.PRICE]));
    const off = rows.filter((row) => row[pictures.QUOTE] > row[pictures.PRICE] + slack || row[pictures.QUOTE] < (row[pictures.LOWEST] ?? row[pictures.PRICE]) - slack).length;
    put("quotes", pictures.quotes(frame, scene, good, `${unit} per ${scene.units[scene.goods.indexOf(good)]}`, selected, room("quotes")));
    lead("quotes", off ? `${off} of ${rows.length} quote ${good} off its supporting price.` : `Everybody quotes a supporting price of ${good}.`);
  }
  const many = scene.players.length > pictures.MANY, some = many ? `traders ${said(page.from)}` : "all";
  if (scene.goods.length && shown("holdings")) {
    put("holdings", pictures.holdings(frame, scene, selected, page.from, room("holdings")));
    lead("holdings", `What ${some} owned before, and consume after the round.`);
  }
  if (scene.goods.length && shown("bankruptcies")) {
    put("bankruptcies", pictures.bankruptcies(history.slice(0, view + 1), scene, view, page.from, room("bankruptcies")));
    const all = history.slice(0, view + 1).reduce((sum, each) => sum + each.failed.length, 0);
    lead("bankruptcies", all ? `${all} so far, in ${view + 1} round${view ? "s" : ""}${many ? `; shown of ${some}` : ""}.` : "None so far.");
  }
  traders(frame);
}

// Pictures are as wide as their card, so that their letters are as large as the page's. Asking how wide that is while
// pictures are being drawn would have the browser lay out the page anew each time.
const widths = {};
const room = (id) => (widths[id] ??= Math.max(320, Math.min(760, at(id).querySelector(".picture").clientWidth)));
const lead = (id, words) => { at(id).querySelector(".lead").textContent = words; };
const put = (id, svg) => at(id).querySelector(".picture").replaceChildren(svg);

// Only what is on the screen is drawn; the rest when it comes there.
const seen = new Set(), stale = new Set();
const sight = new IntersectionObserver((cards) => {
  for (const { target, isIntersecting } of cards) seen[isIntersecting ? "add" : "delete"](target.id);
  if ([...stale].some((id) => seen.has(id))) redraw();
}, { rootMargin: "200px" });

function shown(id) {
  stale[seen.has(id) ? "delete" : "add"](id);
  return seen.has(id);
}

function traders(frame) {
  const { scene, selected } = page, inside = at("trader").querySelector(".inside");
  at("trader").querySelector("h2").textContent = selected === null ? "Traders" : scene.players[selected];
  inside.replaceChildren(...(selected === null ? [everybody(frame)] : oneTrader(frame, selected)));
}

// What is no more than the rounding of large numbers is nothing.
const difference = (one, other) => (Math.abs(one - other) > 1e-9 * Math.max(Math.abs(one), Math.abs(other)) ? one - other : 0);

function everybody(frame) {
  const colluding = new Set(pictures.coalitions(frame, page.scene.players).flat());
  const unit = page.scene.units.at(-1), focused = document.activeElement?.dataset?.trader;
  const rows = inSight().map((place) => {
    const name = page.scene.players[place], player = frame.players[place], over = difference(player[pictures.UTILITY], player[pictures.PROMISED]);
    const button = make("button", { "data-trader": place, onclick: () => select(place) }, name);
    if (focused === String(place)) queueMicrotask(() => button.focus());
    const dot = make("span", { class: "dot" }), { stance } = player;
    dot.style.background = pictures.swatch(page.scene, place);
    if (pictures.outline(player) > 1) dot.style.boxShadow = "0 0 0 1.5px #333";
    return make("tr", {}, make("td", {}, dot, button),
      make("td", {}, `${player[pictures.BEHAVIOUR]}${stance ? `: ${stance}` : ""}${colluding.has(name) ? ", colludes" : ""}`), make("td", { class: "n" }, number(player[pictures.UTILITY])), make("td", { class: "n" }, `${over > 0 ? "+" : ""}${number(over, 3)}`));
  });
  return make("table", {}, make("thead", {}, make("tr", {}, make("th", {}, "trader"), make("th", {}, "behaviour"), make("th", { class: "n", title: unit }, "utility"), make("th", { class: "n", title: unit }, "over promise"))),
    make("tbody", {}, ...rows));
}

// Let a trader behave otherwise: by a table of its own, which comes last and so counts.
function instead(name, behaviour) {
  const { tables } = form.description.fields.find((field) => field.key === "traders").node.entry;
  const change = (event) => {
    const others = (page.tables.traders ?? []).filter((each) => !(each.players?.length === 1 && each.players[0] === name && !each.types));
    page.tables = { ...page.tables, traders: [...others, { behaviour: event.target.value, players: [name] }] };
    form.show(page.tables, page.scene);
    changed();
  };
  const options = Object.keys(tables).map((each) => make("option", { value: each, selected: each === behaviour }, each));
  return make("p", { class: "field" }, make("label", { for: "instead" }, "behaves as"), make("select", { id: "instead", onchange: change }, ...options));
}

const prices = (values) => values.map((value, place) => `${number(value)} ${page.scene.units.at(-1)} per ${page.scene.units[place]} of ${page.scene.goods[place]}`).join(", ");
const amounts = (values, names) => values.map((value, place) => `${number(value)} ${names[place]}`).join(", ");

function oneTrader(frame, place) {
  const { scene } = page, player = frame.players[place], known = frame.known?.[place];
  const list = (...pairs) => make("dl", {}, ...pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]));
  const unit = scene.units.at(-1), goods = scene.goods;
  const parts = [make("button", { class: "plain", id: "everybody", onclick: () => select(null) }, "← all traders")];
  if (!scene.saved) parts.push(instead(scene.players[place], player[pictures.BEHAVIOUR]));
  if (known) {
    parts.push(make("h3", {}, "It knows from the start"), list(["its type", known.type], ["it owns", amounts(known.owns, goods)], ["at stake for it", `${number(known.stake)} ${unit}`]),
      make("h3", {}, "It reported, and was told"), list(["reported", known.reported === known.type ? `${known.reported}, the truth` : `${known.reported}, a lie`],
        ["to quote", prices(known.told.quotes.slice(0, -1))], ["to order in all", amounts(known.told.orders, goods)], ["to announce", amounts(known.told.announce, goods)], ["transfer", `${number(known.told.transfer)} ${unit}`]));
    if (known.agreed) parts.push(make("h3", {}, "It agreed with a coalition"), list(["to quote", prices(known.agreed.quotes.slice(0, -1))], ["to order in all", amounts(known.agreed.orders, goods)]));
    if (known.belief) {
      parts.push(make("h3", {}, "It concludes about the others"), make("p", { class: "meaning" }, known.belief.of === 1 ? "There is nothing to conclude: everybody's type is known."
        : `${known.belief.possible} of ${known.belief.of} type profiles are still possible.`));
      if (known.belief.of > 1) parts.push(make("table", {}, make("tbody", {}, ...known.belief.likely.map(([chance, kinds]) => make("tr", {}, make("td", { class: "n" }, `${number(100 * chance, 3)}%`), make("td", {}, kinds.map((kind, who) => (who === place ? null : `${scene.players[who]} ${kind}`)).filter(Boolean).join(", ")))))));
    }
  } else {
    parts.push(make("p", { class: "meaning" }, scene.saved || !goods.length ? "What it was told is not part of a saved run, nor of a coalitional game's." : "Among so many traders, what it knows is shown of rounds that are played while it is chosen."));
  }
  parts.push(make("h3", {}, "What became of it"), list(["behaviour", known?.behaviour ? `${player[pictures.BEHAVIOUR]}: ${known.behaviour}` : player[pictures.BEHAVIOUR]],
    ["type", known ? null : player[pictures.TYPE]], ["quoted", prices(goods.slice(0, -1).map((good) => frame.holdings[good][place][pictures.QUOTE]))],
    ["consumes", amounts(goods.map((good) => frame.holdings[good][place][pictures.CONSUMED]), goods)], ["utility", `${number(player[pictures.UTILITY])} ${unit}; promised ${number(player[pictures.PROMISED])}`],
    ["solvency", !goods.length ? "" : player[pictures.BANKRUPT] ? `bankrupt: ${player[pictures.REASON] === "short-sale" ? "sold what it had not" : "over its budget"}` : "solvent"]));
  return parts;
}

// Of many traders some are in sight; which ones is chosen at the pictures and at the table of traders, for all of them.
const inSight = () => page.scene.players.map((_, place) => place).slice(page.from, page.from + pictures.MANY);
const said = (from) => `${from + 1} to ${Math.min(from + pictures.MANY, page.scene.players.length)} of ${page.scene.players.length}`;

function turnTo(place) {
  const many = page.scene.players.length > pictures.MANY;
  if (place < page.from || place >= page.from + pictures.MANY) page.from = Math.floor(place / pictures.MANY) * pictures.MANY;
  for (const pager of document.querySelectorAll(".pager")) {
    pager.hidden = !many;
    pager.querySelector("output").textContent = said(page.from);
    const [back, on] = pager.querySelectorAll("button");
    back.disabled = page.from === 0;
    on.disabled = page.from + pictures.MANY >= page.scene.players.length;
  }
  at("names").replaceChildren(...(many ? page.scene.players.map((each) => make("option", { value: each })) : []));
}

function pager() {
  const turned = (by) => () => { turnTo(page.from + by); redraw(); };
  const find = make("input", { list: "names", placeholder: "a trader", "aria-label": "Find a trader", size: 9, onchange: (event) => {
    const place = page.scene.players.indexOf(event.target.value.trim());
    event.target.value = "";
    if (place >= 0) select(place);
  } });
  return make("p", { class: "pager", hidden: true }, make("button", { class: "plain", "aria-label": "Traders before these", onclick: turned(-pictures.MANY) }, "‹"),
    make("output", {}), make("button", { class: "plain", "aria-label": "Traders after these", onclick: turned(pictures.MANY) }, "›"), find);
}

function select(place) {
  page.selected = place;
  if (place !== null) turnTo(place);
  redraw();
  (place === null ? at("trader").querySelector("td button") : at("everybody"))?.focus({ preventScroll: true });
}

// --- events -------------------------------------------------------------------------------------------------------

function worded(event, unit) {
  const { kind, player, good, reason, amount } = event, unitOf = good ? page.scene.units[page.scene.goods.indexOf(good)] : unit;
  const much = `${number(amount)} ${unitOf}`;
  switch (kind) {
    case "bankruptcy": return reason === "short-sale" ? `${player} is bankrupt: it sold ${much} of ${good} more than it had` : `${player} is bankrupt: its trades cost ${number(amount)} ${unit} more than it was given`;
    case "projection-bound": return `claims to ${good} were changed by ${much} in all to fit what there is`;
    case "announcement-raised": return `${player}'s announcement was raised by ${much}`;
    case "severance-paid": return `${player} left and was paid ${much}`;
    case "blocking-offer": return `a blocking mediator's invitation: ${fate(reason)}`;
    case "side-contract-offered": return null;
    case "side-contract": return null;
    default: return `${kind} ${player ?? ""} ${reason ?? ""}`;
  }
}

const fate = (reason) => ({ left: "accepted, its coalition left", refused: "refused", "none-found": "no agreement was found", "too-late": "too late", void: "void", broken: "agreed, and broken", accepted: "agreed, and kept", "other-types": "some were of other types than hoped" }[reason] ?? reason);

function lines(frame) {
  const unit = page.scene.units.at(-1), found = frame.events.map((event) => worded(event, unit)).filter(Boolean);
  for (const [mediator, coalition, action] of frame.actions) found.push(`${coalition}${mediator === "established" ? "" : `, with ${mediator}`}: ${action}`);
  for (const { by, members, fate: became, expected, realised } of frame.coalitions) {
    const agreed = pictures.ACTING.has(became);
    found.push(`${by} proposes to ${members.join(" and ")}: ${fate(became)}${agreed ? `; promised ${number(expected)}, realised ${number(realised)} ${unit}` : ""}`);
  }
  return found.map((words) => make("li", {}, make("span", { class: "when" }, String(frame.round + 1)), words));
}

function feed(frame) {
  const list = at("events").querySelector("ol");
  list.prepend(...lines(frame));
  while (list.childElementCount > MOST_EVENTS) list.lastElementChild.remove();
}

function refeed() {
  const before = page.frames.slice(Math.max(0, page.view - page.first - 30), page.view - page.first + 1);
  at("events").querySelector("ol").replaceChildren(...before.toReversed().flatMap(lines).slice(0, MOST_EVENTS));
}

// --- what takes long ----------------------------------------------------------------------------------------------

let work = null;
async function begun(kind) {
  stopWork();
  const told = await ask("/api/beside", { session, kind, tables: page.tables, path: page.path });
  if (told.problems) { refuse(Object.assign(new Error("problems"), told)); return; }
  work = told.answer;
  Object.assign(at("work-text"), { hidden: true, textContent: "" });
  at("stop-work").hidden = at("work-progress").hidden = false;
  await watch(work, kind);
}

async function watch(mine, kind) {
  while (work === mine) {
    const { state, seconds, progress, text } = await ask("/api/beside/state", { work: mine });
    if (work !== mine) return;
    const words = { running: `${kind}, for ${Math.round(seconds)} s${progress ? `: ${progress}` : ""}`, done: `${kind}: answered after ${seconds} s`, stopped: `${kind}: stopped after ${seconds} s`, failed: `${kind}: no answer, after ${seconds} s` };
    at("work-state").textContent = words[state];
    if (state !== "running") {
      work = null;
      at("stop-work").hidden = at("work-progress").hidden = true;
      at("work-text").textContent = text;
      at("work-text").hidden = !text;
      const found = kind === "solve" && state === "done" && text.match(/incentive-efficient, everyone willing\s+\S+\s+([-\d,.e+]+)/);
      if (found) { page.incentive = Number(found[1].replaceAll(",", "")); redraw(); }
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

async function stopWork() {
  if (!work) return;
  const mine = work;
  at("work-state").textContent = "stopping…";
  await ask("/api/beside/state", { work: mine, stop: true });
}

// --- saving -------------------------------------------------------------------------------------------------------

function savePicture(card, kind) {
  const svg = card.querySelector(".picture svg").cloneNode(true), [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  svg.prepend(Object.assign(document.createElementNS("http://www.w3.org/2000/svg", "rect")));
  svg.firstChild.setAttribute("width", width); svg.firstChild.setAttribute("height", height); svg.firstChild.setAttribute("fill", "#fff");
  svg.setAttribute("width", width); svg.setAttribute("height", height);
  const text = new XMLSerializer().serializeToString(svg), name = `${card.id}-round-${page.view + 1}`;
  if (kind === "svg") { saveFile(text, `${name}.svg`, "image/svg+xml"); return; }
  const image = new Image();
  image.onload = () => {
    const canvas = make("canvas", { width: 3 * width, height: 3 * height }), brush = canvas.getContext("2d");
    brush.drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => saveFile(blob, `${name}.png`, "image/png"));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
}

async function saveScenario() {
  try {
    saveFile(await play({ do: "text", tables: page.tables, path: page.path }), "scenario.toml", "application/toml");
  } catch (error) { refuse(error); }
}

// --- the page itself ----------------------------------------------------------------------------------------------

function speedSaid() { const speed = SPEEDS[at("speed").value]; at("speed-said").textContent = speed === Infinity ? "as fast as it goes" : `${speed} round${speed > 1 ? "s" : ""}/s`; }

// What an address names; nothing where it is not written as addresses are.
function named(hash) { try { return decodeURIComponent(hash); } catch { return ""; } }

async function main() {
  const { examples, files, saved, forms } = await ask("/api/choices");
  form = new Form(at("form"), forms, changed);
  network = new pictures.Network(at("network").querySelector(".picture"), select);
  at("choice").append(...examples.map((each) => make("option", { value: each.source }, each.title)));
  at("known").append(...[...files, ...saved].map((each) => make("option", { value: each })));
  for (const card of document.querySelectorAll(".card:has(.picture)")) {
    sight.observe(card);
    card.append(make("span", { class: "save" }, ...["svg", "png"].map((kind) => make("button", { class: "plain", "aria-label": `Save this picture as ${kind.toUpperCase()}`, onclick: () => savePicture(card, kind) }, kind.toUpperCase()))));
  }
  for (const [id, before] of [["trader", ".inside"], ["holdings", ".picture"], ["bankruptcies", ".picture"]]) at(id).querySelector(before).before(pager());
  const goods = make("button", { class: "plain", id: "next-good", title: "Quotes of another good" }, "another good");
  goods.addEventListener("click", () => { const all = page.scene.goods.slice(0, -1); page.good = all[(all.indexOf(page.good) + 1) % all.length]; redraw(); });
  at("quotes").querySelector(".save").prepend(goods);
  at("choice").addEventListener("change", () => open(at("choice").value));
  at("source").addEventListener("submit", (event) => { event.preventDefault(); open(at("path").value.trim() || at("choice").value); });
  at("play").addEventListener("click", () => (page.playing ? pause() : start()));
  at("step").addEventListener("click", async () => {
    pause();
    await page.asking?.catch(() => null);
    if (page.scene.saved) await look(Math.min(page.view + 1, page.total - 1));
    else if (page.view < page.history.length - 1) await look(page.view + 1);
    else await step(1);
  });
  at("reset").addEventListener("click", () => { pause(); again(); });
  at("speed").addEventListener("input", speedSaid);
  at("round").addEventListener("input", () => { pause(); look(Number(at("round").value) - 1); });
  at("export-scenario").addEventListener("click", saveScenario);
  for (const button of document.querySelectorAll("[data-work]")) button.addEventListener("click", () => begun(button.dataset.work));
  at("stop-work").addEventListener("click", stopWork);
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea, button, summary, a, [role=button]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") { event.preventDefault(); at("play").click(); }
    if (event.key === "ArrowRight") at("step").click();
  });
  addEventListener("beforeprint", () => { for (const id of stale) seen.add(id); if (page.scene) redraw(); });
  addEventListener("pagehide", () => navigator.sendBeacon("/api/stop", new Blob([JSON.stringify({ session })], { type: "application/json" })));
  // A page that the browser brings back from where it kept it has nobody who plays for it.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  addEventListener("resize", () => { for (const id of Object.keys(widths)) delete widths[id]; if (page.scene) { network.scene = null; redraw(); } });
  if (matchMedia("(max-width: 900px)").matches) at("form-box").open = false;
  speedSaid();
  const asked = named(location.hash.slice(1)) || DEFAULT;
  at("choice").value = asked;
  if (at("choice").selectedIndex < 0) at("path").value = asked;
  await open(asked);
}

main().catch((error) => say(`This went wrong: ${error.message}`));

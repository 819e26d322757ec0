// The pictures, drawn as SVG with everything that they need in them, so that each can be saved as it stands.

import { amount, draw, number, short } from "./ask.js";

// Hue says which player, in the colours that a scene brings for its players; what is beside players is dark or grey.
export const INK = "#333333", GREY = "#8C8C8C", PALE = "#D9D9D9", BLUE = "#0943A8";
// Of what a frame has of each player and of each holding, in its order.
export const [TYPE, REPORTED, BEHAVIOUR, BANKRUPT, REASON, UTILITY, PROMISED, WEALTH, TRANSFER, COST, MEDIATOR] = Array(11).keys();
export const [OWNED, QUOTE, PRICE, LOWEST, NET, ALLOCATED, CONSUMED] = Array(7).keys();
// What became of attempts to collude in which members act together, to the end or not.
export const ACTING = new Set(["accepted", "kept", "broken"]);
const PACT = "#EDEDED";
export const MANY = 24;
// Of more traders arrows cannot be told apart: what each gives or gets on balance is drawn.
const MOST_WITH_ARROWS = 100;
const LATEST = 240;

// Who act together in a round: on an agreement, or by leaving with a mediator; as lists of names.
export function coalitions(frame, names) {
  const agreed = frame.coalitions.filter((each) => ACTING.has(each.fate)).map((each) => each.members), left = new Map();
  frame.players.forEach((player, place) => {
    if (player[MEDIATOR] && player[MEDIATOR] !== "established") left.set(player[MEDIATOR], [...(left.get(player[MEDIATOR]) ?? []), names[place]]);
  });
  const acted = frame.actions.filter(([mediator]) => mediator === "established").map(([, coalition]) => coalition.split(" + ")).filter((each) => each.length > 1);
  return [...agreed, ...left.values(), ...acted];
}

// How somebody acts in a round: a learner by the stance it takes, everybody else as it behaves.
export const acts = (player) => player.stance ?? player[BEHAVIOUR];
export const colour = (scene, place) => scene.looks[place][0];
// The same for a style: colours that are used again fill one half.
export function swatch(scene, place) {
  const [own, filled] = scene.looks[place], to = { bottom: "top", left: "right", top: "bottom", right: "left" }[filled];
  return to ? `linear-gradient(to ${to}, ${own} 50%, #FFFFFF 50%)` : own;
}
// Outlines tell who obeys from who does not.
export const outline = (player) => (acts(player) === "obedient" ? 1 : 2.6);
// The half of a circle that is white where colours are used again.
const TURNS = { full: null, bottom: 0, left: 90, top: 180, right: 270 };
const half = (x, y, r, turn) => ({ d: `M${-r} 0A${r} ${r} 0 0 1 ${r} 0Z`, transform: `translate(${x} ${y}) rotate(${turn})` });
const text = (x, y, words, attributes = {}) => draw("text", { x, y, "font-size": 12, fill: INK, ...attributes }, words);
const picture = (width, height, title, ...inside) => draw("svg", {
  xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title,
  "font-family": "system-ui, 'DejaVu Sans', sans-serif" }, draw("title", {}, title), ...inside);
const cut = (name, letters) => (name.length > letters ? `${name.slice(0, letters - 1)}…` : name);

// Round numbers within a range, for an axis.
export function ticks(low, high, most = 5) {
  if (!(high > low)) return [low];
  const raw = (high - low) / most, magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((each) => each * magnitude).find((each) => each >= raw);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step) found.push(Math.abs(tick) < step * 1e-9 ? 0 : tick);
  return found;
}

// Who gives goods to whom. Nodes stay where they are and keep the focus; arrows are drawn anew. Scales never shrink.
export class Network {
  constructor(home, select) { Object.assign(this, { home, select }); }

  begin(scene) {
    this.scene = scene;
    this.richest = this.largest = this.most = 0;
    const many = scene.players.length, width = Math.max(340, Math.min(680, this.home.clientWidth || 680));
    const radius = many > MANY ? Math.min(width / 2 - 24, 205) : Math.max(95, Math.min(width / 2 - 122, 180));
    const height = 2 * radius + (many > MANY ? 110 : 160);
    Object.assign(this, { width, height });
    this.places = scene.players.map((_, place) => {
      const angle = (2 * Math.PI * place) / many;
      return many === 1 ? [width / 2, height / 2 - 20] : [width / 2 + radius * Math.sin(angle), height / 2 - 24 - radius * Math.cos(angle)];
    });
    this.room = Math.min(30, width / 20, (2 * Math.PI * radius) / many / 2.6);
    this.letters = Math.max(6, Math.floor((width / 2 - radius - this.room - 10) / 5.7));
    this.pacts = draw("g", {});
    const links = scene.links.map(([one, other]) => draw("line", { x1: this.places[one][0], y1: this.places[one][1], x2: this.places[other][0],
      y2: this.places[other][1], stroke: PALE, "stroke-dasharray": "3 4" }));
    this.arrows = draw("g", { fill: "none" });
    this.nodes = scene.players.map((name, place) => {
      const [x, y] = this.places[place];
      const ring = draw("circle", { class: "ring", cx: x, cy: y, r: 8, fill: colour(scene, place), stroke: INK, "stroke-width": 1 });
      const turn = TURNS[scene.looks[place][1]], white = turn === null ? null : draw("path", { fill: "#FFFFFF", stroke: INK, "stroke-width": 0.6 });
      const arm = many > MOST_WITH_ARROWS ? 2 : 4;
      const cross = draw("path", { d: `M${x - arm} ${y - arm}l${2 * arm} ${2 * arm}m0-${2 * arm}l-${2 * arm} ${2 * arm}`, stroke: scene.looks[place][2], "stroke-width": 0.6 * arm, visibility: "hidden" });
      const east = Math.sin((2 * Math.PI * place) / many), north = Math.cos((2 * Math.PI * place) / many);
      const anchor = Math.abs(east) < 0.25 ? "middle" : east > 0 ? "start" : "end";
      const label = text(0, 0, cut(name, Math.max(8, this.letters)), { "text-anchor": anchor, "font-weight": 600, stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" });
      const remark = text(0, 0, "", { "text-anchor": anchor, "font-size": 11, stroke: "#fff", "stroke-width": 3, "paint-order": "stroke" });
      const node = draw("g", { role: "button", tabindex: 0, "aria-label": name }, draw("title", {}, name), ring, ...(white ? [white] : []), cross);
      if (many <= MANY) node.append(label, remark);
      node.addEventListener("click", () => this.select(place));
      node.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); this.select(place); } });
      return { node, ring, white, turn, cross, label, remark, east, north };
    });
    this.key = draw("g", {});
    this.nodes.forEach((node, place) => this.label(node, place, 8, ""));
    this.svg = picture(width, height, `Who gives goods to whom among ${many} traders`, draw("g", {}, ...links), this.pacts, this.arrows,
      draw("g", {}, ...this.nodes.map((each) => each.node)), this.key);
    this.svg.setAttribute("role", "group");
    this.home.replaceChildren(this.svg);
  }

  // Put the name of a node, and what is to be said of it, outside of the ring.
  label({ label, remark, east, north }, place, radius, remarks) {
    const [x, y] = this.places[place], away = radius + 7, middle = Math.abs(east) < 0.25;
    const up = middle ? (north > 0 ? -away - (remarks ? 15 : 2) : away + 9) : -north * away * 0.8 + (remarks ? -2 : 4);
    const side = middle ? 0 : Math.sign(east) * (Math.abs(east) * away + 3);
    label.setAttribute("x", x + side); label.setAttribute("y", y + up);
    remark.setAttribute("x", x + side); remark.setAttribute("y", y + up + 14);
    remark.textContent = middle ? cut(remarks, 40) : cut(remarks, this.letters);
  }

  show(frame, selected) {
    const unit = this.scene.units.at(-1);
    for (const player of frame.players) this.richest = Math.max(this.richest, player[WEALTH] ?? 0);
    for (const flow of frame.flows) this.largest = Math.max(this.largest, flow[2]);
    const least = this.nodes.length > MOST_WITH_ARROWS ? [3, 3] : [4, 9];
    const across = frame.players.map((player) => Math.max(least[player[BANKRUPT] ? 1 : 0], this.room * Math.sqrt(Math.max(0, player[WEALTH] ?? 0) / (this.richest || 1))));
    this.nodes.forEach(({ node, ring, white, turn, cross, label, remark, east, north }, place) => {
      const player = frame.players[place];
      ring.setAttribute("r", across[place]);
      if (white) for (const [key, value] of Object.entries(half(...this.places[place], across[place], turn))) white.setAttribute(key, value);
      ring.setAttribute("stroke", place === selected ? BLUE : INK);
      ring.setAttribute("stroke-width", place === selected ? 4 : outline(player));
      cross.setAttribute("visibility", player[BANKRUPT] ? "visible" : "hidden");
      const remarks = [acts(player) === "obedient" ? "" : acts(player), player[BANKRUPT] ? "bankrupt" : "",
        player[MEDIATOR] && player[MEDIATOR] !== "established" ? `left with ${player[MEDIATOR]}` : ""].filter(Boolean).join(", ");
      this.label({ label, remark, east, north }, place, across[place], remarks);
      node.setAttribute("aria-label", `${this.scene.players[place]}${remarks ? `, ${remarks}` : ""}`);
    });
    const thickest = Math.max(2.5, Math.min(6, 40 / Math.sqrt(frame.flows.length + 1)));
    const spokes = this.scene.goods.length > 0 && (this.nodes.length > MOST_WITH_ARROWS || (!frame.flows.length && frame.traded > 0));
    if (spokes) this.arrows.replaceChildren(...this.spokes(frame, across));
    else this.arrows.replaceChildren(...frame.flows.toReversed().map(([giver, receiver, value]) => arrow(this.places[giver], this.places[receiver],
      across[giver], across[receiver], value / (this.largest || 1), thickest)));
    // Who act on an agreement stand on one ground.
    const acting = coalitions(frame, this.scene.players);
    this.pacts.replaceChildren(...acting.map((members) => draw("polygon", { points: members.map((name) => this.places[this.scene.players.indexOf(name)].join(",")).join(" "),
      fill: PACT, stroke: PACT, "stroke-width": 2 * this.room + 26, "stroke-linejoin": "round" })));
    const keys = [["obedient", 1], ["not obedient", 2.6], ...(this.scene.goods.length ? [["bankrupt", 1]] : [])];
    const many = this.nodes.length > MANY, { width, height } = this;
    const pact = acting.length ? [draw("rect", { x: 112, y: height - 59, width: 22, height: 13, rx: 6, fill: PACT }), text(140, height - 48, "a coalition", { "font-size": 11.5 })] : [];
    this.key.replaceChildren(...pact, ...keys.flatMap(([words, width], place) => [
      words === "bankrupt" ? draw("path", { d: `M5 ${height - 57 + 18 * place}l10 10m0-10l-10 10`, stroke: INK, "stroke-width": 2.5 })
        : draw("circle", { cx: 10, cy: height - 52 + 18 * place, r: 6, fill: "none", stroke: INK, "stroke-width": width }), text(22, height - 48 + 18 * place, words, { "font-size": 11.5 })]),
      text(width - 8, height - 30, `area: ${this.scene.goods.length ? "wealth" : "utility"}, at most ${width < 560 ? short(this.richest) : amount(this.richest, unit)}`, { "text-anchor": "end", "font-size": 11.5 }),
      ...(spokes ? this.keyOfSpokes(unit)
        : this.largest ? [text(width - 8, height - 12, `width: value of goods given, at most ${width < 560 ? short(this.largest) : amount(this.largest, unit)}${many ? "; names at the nodes" : ""}`, { "text-anchor": "end", "font-size": 11.5 })] : []));
  }

  // What the goods are worth that each gets on balance, or gives, as a line from its place inwards.
  spokes(frame, across) {
    const goods = this.scene.goods.slice(0, -1), centre = [this.width / 2, this.height / 2 - 24];
    const nets = this.places.map((_, place) => goods.reduce((sum, good) => sum + (frame.holdings[good][place][NET] ?? 0) * (frame.holdings[good][place][PRICE] ?? 0), 0));
    this.most = Math.max(this.most, ...nets.map(Math.abs));
    return nets.flatMap((net, place) => {
      const [x, y] = this.places[place], [east, south] = [centre[0] - x, centre[1] - y], radius = Math.hypot(east, south) || 1;
      const from = (across[place] + 1) / radius, to = from + 0.72 * (Math.abs(net) / (this.most || 1)) * (1 - from);
      return Math.abs(net) < 1e-9 * this.most || !this.most ? [] : [draw("line", { x1: x + from * east, y1: y + from * south, x2: x + to * east, y2: y + to * south,
        stroke: net > 0 ? INK : GREY, "stroke-width": Math.max(1, Math.min(4, this.room)), "stroke-dasharray": net > 0 ? null : "3 2" })];
    });
  }

  keyOfSpokes(unit) {
    const { width, height } = this, at = height - 16, narrow = width < 560;
    return [draw("line", { x1: width - 176, x2: width - 156, y1: at, y2: at, stroke: INK, "stroke-width": 2 }), text(width - 150, at + 4, "gets goods", { "font-size": 11.5 }),
      draw("line", { x1: width - 84, x2: width - 64, y1: at, y2: at, stroke: GREY, "stroke-width": 2, "stroke-dasharray": "3 2" }), text(width - 58, at + 4, "gives", { "font-size": 11.5 }),
      text(width - 8, height - 48, `length: on balance, at most ${narrow ? short(this.most) : amount(this.most, unit)}`, { "text-anchor": "end", "font-size": 11.5 })];
  }
}

function arrow([x1, y1], [x2, y2], from, to, strength, thickest) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1, [east, south] = [(x2 - x1) / length, (y2 - y1) / length];
  const width = 0.6 + (thickest - 0.6) * strength, head = 5 + 1.6 * width, bend = length * 0.1;
  const [mx, my] = [(x1 + x2) / 2 - south * bend, (y1 + y2) / 2 + east * bend];
  const towards = (px, py, qx, qy, by) => { const d = Math.hypot(qx - px, qy - py) || 1; return [px + ((qx - px) / d) * by, py + ((qy - py) / d) * by]; };
  const [sx, sy] = towards(x1, y1, mx, my, from + 1), [tx, ty] = towards(x2, y2, mx, my, to + 2), [hx, hy] = towards(tx, ty, mx, my, head);
  const [ax, ay] = [(-(hy - ty) / head) * head * 0.42, ((hx - tx) / head) * head * 0.42];
  const mix = (low, high) => Math.round(low + (high - low) * strength), shade = `rgb(${mix(198, 35)},${mix(201, 39)},${mix(204, 43)})`;
  return draw("g", { stroke: shade, fill: shade }, draw("path", { d: `M${sx} ${sy}Q${mx} ${my} ${hx} ${hy}`, fill: "none", "stroke-width": width }),
    draw("path", { d: `M${tx} ${ty}L${hx + ax} ${hy + ay}L${hx - ax} ${hy - ay}Z`, stroke: "none" }));
}

function axis(x0, x1, low, high, y, unit, letters = 40) {
  const marks = ticks(low, high).flatMap((tick) => [draw("line", { x1: x0, x2: x1, y1: y(tick), y2: y(tick), stroke: "#eeece7" }),
    text(x0 - 6, y(tick) + 4, short(tick), { "text-anchor": "end", "font-size": 11, fill: "#57606a" })]);
  return draw("g", {}, ...marks, text(2, 13, cut(unit, letters), { "font-size": 11, fill: "#57606a" }));
}

// Gains over autarky, round by round, beside what was possible.
export function gains(history, shown, unit, incentive, width) {
  const [height, left, right, top, bottom] = [260, 52, 118, 26, 30];
  const latest = history.slice(-LATEST);
  const values = latest.flatMap((each) => [each.played, each.possible]).concat([0], incentive ?? []).filter((each) => each !== null);
  let low = Math.min(...values), high = Math.max(...values);
  const room = (high - low || 1) * 0.06;
  [low, high] = [low - room, high + room];
  const x = (place) => left + (latest.length > 1 ? (place / (latest.length - 1)) : 0.5) * (width - left - right);
  const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
  const path = (key) => latest.map((each, place) => (each[key] === null ? "" : `${place && latest[place - 1][key] !== null ? "L" : "M"}${x(place).toFixed(1)} ${y(each[key]).toFixed(1)}`)).join("");
  const last = latest.at(-1);
  const lines = [["possible", INK, "first best", "6 3"], ["played", BLUE, "played", null]];
  const names = [[y(0), GREY, "autarky"], [y(last.possible), INK, "first best"], [y(last.played), BLUE, "played"]];
  if (incentive !== null) names.push([y(incentive), GREY, "incentive-efficient"]);
  names.sort((one, other) => one[0] - other[0]);
  for (let place = 1; place < names.length; place += 1) names[place][0] = Math.max(names[place][0], names[place - 1][0] + 13);
  const over = Math.max(0, names.at(-1)[0] - (height - bottom));
  const at = latest.findIndex((each) => each.round === shown);
  return picture(width, height, "Gains from trade over rounds", axis(left, width - right, low, high, y, unit),
    draw("line", { x1: left, x2: width - right, y1: y(0), y2: y(0), stroke: GREY }),
    ...(incentive === null ? [] : [draw("line", { x1: left, x2: width - right, y1: y(incentive), y2: y(incentive), stroke: GREY, "stroke-dasharray": "2 3", "stroke-width": 1.5 })]),
    ...lines.map(([key, stroke, , dash]) => draw("path", { d: path(key), fill: "none", stroke, "stroke-width": 2, "stroke-dasharray": dash, "stroke-linejoin": "round" })),
    ...(at < 0 ? [] : [draw("circle", { cx: x(at), cy: y(latest[at].played), r: 4, fill: BLUE, stroke: "#fff" })]),
    ...names.map(([where, fill, words]) => text(width - right + 8, where + 4 - over, words, { fill, "font-size": 11.5 })),
    ...[0, latest.length - 1].filter((each, place) => !place || each).map((place) => text(x(place), height - 10, `${latest[place].round + 1}`, { "text-anchor": "middle", "font-size": 11, fill: "#57606a" })),
    text(latest.length > 1 ? left + (width - left - right) / 2 : left, height - 10, "round", { "text-anchor": "middle", "font-size": 11, fill: "#57606a" }));
}

// What everybody quotes for a good, against the prices that support the efficient allocation.
export function quotes(frame, scene, good, unit, selected, width) {
  const rows = frame.holdings[good], many = rows.length, turned = many <= MANY && many * 64 > width;
  const [height, left, right, top, bottom] = [260, 52, 14, 34, turned ? 62 : 30];
  const price = Math.max(...rows.map((row) => row[PRICE])), lowest = Math.min(...rows.map((row) => row[LOWEST] ?? row[PRICE]));
  const all = rows.map((row) => row[QUOTE]).filter((each) => each !== null), most = Math.max(price, ...all), least = Math.min(lowest, ...all);
  // Quotes so far apart that a linear axis would hide the price.
  const wild = least > 0 && most > 20 * Math.max(price, 1e-300);
  const to = wild ? Math.log10 : (value) => value;
  const low = to(wild ? least / 1.3 : Math.min(0, least)), high = to(most * 1.12 || 1);
  const y = (value) => height - bottom - ((to(value) - low) / (high - low || 1)) * (height - top - bottom);
  const x = (place) => left + ((place + 0.5) / many) * (width - left - right);
  const exponents = ticks(Math.ceil(low), Math.floor(high), 4).filter(Number.isInteger);
  const marks = wild ? draw("g", {}, ...exponents.flatMap((each) => [draw("line", { x1: left, x2: width - right, y1: y(10 ** each), y2: y(10 ** each), stroke: "#eeece7" }),
    text(left - 6, y(10 ** each) + 4, short(10 ** each), { "text-anchor": "end", "font-size": 11, fill: "#57606a" })]), text(2, 13, `${cut(unit, 24)}, logarithmic`, { "font-size": 11, fill: "#57606a" }))
    : axis(left, width - right, low, high, y, unit, Math.floor((width - 190) / 6));
  const band = y(lowest) - y(price) > 1 ? [draw("rect", { x: left, width: width - left - right, y: y(price), height: y(lowest) - y(price), fill: PALE, opacity: 0.7 })] : [];
  return picture(width, height, `Quotes of ${good}`, marks, ...band,
    draw("line", { x1: left, x2: width - right, y1: y(price), y2: y(price), stroke: INK, "stroke-width": 1.5 }),
    draw("line", { x1: width - right - 160, x2: width - right - 140, y1: 9, y2: 9, stroke: INK, "stroke-width": 1.5 }),
    text(width - right, 13, `supporting price ${number(price)}`, { "text-anchor": "end", "font-size": 11 }),
    ...rows.map((row, place) => draw("circle", { cx: x(place), cy: y(row[QUOTE] ?? price), r: many > MANY ? 3 : 5.5, fill: colour(scene, place),
      stroke: place === selected ? BLUE : INK, "stroke-width": place === selected ? 4 : outline(frame.players[place]) }, draw("title", {}, `${scene.players[place]}: ${number(row[QUOTE])}`))),
    ...(many > MANY ? [] : scene.players.map((name, place) => text(x(place), height - bottom + 16, cut(name, 11),
      turned ? { "font-size": 11, "text-anchor": "end", transform: `rotate(-35 ${x(place)} ${height - bottom + 16})` } : { "font-size": 11, "text-anchor": "middle" }))));
}

// What everybody owned and what it consumes, one column a good.
export function holdings(frame, scene, selected, first, width) {
  const goods = scene.goods.slice(0, width < 480 ? 2 : 4), places = scene.players.map((_, place) => place).slice(first, first + MANY), row = 19;
  const [left, top] = [96, 32], height = top + places.length * row + 26, column = (width - left) / goods.length;
  const inside = goods.flatMap((good, which) => {
    const rows = frame.holdings[good], most = Math.max(...rows.flatMap((each) => [each[OWNED], each[CONSUMED]]), 1e-300);
    const least = Math.min(0, ...rows.map((each) => each[CONSUMED])), x0 = left + which * column, room = column - 26;
    const x = (value) => x0 + ((value - least) / (most - least)) * room;
    return [text(x0, 13, cut(good, 16), { "font-weight": 600 }), text(x0, 26, cut(scene.units[scene.goods.indexOf(good)] ?? "", Math.max(4, Math.floor((room - 6.5 * short(most).length) / 6.2))), { "font-size": 10.5, fill: "#57606a" }),
      text(x0 + room, 26, short(most), { "font-size": 10.5, fill: "#57606a", "text-anchor": "end" }),
      ...places.flatMap((place, line) => {
        const y = top + line * row, [from, to] = [x(0), x(rows[place][CONSUMED])].sort((one, other) => one - other);
        return [draw("rect", { x: from, y: y + 3, width: Math.max(0, to - from), height: row - 7, fill: colour(scene, place), stroke: INK, "stroke-width": outline(frame.players[place]) > 1 ? 1.5 : 0 }),
          draw("line", { x1: x(rows[place][OWNED]), x2: x(rows[place][OWNED]), y1: y, y2: y + row - 1, stroke: INK, "stroke-width": 2 },
            draw("title", {}, `${scene.players[place]} owned ${number(rows[place][OWNED])} and consumes ${number(rows[place][CONSUMED])} of ${good}`))];
      }), draw("line", { x1: x(0), x2: x(0), y1: top, y2: top + places.length * row, stroke: GREY })];
  });
  const names = places.map((place, line) => text(left - 8, top + line * row + 13, cut(scene.players[place], 13), { "text-anchor": "end", "font-weight": place === selected ? 700 : 400 }));
  return picture(width, height, "Holdings", ...names, ...inside,
    draw("line", { x1: left, x2: left, y1: height - 15, y2: height - 3, stroke: INK, "stroke-width": 2 }), text(left + 6, height - 5, "owned", { "font-size": 11 }),
    draw("rect", { x: left + 60, y: height - 14, width: 16, height: 10, fill: GREY }), text(left + 81, height - 5, "consumed after the round", { "font-size": 11 }));
}

// Who is bankrupt when, and why.
export function bankruptcies(history, scene, shown, first, width) {
  const latest = history.slice(-LATEST), places = scene.players.map((_, place) => place).slice(first, first + MANY), row = 19;
  const [left, top] = [96, 8], height = top + places.length * row + 44, room = width - left - 12;
  const wide = Math.min(26, room / Math.max(latest.length, 1)), x = (place) => left + place * wide;
  const cells = latest.flatMap((each, place) => each.failed.filter(([who]) => who >= first && who < first + MANY).map(([who, reason]) => (reason === "short-sale"
    ? draw("path", { d: `M${x(place)} ${top + (who - first) * row + row - 4}h${Math.max(1.5, wide - 1)}l${-Math.max(1.5, wide - 1) / 2} ${-(row - 7)}z`, fill: colour(scene, who) }, draw("title", {}, `round ${each.round + 1}: ${reason}`))
    : draw("rect", { x: x(place), y: top + (who - first) * row + 3, width: Math.max(1.5, wide - 1), height: row - 7, fill: colour(scene, who) }, draw("title", {}, `round ${each.round + 1}: ${reason}`)))));
  const at = latest.findIndex((each) => each.round === shown), bottom = top + places.length * row;
  return picture(width, height, "Bankruptcies over rounds",
    ...places.flatMap((place, line) => [text(left - 8, top + line * row + 13, cut(scene.players[place], 13), { "text-anchor": "end" }),
      draw("line", { x1: left, x2: width - 12, y1: top + (line + 1) * row - 1, y2: top + (line + 1) * row - 1, stroke: "#eeece7" })]),
    ...(at < 0 ? [] : [draw("rect", { x: x(at), y: top, width: Math.max(1.5, wide - 1), height: bottom - top, fill: "none", stroke: BLUE })]), ...cells,
    ...(latest.length ? [text(left, bottom + 15, `${latest[0].round + 1}`, { "font-size": 11, fill: "#57606a" }),
      ...(latest.length > 3 ? [text(x(latest.length), bottom + 15, `${latest.at(-1).round + 1}`, { "font-size": 11, "text-anchor": "end", fill: "#57606a" })] : [])] : []),
    draw("rect", { x: 8, y: height - 14, width: 10, height: 10, fill: GREY }), text(23, height - 5, "over its budget", { "font-size": 11 }),
    draw("path", { d: `M126 ${height - 4}h12l-6 -11z`, fill: GREY }), text(144, height - 5, "sold what it had not", { "font-size": 11 }));
}

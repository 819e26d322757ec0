// The form of a scenario, from the description that the server makes of the models that check files.
// Only what differs from its default is kept, so that a saved scenario says no more than it must.

import { make } from "./ask.js";

const TITLES = {
  rules: "Rules", traders: "Who behaves how", contract: "Contract", organisers: "Organisers of coalitions",
  blockers: "Blocking mediators", network: "Network", learning: "Learning", population: "Behaviours by shares", tables: "Tables",
};
const ORDER = ["rules", "traders", "organisers", "blockers", "contract", "network", "learning", "population", "tables"];
const ONE = { traders: "behaviour", organisers: "organiser", blockers: "mediator" };
const OPEN = new Set(["rules", "traders"]);

export class Form {
  constructor(home, descriptions, changed) {
    Object.assign(this, { home, descriptions, description: descriptions.economy, changed, tables: {}, scene: null, opened: new Set(OPEN) });
  }

  show(tables, scene) {
    this.tables = structuredClone(tables);
    this.scene = scene;
    this.description = this.descriptions["game" in tables && !("economy" in tables) ? "game" : "economy"];
    this.draw();
  }

  draw() {
    const focus = document.activeElement?.id;
    const fields = new Map(this.description.fields.map((each) => [each.key, each]));
    const alone = this.description.fields.filter((each) => each.key !== "kind" && !ORDER.includes(each.key));
    const sections = [["run", "This run", alone.map((each) => this.field(each, this.tables, each.key))]];
    for (const key of ORDER.filter((each) => fields.has(each))) {
      const field = fields.get(key);
      sections.push([key, TITLES[key] ?? label(key), [this.field(field, this.tables, key, true)]]);
    }
    this.home.replaceChildren(...sections.map(([key, title, inside]) => this.section(key, title, inside)));
    if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
  }

  section(key, title, inside) {
    const value = this.tables[key];
    const many = Array.isArray(value) ? value.length : value ? Object.keys(value).length : 0;
    const count = many ? make("span", { class: "count" }, String(many)) : null;
    const box = make("details", { "data-section": key, open: this.opened.has(key) },
      make("summary", {}, make("h3", {}, title), count), ...inside);
    box.addEventListener("toggle", () => this.opened[box.open ? "add" : "delete"](key));
    return box;
  }

  set(table, field, value) {
    const same = JSON.stringify(value) === JSON.stringify(field.default);
    if (value === undefined || value === null || (same && !field.required)) delete table[field.key];
    else table[field.key] = value;
    this.changed();
  }

  // One field: its label, what can be filled in, what it means, and a place for what is wrong with it.
  field(field, table, path, bare = false) {
    const { node } = field, value = table[field.key], id = `f-${path}`;
    const change = (next) => this.set(table, field, next);
    const box = (control, forControl = true) => make("div", { class: "field", "data-path": path },
      bare ? null : make(forControl ? "label" : "div", forControl ? { for: id } : { class: "label" }, label(field.key)),
      ...(bare ? [make("p", { class: "meaning" }, field.meaning), control] : [control, make("p", { class: "meaning" }, field.meaning)]), make("p", { class: "problem", id: `${id}-problem`, hidden: true }));
    if (node.kind === "table") return box(this.table(field, node, table, path), false);
    if (node.kind === "list" && ["tables", "table"].includes(node.entry.kind)) return box(this.entries(field, node.entry, table, path), false);
    if (node.kind === "options") {
      const options = node.options.map((each) => make("option", { value: each, selected: each === (value ?? field.default) }, each));
      if (field.default === null && !field.required) options.unshift(make("option", { value: "", selected: value === undefined }, "–"));
      return box(make("select", { id, onchange: (event) => change(event.target.value || undefined) }, ...options));
    }
    if (node.kind === "flag") {
      const tick = make("input", { id, type: "checkbox", onchange: (event) => change(event.target.checked) });
      tick.checked = value ?? field.default ?? false;
      return box(tick);
    }
    const known = node.kind === "list" ? this.known(field.key, node.entry) : null;
    if (known) return box(chips(known, value ?? field.default ?? [], (chosen) => change(chosen.length ? chosen : undefined), id), false);
    if (node.kind === "list" || node.kind === "map") {
      const area = make("textarea", { id, spellcheck: "false", placeholder: hint(node) });
      area.value = written(node, value ?? field.default);
      area.addEventListener("change", () => change(read(node, area.value)));
      return box(area);
    }
    const input = make("input", { id, spellcheck: "false", autocomplete: "off", inputmode: node.kind === "text" ? "text" : "decimal",
      "aria-describedby": `${id}-problem`, placeholder: field.default ?? "" });
    input.value = value ?? field.default ?? "";
    input.addEventListener("change", () => change(input.value.trim() === "" ? undefined : node.kind === "text" ? input.value : numeric(input.value)));
    return box(input);
  }

  known(key, entry) {
    if (entry.kind === "options") return entry.options;
    if (entry.kind !== "text" || !this.scene) return null;
    if (key === "players" || key === "members") return this.scene.players.length <= 40 ? this.scene.players : null;
    if (key === "types") return [...new Set(Object.values(this.scene.types).flat())];
    return null;
  }

  table(field, node, table, path) {
    const inside = (value) => node.fields.map((each) => this.field(each, value, `${path}.${each.key}`));
    const optional = field.default === null && ["network", "population", "graph"].includes(field.key);
    if (optional && table[field.key] === undefined) {
      const add = make("button", { type: "button", id: `f-${path}-use`, onclick: () => { this.set(table, field, {}); this.draw(); } }, `Use ${label(field.key)}`);
      return make("div", {}, add);
    }
    const value = table[field.key] ?? {};
    // Keys of a table that is left out so far are kept in it once there are any.
    const held = new Proxy(value, {
      set: (target, key, next) => { target[key] = next; table[field.key] = target; return true; },
      deleteProperty: (target, key) => { delete target[key]; if (!optional && !Object.keys(target).length) delete table[field.key]; return true; },
    });
    const remove = optional ? make("button", { type: "button", class: "plain", onclick: () => { this.set(table, field, undefined); this.draw(); } }, "Remove") : null;
    return make("div", {}, ...inside(held), remove);
  }

  entries(field, entry, table, path) {
    const list = table[field.key] ?? [];
    const keep = (next) => { this.set(table, field, next.length ? next : undefined); this.draw(); };
    const boxes = list.map((value, place) => {
      const node = entry.kind === "table" ? entry : entry.tables[value[entry.tag]];
      const where = value.name === undefined ? `${path}[${place}]` : `${path}.${value.name}`;
      const remove = make("button", { type: "button", class: "plain", "aria-label": `Remove ${ONE[field.key]} ${place + 1}`,
        onclick: () => keep(list.filter((_, other) => other !== place)) }, "Remove");
      const choose = entry.kind === "table" ? null : this.choose(entry, value, `f-${where}.${entry.tag}`, (name) => {
        const held = new Set(entry.tables[name].fields.map((each) => each.key));
        const kept = Object.fromEntries(Object.entries(value).filter(([key]) => held.has(key)));
        keep(list.map((each, other) => (other === place ? { ...kept, [entry.tag]: name } : each)));
      });
      const fields = (node?.fields ?? []).filter((each) => each.key !== entry.tag);
      const own = value.name ?? node?.fields.find((each) => each.key === "name")?.default;
      return make("fieldset", { "data-path": where, "data-named": own ? `${path}.${own}` : null }, make("legend", {}, value[entry.tag] ?? value.name ?? `${ONE[field.key]} ${place + 1}`),
        choose, ...fields.map((each) => this.field(each, value, `${where}.${each.key}`)), remove, make("p", { class: "problem", hidden: true }));
    });
    const add = make("button", { type: "button", id: `f-${path}-add`, onclick: () => keep([...list, entry.kind === "table" ? {} : { [entry.tag]: first(entry) }]) },
      `Add ${ONE[field.key] ?? "one"}`);
    return make("div", {}, ...boxes, make("p", { class: "buttons" }, add));
  }

  choose(entry, value, id, change) {
    const options = Object.keys(entry.tables).map((name) => make("option", { value: name, selected: name === value[entry.tag] }, name));
    const meaning = entry.tables[value[entry.tag]]?.meaning ?? "";
    return make("div", { class: "field" }, make("label", { for: id }, label(entry.tag)),
      make("select", { id, onchange: (event) => change(event.target.value) }, ...options), make("p", { class: "meaning" }, meaning));
  }

  // Say what is wrong at the fields where it stands, and return what stands at none.
  complain(problems) {
    for (const place of this.home.querySelectorAll(".problem")) place.hidden = true;
    for (const control of this.home.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
    return problems.filter(({ field, message }) => {
      // An entry without a name is told by the name that it has without it.
      const named = [...this.home.querySelectorAll("[data-named]")].find(({ dataset }) => `${field}.`.startsWith(`${dataset.named}.`));
      let box = null, path = named ? named.dataset.path + field.slice(named.dataset.named.length) : field;
      while (path && !box) {
        box = this.home.querySelector(`[data-path="${CSS.escape(path)}"]`);
        path = path.replace(/(\.[^.[]*|\[[^[]*\])$/, "") === path ? "" : path.replace(/(\.[^.[]*|\[[^[]*\])$/, "");
      }
      if (!box) return true;
      const place = [...box.children].find((child) => child.classList.contains("problem"));
      place.textContent = message;
      place.hidden = false;
      box.querySelector("input, select, textarea")?.setAttribute("aria-invalid", "true");
      for (let around = box.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
      return false;
    });
  }
}

const label = (key) => key.replaceAll("_", " ");
const first = (entry) => ("short-selling" in entry.tables ? "short-selling" : Object.keys(entry.tables)[0]);
const numeric = (text) => (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text.trim()) ? Number(text) : text);

function chips(options, chosen, change, id) {
  const picked = new Set(chosen);
  return make("div", { class: "chips", id }, ...options.map((each) => {
    const tick = make("input", { type: "checkbox", id: `${id}-${each}`, onchange: (event) => {
      picked[event.target.checked ? "add" : "delete"](each);
      change(options.filter((option) => picked.has(option)));
    } });
    tick.checked = picked.has(each);
    return make("label", {}, tick, each);
  }));
}

function hint(node) {
  if (node.kind === "map") return node.entry.kind === "map" ? "player.type = 1.5" : "name = value";
  return node.entry.kind === "list" ? "ann, bob\nbob, cat" : "one, two";
}

function written(node, value) {
  if (!value) return "";
  if (node.kind === "map") {
    return Object.entries(value).flatMap(([key, inner]) => (node.entry.kind === "map"
      ? Object.entries(inner).map(([second, each]) => `${key}.${second} = ${each}`) : [`${key} = ${inner}`])).join("\n");
  }
  return node.entry.kind === "list" ? value.map((pair) => pair.join(", ")).join("\n") : value.join(", ");
}

function read(node, text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (!lines.length) return undefined;
  if (node.kind === "map") {
    const found = {};
    for (const line of lines) {
      const [key, ...rest] = line.split("="), value = valueOf(node.entry.entry ?? node.entry, rest.join("=").trim());
      if (node.entry.kind !== "map") found[key.trim()] = value;
      else { const [outer, inner] = key.trim().split("."); (found[outer] ??= {})[inner ?? ""] = value; }
    }
    return found;
  }
  const split = (line) => line.split(",").map((each) => each.trim()).filter(Boolean);
  if (node.entry.kind === "list") return lines.map(split);
  return split(lines.join(",")).map((each) => valueOf(node.entry, each));
}

const valueOf = (node, text) => (["number", "whole"].includes(node.kind) ? numeric(text) : text);

// What the page asks the server: always JSON, always this page's own address.

export const session = crypto.randomUUID();

export async function ask(path, content) {
  const answer = await fetch(path, content === undefined ? {} : {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(content),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

// Ask who plays for this page. What is wrong with the scenario is thrown as its list of problems.
export async function play(content) {
  const told = await ask("/api/play", { session, ...content });
  if (told.problems) throw Object.assign(new Error("problems"), { problems: told.problems });
  if (told.forgotten) throw new Error("nothing is played for this page any more; Reset begins the run anew");
  if (told.stopped) throw Object.assign(new Error("stopped"), { stopped: true });
  if (told.fault) throw new Error(told.fault);
  return told.answer;
}

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Making a format takes a hundred times as long as using it.
const formats = new Map();
function formatted(value, key, options) {
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat("en", options));
  return formats.get(key).format(value);
}

export function number(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-4) return value.toExponential(2);
  return size >= 10 ** (digits - 1) ? formatted(value, 0, { maximumFractionDigits: 0 }) : formatted(value, digits, { maximumSignificantDigits: digits });
}

// A number for an axis or a key: short.
export function short(value) {
  const size = Math.abs(value);
  for (const [step, letter] of [[1e9, "bn"], [1e6, "m"], [1e4, "k"]]) {
    const unit = letter === "k" ? 1e3 : step;
    if (size >= step) return `${number(value / unit, 3)}${letter}`;
  }
  return number(value, 3);
}

// An amount with its unit; of units that are millions already, there are no millions of them.
export const amount = (value, unit) => `${/^(thousand|million|billion)\b/.test(unit) ? formatted(value, 3, { maximumSignificantDigits: 3 }) : short(value)} ${unit}`.trim();

export function saveFile(content, name, type) {
  const link = make("a", { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

"use strict";
(function () {
  // Tables: every heading becomes a button; words are compared as words, numbers as numbers, what has none comes last.
  function sortable(table) {
    const headings = Array.from(table.tHead.rows[0].cells);
    headings.forEach(function (heading, column) {
      if (!heading.textContent) { return; }
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = heading.textContent;
      heading.textContent = "";
      heading.appendChild(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", function () {
        const upward = heading.getAttribute("aria-sort") !== "ascending";
        headings.forEach(function (each) { each.setAttribute("aria-sort", "none"); });
        heading.setAttribute("aria-sort", upward ? "ascending" : "descending");
        const body = table.tBodies[0], number = heading.classList.contains("number");
        const rows = Array.from(body.rows).map(function (row) {
          const cell = row.cells[column];
          const key = number ? parseFloat(cell.dataset.value) : cell.textContent;
          return { row: row, key: key, missing: number ? Number.isNaN(key) : key === "" };
        });
        rows.sort(function (one, other) {
          if (one.missing || other.missing) { return one.missing - other.missing; }
          const order = number ? one.key - other.key : one.key.localeCompare(other.key, "en", { numeric: true });
          return upward ? order : -order;
        });
        body.append.apply(body, rows.map(function (each) { return each.row; }));
      });
    });
  }

  const drawing = document.querySelector("svg");
  function draw(parent, tag, attributes, text) {
    const element = document.createElementNS(drawing.namespaceURI, tag);
    Object.keys(attributes).forEach(function (name) { element.setAttribute(name, attributes[name]); });
    if (text !== undefined) { element.textContent = text; }
    parent.appendChild(element);
    return element;
  }

  function short(value) {
    if (value === 0) { return "0"; }
    const size = Math.abs(value);
    return size >= 1e6 || size < 1e-3 ? value.toExponential(2) : Number(value.toPrecision(3)).toLocaleString("en");
  }

  // Rounds: the trade network of one round at a time, drawn from numbers; scales are those of the whole run.
  function rounds(figure) {
    const data = JSON.parse(figure.querySelector("script").textContent);
    const ring = figure.querySelector(".ring"), telling = figure.querySelector(".telling");
    const range = figure.querySelector("input"), output = figure.querySelector("output");
    const play = figure.querySelector("[data-play]"), next = figure.querySelector("[data-telling]");
    const names = data.players, many = names.length, crowded = many > 40, mostNamed = 24;
    const places = names.map(function (_, place) {
      const angle = 2 * Math.PI * place / many;
      return many === 1 ? [0, 0] : [120 * Math.sin(angle), -120 * Math.cos(angle)];
    });
    // Labels stand on both sides of the ring; longer ones are cut, and whole where the pointer rests.
    const labelled = names.concat(data.behaviours.reduce(function (all, row) { return all.concat(row); }, []).map(function (each) { return data.words[each]; }));
    const room = crowded ? 0 : Math.max(10, Math.min(18, Math.max.apply(null, labelled.map(function (each) { return each.length; }))));
    const half = 152 + 6.2 * room;
    ring.setAttribute("viewBox", [-half, -170, 2 * half, 340].join(" "));
    function cut(text) { return text.length > 18 ? text.slice(0, 17) + "\u2026" : text; }
    const widest = Math.max(2, Math.min(17, 0.4 * 2 * Math.PI * 120 / many));

    function radius(wealth) {
      return Math.max(2.2, widest * Math.sqrt(Math.max(0, wealth) / data.wealthiest));
    }
    function strength(value) {
      if (!data.logarithmic) { return value / data.largest; }
      return data.largest === data.smallest ? 1 : Math.log(value / data.smallest) / Math.log(data.largest / data.smallest);
    }
    function ink(share) {
      const steps = data.arrows, at = share * (steps.length - 1), from = Math.min(Math.floor(at), steps.length - 2);
      return "rgb(" + [1, 3, 5].map(function (digit) {
        const low = parseInt(steps[from].slice(digit, digit + 2), 16), high = parseInt(steps[from + 1].slice(digit, digit + 2), 16);
        return Math.round(low + (high - low) * (at - from));
      }) + ")";
    }
    // A player has its own colour, half of its circle white where colours are used again; the outline says how it behaves.
    function disc(parent, x, y, size, look, obedient) {
      draw(parent, "circle", { cx: x, cy: y, r: size, fill: look[0] });
      if (look[1] !== "full") {
        const turn = { bottom: 0, left: 90, top: 180, right: 270 }[look[1]];
        draw(parent, "path", { d: "M" + -size + " 0A" + size + " " + size + " 0 0 1 " + size + " 0Z", fill: "#fff", transform: "translate(" + x + " " + y + ") rotate(" + turn + ")" });
      }
      draw(parent, "circle", { cx: x, cy: y, r: size, fill: "none", stroke: "#262626", "stroke-width": obedient ? 0.7 : 1.8 });
    }
    function cross(parent, x, y, size, colour) {
      const arm = size / 2;
      const corners = [[0, -arm], [arm, -size], [size, -arm], [arm, 0], [size, arm], [arm, size], [0, arm], [-arm, size], [-size, arm], [-arm, 0], [-size, -arm], [-arm, -size]];
      draw(parent, "polygon", {
        points: corners.map(function (corner) { return [x + corner[0], y + corner[1]]; }).join(" "),
        fill: colour, stroke: "#262626", "stroke-width": 0.8
      });
    }
    function arrow(from, to, value, sizes) {
      const one = places[from], other = places[to], share = Math.min(1, Math.max(0, strength(value)));
      const across = other[0] - one[0], down = other[1] - one[1], length = Math.hypot(across, down) || 1;
      const width = 0.4 + data.thickest * share, head = 3 + 1.6 * width;
      const bend = [(one[0] + other[0]) / 2 + 0.1 * down, (one[1] + other[1]) / 2 - 0.1 * across];
      const start = Math.hypot(bend[0] - one[0], bend[1] - one[1]) || 1, end = Math.hypot(other[0] - bend[0], other[1] - bend[1]) || 1;
      const toward = [(other[0] - bend[0]) / end, (other[1] - bend[1]) / end], reach = Math.min(sizes[to] + 1, length / 2);
      const tip = [other[0] - toward[0] * reach, other[1] - toward[1] * reach];
      const base = [tip[0] - toward[0] * head, tip[1] - toward[1] * head], side = [-toward[1] * head * 0.45, toward[0] * head * 0.45];
      const tail = [one[0] + (bend[0] - one[0]) / start * sizes[from], one[1] + (bend[1] - one[1]) / start * sizes[from]];
      const paint = ink(share);
      draw(ring, "path", { d: "M" + tail + "Q" + bend + " " + base, fill: "none", stroke: paint, "stroke-width": width });
      draw(ring, "path", {
        d: "M" + tip + "L" + [base[0] + side[0], base[1] + side[1]] + "L" + [base[0] - side[0], base[1] - side[1]] + "Z", fill: paint
      });
    }

    function show(place) {
      const wealth = data.wealth[place], bankrupt = data.bankrupt[place], flows = data.flows[place];
      const behaviours = data.behaviours[data.behaving[place]], together = data.together[place] || [];
      const sizes = wealth.map(radius), failed = new Set(bankrupt);
      ring.textContent = "";
      const total = data.traded[place];
      const joined = new Set([].concat.apply([], together.map(function (group) { return group.members; })));
      for (let at = 0; at < flows.length; at += 2) {
        arrow(Math.floor(flows[at] / many), flows[at] % many, flows[at + 1], sizes);
      }
      together.forEach(function (group) {
        const corners = group.members.map(function (member) { return places[member]; });
        draw(ring, "path", {
          d: "M" + corners.join("L") + (corners.length > 2 ? "Z" : ""), fill: "none", stroke: data.plain, "stroke-width": 5,
          "stroke-opacity": 0.35, "stroke-linejoin": "round"
        });
        group.members.forEach(function (member) {
          draw(ring, "circle", {
            cx: places[member][0], cy: places[member][1], r: sizes[member] + 4, fill: "none", stroke: data.plain,
            "stroke-width": 2, "stroke-dasharray": "4 2"
          });
        });
      });
      names.forEach(function (name, player) {
        const at = places[player], behaviour = data.words[behaviours[player]], broke = failed.has(player);
        const node = draw(ring, "g", { "data-player": player });
        disc(node, at[0], at[1], sizes[player], data.looks[player], behaviour === data.obedient);
        draw(node, "title", {}, name + ": " + behaviour + (broke ? ", bankrupt" : "") + ", wealth " + short(wealth[player]) + " " + data.unit);
        if (broke) { cross(node, at[0], at[1], Math.max(1.8, Math.min(5, 300 / many)), data.looks[player][0]); }
        if (!crowded) {
          const away = 1 + (sizes[player] + (joined.has(player) ? 13 : 8)) / 120, side = Math.abs(at[0]) < 12 ? "middle" : at[0] > 0 ? "start" : "end";
          const remarks = [behaviour === data.obedient ? "" : behaviour, broke ? "bankrupt" : ""].filter(Boolean);
          const label = draw(ring, "text", {
            x: at[0] * away, y: at[1] * away + 3.5 - (at[1] < -12 ? 11 * remarks.length : 0), "text-anchor": side, fill: "#262626",
            "font-weight": remarks.length ? "bold" : "normal"
          }, cut(name));
          remarks.forEach(function (remark) {
            draw(label, "tspan", { x: at[0] * away, dy: 11, "font-weight": "normal" }, cut(remark));
          });
        }
      });
      const lines = ["Round " + data.rounds[place] + ": " + (total > 0 ? "trade worth " + short(total) + " " + data.unit + (flows.length ? "" : ", in trades too small to be listed one by one") : "no trade") + "."];
      const gained = data.gained[place], possible = data.possible[place];
      lines.push("Trade gained " + short(gained) + " of " + short(possible) + " " + data.unit + " possible.");
      const told = bankrupt.slice(0, mostNamed).map(function (player, nth) {
        return names[player] + " (" + data.words[data.reasons[place][nth]] + ")";
      });
      const rest = bankrupt.length - told.length;
      lines.push(told.length ? "Bankrupt: " + told.join(", ") + (rest ? " and " + rest + " others" : "") + "." : "Nobody is bankrupt.");
      together.forEach(function (group) {
        lines.push(group.members.map(function (member) { return names[member]; }).join(" + ") + ": " + data.words[group.what] + ".");
      });
      telling.textContent = lines.join("\n");
      output.textContent = String(data.rounds[place]);
      range.setAttribute("aria-valuetext", "round " + data.rounds[place]);
      marker.setAttribute("x1", x(place));
      marker.setAttribute("x2", x(place));
    }

    // The course of the run above the slider's ends: what trade gained, and where somebody went bankrupt.
    const course = figure.querySelector(".course"), last = data.rounds.length - 1;
    function x(place) { return last ? 6 + 588 * place / last : 300; }
    const bottom = Math.min.apply(null, data.gained.concat(0)), top = Math.max.apply(null, data.gained.concat(data.possible)) || 1;
    function y(value) { return 36 - 32 * (value - bottom) / (top - bottom || 1); }
    data.bankrupt.forEach(function (who, place) {
      if (who.length) {
        draw(course, "line", { x1: x(place), x2: x(place), y1: 0, y2: 40, stroke: data.plain, "stroke-opacity": 0.5, "stroke-width": Math.max(1, 400 / data.rounds.length) });
      }
    });
    draw(course, "polyline", {
      points: data.gained.map(function (value, place) { return x(place).toFixed(1) + "," + y(value).toFixed(1); }).join(" "),
      fill: "none", stroke: "#333", "stroke-width": 1.2, "vector-effect": "non-scaling-stroke"
    });
    const marker = draw(course, "line", { y1: 0, y2: 40, stroke: "#0943A8", "stroke-width": 2, "vector-effect": "non-scaling-stroke" });

    const key = figure.querySelector(".key");
    function sample(text, picture) {
      const item = document.createElement("li"), small = draw(item, "svg", { viewBox: "0 0 26 14", "aria-hidden": "true" });
      picture(small);
      item.appendChild(document.createTextNode(text));
      key.appendChild(item);
    }
    const none = ["none", "full"];
    sample("obedient; its area is its wealth after trade", function (small) { disc(small, 13, 7, 5.5, none, true); });
    if (data.behaviours.some(function (row) { return row.some(function (each) { return data.words[each] !== data.obedient; }); })) {
      sample("not obedient, and says how it behaves", function (small) { disc(small, 13, 7, 5.5, none, false); });
    }
    if (data.bankrupt.some(function (who) { return who.length; })) {
      sample("bankrupt", function (small) { cross(small, 13, 7, 5, "none"); });
    }
    sample("goods given, up to " + short(data.largest) + " " + data.unit + (data.logarithmic ? " (logarithmic)" : ""), function (small) {
      draw(small, "path", { d: "M1 7H18", stroke: ink(1), "stroke-width": 2.5 });
      draw(small, "path", { d: "M25 7L17 3V11Z", fill: ink(1) });
    });
    if (data.together.some(function (each) { return each; })) {
      sample("a coalition, or players who left together", function (small) {
        draw(small, "circle", { cx: 13, cy: 7, r: 5.5, fill: "none", stroke: data.plain, "stroke-width": 2, "stroke-dasharray": "4 2" });
      });
    }

    let clock = null;
    function stop() {
      window.clearInterval(clock);
      clock = null;
      play.textContent = "Play";
      play.setAttribute("aria-pressed", "false");
    }
    function go(place) {
      range.value = String(Math.max(0, Math.min(last, place)));
      show(Number(range.value));
    }
    range.max = String(last);
    range.addEventListener("input", function () { show(Number(range.value)); });
    figure.querySelectorAll("[data-step]").forEach(function (button) {
      button.addEventListener("click", function () { go(Number(range.value) + Number(button.dataset.step)); });
    });
    play.addEventListener("click", function () {
      if (clock !== null) { stop(); return; }
      if (Number(range.value) === last) { go(0); }
      play.textContent = "Pause";
      play.setAttribute("aria-pressed", "true");
      clock = window.setInterval(function () {
        if (Number(range.value) === last) { stop(); } else { go(Number(range.value) + 1); }
      }, 250);
    });
    next.addEventListener("click", function () {
      for (let step = 1; step <= last + 1; step += 1) {
        const place = (Number(range.value) + step) % (last + 1);
        if (data.bankrupt[place].length) { go(place); return; }
      }
    });
    next.hidden = !data.bankrupt.some(function (who) { return who.length; });
    figure.hidden = false;
    go(data.first);
  }

  document.querySelectorAll("table.sortable").forEach(sortable);
  document.querySelectorAll("figure.rounds").forEach(rounds);
}());

"use strict";
// Tables: a click on a head sorts by its column, another one the other way round.
for (const head of document.querySelectorAll(".sortable th")) {
  head.tabIndex = 0;
  head.addEventListener("keydown", (event) => { if (event.key === "Enter") head.click(); });
  head.addEventListener("click", () => {
    const body = head.closest("table").tBodies[0];
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const numeric = head.classList.contains("n");
    const last = up ? Infinity : -Infinity; // what has no value comes last
    const key = (row) => {
      const cell = row.cells[head.cellIndex];
      return numeric ? (cell.dataset.key === undefined ? last : Number(cell.dataset.key)) : cell.textContent;
    };
    const compare = (a, b) => numeric ? (a === b ? 0 : a < b ? -1 : 1) : a.localeCompare(b, "en", { numeric: true });
    const rows = [...body.rows].sort((a, b) => (up ? 1 : -1) * compare(key(a), key(b)));
    body.append(...rows);
  });
}

// Figures: what is under the pointer. Each reader takes a position in the drawing and gives the text, or null.
const tip = document.getElementById("tip");
const short = (value) => Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);

function cells(told, svg) {
  const picture = new Image();
  let pixels = null;
  picture.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    canvas.width = picture.width;
    canvas.height = picture.height;
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  });
  picture.src = svg.querySelector("image").getAttribute("href");
  const share = (column, row) => {
    const at = (row * pixels.width + column) * 4;
    if (pixels.data[at + 3] < 255) return told.words[0];
    let best = 0, least = Infinity;
    told.colours.forEach((colour, level) => {
      const distance = colour.reduce((sum, part, i) => sum + (part - pixels.data[at + i]) ** 2, 0);
      if (distance < least) { least = distance; best = level; }
    });
    return best === 255 ? told.words[1] : `${Math.round(best / 2.55)} % ${told.words[2]}`;
  };
  return (at) => {
    if (!at) return null;
    const [left, top, width, height] = told.area;
    const x = (at.x - left) / width, y = (at.y - top) / height;
    if (!pixels || x < 0 || x >= 1 || y < 0 || y >= 1) return null;
    const row = Math.floor(y * pixels.height);
    return `${told.rows[row]} · ${short(x * told.end_s)} s · ${share(Math.floor(x * pixels.width), row)}`;
  };
}

function curves(told, svg) {
  const [left, top, width, height] = told.area;
  const line = document.createElementNS(svg.namespaceURI, "line");
  line.setAttribute("class", "reader");
  line.setAttribute("y1", top);
  line.setAttribute("y2", top + height);
  svg.append(line);
  return (at, shown) => {
    const x = at && (at.x - left) / width;
    const inside = at && x >= 0 && x <= 1 && at.y >= top && at.y <= top + height;
    line.style.display = inside ? "inline" : "none";
    if (!inside) return null;
    line.setAttribute("x1", shown.x);
    line.setAttribute("x2", shown.x);
    const value = (curve) => curve.values[Math.round(x * (curve.values.length - 1))];
    const lines = told.curves.map((curve) => `${curve.name}: ${short(value(curve))}${told.value_unit}`);
    return [`at ${short(told.from + (told.to - told.from) * x)}${told.unit}`, ...lines].join("\n");
  };
}

function points(told) {
  return (at) => {
    let nearest = null, least = 60 ** 2;
    for (const point of at ? told.points : []) {
      const distance = (point.x - at.x) ** 2 + (point.y - at.y) ** 2;
      if (distance < least) { least = distance; nearest = point; }
    }
    return nearest && nearest.text;
  };
}

// Figures with an axis: a drag shows a part of it. Likewise + and -, the arrows move it, and Escape, a double click or the button
// show all of it again. Nothing in the drawing changes before that, and then it is as it was, to the last attribute.
// Ticks are 1, 2 or 5 times a power of ten apart, and no more than seven.
function step(span) {
  const power = 10 ** Math.floor(Math.log10(span / 7));
  return [1, 2, 5, 10].map((times) => times * power).find((size) => span / size <= 7);
}

function zoom(told, svg) {
  const [left, top, width, height] = told.area, right = left + width, bottom = top + height;
  const [first, last, unit] = told.kind === "cells" ? [0, told.end_s, " s"] : [told.from, told.to, told.unit];
  const element = (name, attributes, parent) => {
    const made = document.createElementNS(svg.namespaceURI, name);
    for (const key in attributes) made.setAttribute(key, attributes[key]);
    return parent.appendChild(made);
  };
  let [from, to] = [0, 1], parts = null, start = null;
  const shown = (x) => left + ((x - left) / width - from) / (to - from) * width;
  const whole = (x) => left + (from + (x - left) / width * (to - from)) * width;
  const value = (share) => first + share * (last - first);
  const place = (event) => new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const inside = (at) => at.x >= left && at.x <= right && at.y >= top && at.y <= bottom;

  const button = document.createElement("button");
  button.className = "zoom";
  button.hidden = true;
  const hint = document.createElement("span");
  hint.className = "hint";
  hint.textContent = "Drag to zoom, or + \u2212 \u2190 \u2192";
  svg.after(button, hint);
  const area = { x: left, y: top, width, height };
  const band = element("rect", { ...area, class: "band", "fill-opacity": 0 }, svg);
  svg.tabIndex = 0;
  svg.setAttribute("aria-keyshortcuts", "+ - ArrowLeft ArrowRight Escape");

  // What moves with the axis: all that lies in the area, and the ticks below it.
  function take() {
    const clip = element("clipPath", { id: `${svg.id}-area` }, svg);
    element("rect", { ...area, y: top - 30, height: height + 40 }, clip);
    const parts = { moved: [], ticks: [], made: [] };
    for (const part of svg.querySelectorAll("polyline, polygon, image, rect, circle, text")) {
      if (part === band || part.closest("clipPath")) continue;
      const box = part.tagName === "text"
        ? { x: Number(part.getAttribute("x")), y: Number(part.getAttribute("y")), width: 0, height: 0 }
        : part.getBBox();
      const within = box.x >= left - 20 && box.x + box.width <= right + 20;
      if (!within || box.y < top - 60) continue;
      if (box.y + box.height <= bottom + 10) {
        const names = { polyline: ["points"], polygon: ["points"], circle: ["cx"], text: ["x"] }[part.tagName] ?? ["x", "width"];
        parts.moved.push({ part, is: names.map((name) => [name, part.getAttribute(name)]) });
      } else if (box.y <= bottom + 100) parts.ticks.push(part);
    }
    return parts;
  }

  function draw() {
    const zoomed = from > 0 || to < 1;
    if (!zoomed && !parts) return;
    parts ??= take();
    for (const { part, is } of parts.moved) {
      const moves = Object.fromEntries(is);
      if (zoomed) {
        if (moves.points) moves.points = moves.points.trim().split(/\s+/).map((point) => {
          const [x, y] = point.split(",");
          return `${shown(Number(x)).toFixed(1)},${y}`;
        }).join(" ");
        if (moves.width) moves.width = Number(moves.width) / (to - from);
        for (const name of ["x", "cx"]) if (moves[name]) moves[name] = shown(Number(moves[name]));
        part.setAttribute("clip-path", `url(#${svg.id}-area)`);
      } else part.removeAttribute("clip-path");
      for (const name in moves) part.setAttribute(name, moves[name]);
      if (part.tagName === "text") part.style.display = zoomed && (moves.x < left || moves.x > right) ? "none" : "";
    }
    for (const tick of parts.ticks) tick.style.display = zoomed ? "none" : "";
    for (const made of parts.made.splice(0)) made.remove();
    button.hidden = !zoomed;
    if (!zoomed) return;
    const [low, high] = [value(from), value(to)], every = step(high - low);
    const digits = Math.max(0, Math.ceil(-Math.log10(every) - 1e-9));
    const [mark, label] = ["polyline", "text"].map((tag) => parts.ticks.find((tick) => tick.tagName === tag));
    for (let tick = Math.ceil(low / every - 1e-9) * every; tick <= high + every * 1e-9; tick += every) {
      const x = left + (tick - low) / (high - low) * width;
      if (mark) parts.made.push(element("polyline", { points: `${x},${bottom} ${x},${bottom + 16}`, fill: "none", stroke: "#9CA3AF", "stroke-width": 4 }, svg));
      if (!label) continue;
      const copy = svg.appendChild(label.cloneNode());
      copy.style.display = "";
      copy.setAttribute("x", x);
      copy.textContent = `${tick.toFixed(digits)}${unit}`;
      parts.made.push(copy);
    }
    button.textContent = `Show all · now ${low.toFixed(digits)} to ${high.toFixed(digits)}${unit}`;
  }

  const least = 1 / 200;
  function show(low, high) {
    const span = Math.min(1, Math.max(least, high - low));
    from = Math.min(Math.max(0, low), 1 - span);
    to = span === 1 ? 1 : from + span;
    draw();
  }
  const all = () => { const held = document.activeElement === button; show(0, 1); if (held) svg.focus(); };
  button.addEventListener("click", all);
  svg.addEventListener("dblclick", all);
  svg.addEventListener("keydown", (event) => {
    const middle = (from + to) / 2, span = to - from;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") show(middle - span / 4, middle + span / 4);
    else if (span === 1) return;
    else if (event.key === "-") show(middle - span, middle + span);
    else if (event.key === "ArrowLeft") show(from - span / 4, to - span / 4);
    else if (event.key === "ArrowRight") show(from + span / 4, to + span / 4);
    else if (event.key === "Escape") all();
    else return;
    event.preventDefault();
  });

  // A finger scrolls the page; a mouse or a pen draws a band.
  const drag = (event) => {
    const x = Math.min(right, Math.max(left, place(event).x));
    band.setAttribute("x", Math.min(start, x));
    band.setAttribute("width", Math.abs(x - start));
    band.setAttribute("fill-opacity", 0.15);
    return x;
  };
  const drop = (event) => {
    const x = drag(event);
    const [low, high] = [Math.min(start, x), Math.max(start, x)].map((x) => (whole(x) - left) / width);
    start = null;
    window.removeEventListener("pointermove", drag);
    window.removeEventListener("pointerup", drop);
    window.removeEventListener("pointercancel", drop);
    document.documentElement.classList.remove("dragging");
    for (const key in area) band.setAttribute(key, area[key]);
    band.setAttribute("fill-opacity", 0);
    if (event.type === "pointerup" && high - low >= (to - from) / 50) show(low, high);
  };
  svg.addEventListener("pointerdown", (event) => {
    const at = place(event);
    if (event.button !== 0 || event.pointerType === "touch" || start !== null || !inside(at)) return;
    start = at.x;
    document.documentElement.classList.add("dragging");
    window.addEventListener("pointermove", drag);
    window.addEventListener("pointerup", drop);
    window.addEventListener("pointercancel", drop);
  });
  return (at) => at.x >= left && at.x <= right ? new DOMPoint(whole(at.x), at.y) : null;
}

for (const data of document.querySelectorAll("script[data-hover]")) {
  const svg = document.getElementById(data.dataset.hover);
  const told = JSON.parse(data.textContent);
  const read = { cells, curves, points }[told.kind](told, svg);
  const unzoomed = told.area ? zoom(told, svg) : (at) => at;
  svg.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const text = read(unzoomed(at), at);
    tip.style.display = text ? "block" : "none";
    if (!text) return;
    tip.textContent = text;
    const room = window.innerWidth - tip.offsetWidth - 20;
    tip.style.left = `${Math.max(0, Math.min(event.clientX + 14, room))}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
  svg.addEventListener("pointerleave", () => { tip.style.display = "none"; read(null); });
}
document.documentElement.dataset.state = "READY";

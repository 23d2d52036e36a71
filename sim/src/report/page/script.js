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
  return (at) => {
    const x = at && (at.x - left) / width;
    const inside = at && x >= 0 && x <= 1 && at.y >= top && at.y <= top + height;
    line.style.display = inside ? "inline" : "none";
    if (!inside) return null;
    line.setAttribute("x1", at.x);
    line.setAttribute("x2", at.x);
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

for (const data of document.querySelectorAll("script[data-hover]")) {
  const svg = document.getElementById(data.dataset.hover);
  const told = JSON.parse(data.textContent);
  const read = { cells, curves, points }[told.kind](told, svg);
  svg.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const text = read(at);
    tip.style.display = text ? "block" : "none";
    if (!text) return;
    tip.textContent = text;
    const room = window.innerWidth - tip.offsetWidth - 20;
    tip.style.left = `${Math.max(0, Math.min(event.clientX + 14, room))}px`;
    tip.style.top = `${event.clientY + 16}px`;
  });
  svg.addEventListener("pointerleave", () => { tip.style.display = "none"; if (told.kind !== "cells") read(null); });
}
document.documentElement.dataset.state = "READY";

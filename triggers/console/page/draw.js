// A grid to draw on, for models of square images. A stroke is drawn four times as fine as the
// grid, and a cell is as bright as the share of it that is covered, as in the digits' own images.
import { answerView } from "./answer.js";
import { el } from "./dom.js";
import { latestScorer } from "./latest.js";

const FINE = 4;
const RADIUS = 2.6;  // of the brush, in fine cells

export function drawPanel(form, query) {
  const { side, brightest } = form.grid;
  const width = side * FINE;
  const ink = new Uint8Array(width * width);
  const answer = answerView();
  const send = latestScorer(answer, { again: true });
  const cells = Array.from({ length: side * side }, (_, index) => el("div", {
    role: "gridcell", tabindex: index ? "-1" : "0", class: "cell",
  }));
  const rows = Array.from({ length: side }, (_, row) =>
    el("div", { role: "row" }, cells.slice(row * side, (row + 1) * side)));
  const grid = el("div", { class: "grid", role: "grid", "aria-label": `Drawing of ${side} by ${side} cells. Arrow keys move, Space draws.` }, rows);
  grid.style.setProperty("--side", side);
  let last = null;
  let example = 0;
  let values = [];

  function update({ ask = true } = {}) {
    values = cells.map((_, index) => covered(ink, index, side, width) * brightest);
    paint();
    if (ask) predict();
  }

  function paint() {
    cells.forEach((cell, index) => {
      cell.style.setProperty("--ink", values[index] / brightest);
      const row = Math.floor(index / side) + 1;
      cell.setAttribute("aria-label", `row ${row}, column ${index % side + 1}: ${Math.round(values[index])}`);
    });
  }

  function predict() {
    const row = values.map(value => Math.round(value * 100) / 100);
    send({ body: JSON.stringify({ data: [row] }), query });
  }

  function point(event) {
    const box = grid.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * width, (event.clientY - box.top) / box.height * width];
  }

  grid.addEventListener("pointerdown", event => {
    event.preventDefault();
    grid.setPointerCapture(event.pointerId);
    last = point(event);
    stroke(ink, width, last, last);
    update();
  });
  grid.addEventListener("pointermove", event => {
    if (!last) return;
    const next = point(event);
    stroke(ink, width, last, next);
    last = next;
    update();
  });
  for (const end of ["pointerup", "pointercancel"]) grid.addEventListener(end, () => { last = null; });
  grid.addEventListener("keydown", event => {
    const index = cells.indexOf(event.target);
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: side, ArrowUp: -side }[event.key];
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      setCell(ink, index, side, width, values[index] > 0 ? 0 : 1);
      update();
    } else if (step !== undefined && cells[index + step]) {
      event.preventDefault();
      cells[index].tabIndex = -1;
      cells[index + step].tabIndex = 0;
      cells[index + step].focus();
    }
  });

  function clear() {
    ink.fill(0);
    answer.outdate();
    update({ ask: false });
  }

  function showExample() {
    clear();
    values = form.rows[example++ % form.rows.length].map(Number);
    values.forEach((value, index) => setCell(ink, index, side, width, value / brightest));
    paint();
    predict();
  }

  const controls = el("div", { class: "actions" },
    el("button", { type: "button", click: showExample, disabled: !form.rows.length }, "Another example"),
    el("button", { type: "button", class: "plain", click: clear }, "Clear"));
  const panel = el("div", { class: "split" },
    el("div", {}, el("p", { class: "intro" }, "Draw with the mouse or a finger, as large as the square. The model answers while you draw. By keyboard: arrow keys move, Space draws."), grid, controls),
    answer.view);
  if (form.rows.length) showExample();
  else update({ ask: false });
  return panel;
}

function stroke(ink, width, [x0, y0], [x1, y1]) {
  const steps = Math.max(1, Math.ceil(Math.hypot(x1 - x0, y1 - y0)));
  for (let step = 0; step <= steps; step++) {
    dot(ink, width, x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps);
  }
}

function dot(ink, width, x, y) {
  for (let row = Math.floor(y - RADIUS); row <= y + RADIUS; row++) {
    for (let column = Math.floor(x - RADIUS); column <= x + RADIUS; column++) {
      const inside = row >= 0 && column >= 0 && row < width && column < width;
      if (inside && Math.hypot(column + 0.5 - x, row + 0.5 - y) <= RADIUS) ink[row * width + column] = 1;
    }
  }
}

function* fineCells(index, side, width) {
  const top = Math.floor(index / side) * FINE;
  const left = index % side * FINE;
  for (let fine = 0; fine < FINE * FINE; fine++) {
    yield (top + Math.floor(fine / FINE)) * width + left + fine % FINE;
  }
}

function covered(ink, index, side, width) {
  let sum = 0;
  for (const fine of fineCells(index, side, width)) sum += ink[fine];
  return sum / (FINE * FINE);
}

function setCell(ink, index, side, width, share) {
  let left = Math.round(share * FINE * FINE);
  for (const fine of fineCells(index, side, width)) ink[fine] = left-- > 0 ? 1 : 0;
}

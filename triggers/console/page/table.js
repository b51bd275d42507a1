// Rows with their predictions and confidences. A row that failed has its reason instead.
import { number, percent, sentence } from "./answer.js";
import { el } from "./dom.js";

const MOST_ROWS = 200;
const MOST_COLUMNS = 6;

// rows: [{ cells, prediction, confidence, error }]; `total`: how many there are in all.
export function rowTable({ names, rows, total = rows.length }) {
  const shown = rows.slice(0, MOST_ROWS);
  const width = Math.max(0, ...shown.map(row => row.cells.length));
  const some = Math.min(width, MOST_COLUMNS);
  const hidden = width - some;
  const heads = [...Array(some).keys()].map(index => el("th", { scope: "col" }, names?.[index] ?? `Column ${index}`));
  const hasConfidence = shown.some(row => row.confidence !== undefined);
  const head = el("tr", {}, el("th", { scope: "col" }, "Row"), el("th", { scope: "col" }, "Prediction"),
    hasConfidence ? el("th", { scope: "col" }, "Confidence") : null, heads,
    hidden ? el("th", { scope: "col" }, `${hidden} more`) : null);
  const body = shown.map((row, index) => line(row, index, { some, hidden, hasConfidence }));
  const note = total > shown.length ? `The first ${shown.length} of ${total.toLocaleString("en")} rows.` : `${total === 1 ? "1 row" : `${total.toLocaleString("en")} rows`}.`;
  const table = el("table", { class: "rows" }, el("caption", { class: "quiet" }, note), el("thead", {}, head), el("tbody", {}, body));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Scored rows" }, table);
}

function line(row, index, { some, hidden, hasConfidence }) {
  const cells = [...Array(some).keys()].map(at => el("td", {}, text(row.cells[at])));
  if (row.error) {
    return el("tr", { class: "wrong" }, el("th", { scope: "row" }, String(index)),
      el("td", { colspan: hasConfidence ? 2 : 1 }, el("span", { class: "tag failed" }, "failed"), el("span", { class: "error" }, ` ${sentence(row.error.replace(/^row \d+(, |: )/, ""))}`)),
      cells, hidden ? el("td", { class: "quiet" }, "…") : null);
  }
  const share = row.confidence;
  return el("tr", {}, el("th", { scope: "row" }, String(index)), el("td", { class: "prediction" }, text(row.prediction)),
    hasConfidence ? el("td", { class: share < 0.6 ? "unsure" : null }, share === undefined ? "" : percent(share)) : null,
    cells, hidden ? el("td", { class: "quiet" }, "…") : null);
}

function text(value) {
  if (value === null || value === undefined || value === "") return el("span", { class: "quiet" }, "missing");
  if (typeof value === "number") return number(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// A form made from the model's schema: one control a column, by its type.
import { answerView, sentence } from "./answer.js";
import { columnField } from "./columns.js";
import { el, replace, showError } from "./dom.js";
import { latestScorer } from "./latest.js";

const TYPING_MS = 300;

export function formPanel(form, query) {
  const answer = answerView();
  const send = latestScorer(answer, { again: true });
  const fields = form.columns.map((column, index) => columnField(form, column, form.rows.map(row => row[index])));
  const body = el("form", { novalidate: true, "aria-label": "One row", submit });
  let example = 0;
  let timer;

  function fill(row) {
    fields.forEach((each, index) => { each.set(row?.[index] ?? null); });
  }

  function read({ quietly }) {
    const row = fields.map(each => each.read(quietly));
    return row.some(cell => cell === undefined) ? null : row;
  }

  function ask({ quietly }) {
    const row = read({ quietly });
    if (row) send(rowRequest(form, [row], query), { failed: refused => showAtField(refused) });
    else answer.outdate();
    if (!row && !quietly) body.querySelector("[aria-invalid]")?.focus();
  }

  function submit(event) {
    event.preventDefault();
    ask({ quietly: false });
  }

  // 422 names the column that is wrong.
  function showAtField(refused) {
    const namings = each => [`'${each.column.name}'`, `"${each.column.name}"`];
    const wrong = refused.status === 422 && fields.find(each => namings(each).some(name => refused.message.includes(name)));
    const start = wrong && namings(wrong).map(name => `row 0, column ${name}: `).find(each => refused.message.startsWith(each));
    if (wrong) showError(wrong.control, sentence(refused.message.slice(start?.length ?? 0)));
    if (wrong) answer.fail(refused);
    return Boolean(wrong);
  }

  function showExample() {
    fill(form.rows[example++ % form.rows.length]);
    ask({ quietly: true });
  }

  body.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => ask({ quietly: true }), TYPING_MS);
  });
  replace(body,
    el("div", { class: fields.length > 24 ? "fields dense" : "fields" }, fields.map(each => each.view)),
    el("div", { class: "actions" },
      el("button", { type: "submit" }, "Predict"),
      el("button", { type: "button", class: "plain", click: showExample, disabled: !form.rows.length }, "Another example"),
      el("button", { type: "button", class: "plain", click: () => { fill(null); answer.outdate(); } }, "Clear")));
  if (form.rows.length) fill(form.rows[example++]);
  let isAsked = false;
  const intro = "One row of the model's columns. The answer follows what you type; an empty field is a missing value where the model takes one.";
  return {
    panel: el("div", { class: "split" }, el("div", {}, el("p", { class: "intro" }, intro), body), answer.view),
    shown() {
      if (!isAsked && form.rows.length) ask({ quietly: true });
      isAsked = true;
    },
  };
}

// The body for rows in the model's order.
export function rowRequest(form, rows, query) {
  const names = form.columns.map(column => column.name);
  let data = rows;
  if (form.kind === "texts") data = rows.map(([text]) => text);
  else if (form.named) data = rows.map(row => Object.fromEntries(row.map((cell, index) => [names[index], cell])));
  return { body: JSON.stringify({ data }), query };
}

// A form made from the model's schema: one control a column, by its type.
import { answerView, sentence } from "./answer.js";
import { dateControl, picked, readDate } from "./dates.js";
import { el, field, replace, showError, suggest } from "./dom.js";
import { latestScorer } from "./latest.js";

const MOST_CHOICES = 500;
const MOST_SUGGESTED_LENGTH = 60;
const TYPING_MS = 300;
const HINTS = { integer: "whole number", number: "number", boolean: "true or false", text: "text", category: "category", date: "date" };
const PICKERS = { date: "date", "datetime-local": "date and time" };

export function formPanel(form, query) {
  const answer = answerView();
  const send = latestScorer(answer);
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
    else if (!quietly) body.querySelector("[aria-invalid]")?.focus();
  }

  function submit(event) {
    event.preventDefault();
    ask({ quietly: false });
  }

  // 422 names the column that is wrong.
  function showAtField(refused) {
    const wrong = refused.status === 422 && fields.find(each => refused.message.includes(`'${each.column.name}'`) || refused.message.includes(`"${each.column.name}"`));
    if (wrong) showError(wrong.control, sentence(refused.message));
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
      el("button", { type: "button", class: "plain", click: () => fill(null) }, "Clear")));
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

// `examples`: cells of the column.
function columnField(form, column, examples) {
  const control = controlOf(form, column, examples);
  const kind = column.type === "date" ? `${PICKERS[control.type] ?? "date"}${column.zone ? ", UTC" : ""}` : HINTS[column.type];
  const hint = [kind, column.missing ? "optional" : ""].filter(Boolean).join(", ");
  const view = field(form.named || form.kind === "texts" ? nameOf(column) : `Column ${column.name}`, hint, control);
  const suggestions = suggestionsOf(form, column, examples);
  if (suggestions.length) view.append(suggest(control, suggestions));
  return {
    column, control, view,
    set(cell) {
      control.value = cell === null ? "" : shownCell(column, cell, control);
      showError(control, "");
    },
    // The cell; undefined if it is wrong, which is said at the field.
    read() {
      const { cell, wrong } = column.type === "date" ? readDate(column, control) : parse(column, control.value);
      showError(control, wrong ?? "");
      return wrong ? undefined : cell;
    },
  };
}

// A column may have any name, also none.
function nameOf({ name }) {
  return name.trim() || JSON.stringify(name);
}

// Of a column of texts whose values nobody listed: those of the examples.
function suggestionsOf(form, column, examples) {
  if (column.type !== "text" || form.kind === "texts" || choicesOf(column)) return [];
  const texts = [...new Set(examples)].filter(each => typeof each === "string" && each.length <= MOST_SUGGESTED_LENGTH && !each.includes("\n"));
  return texts.length < examples.length / 2 ? texts : [];  // most differ: names, notes
}

function controlOf(form, column, examples) {
  const choices = choicesOf(column);
  if (choices) {
    const empty = column.missing ? "(missing)" : "Choose …";
    const options = choices.map(each => el("option", { value: JSON.stringify(each) }, String(each)));
    return el("select", {}, el("option", { value: "" }, empty), options);
  }
  if (form.kind === "texts") return el("textarea", { rows: "6" });
  if (column.type === "date") return dateControl(column, examples);
  if (column.type === "text" && examples.some(isLong)) return el("textarea", { rows: "3" });
  const isNumber = column.type === "number" || column.type === "integer";
  return el("input", { type: "text", inputmode: isNumber ? "decimal" : null, autocomplete: "off", placeholder: column.missing ? "missing" : null });
}

// The values of a select, each as JSON; null where there are too many: those are typed.
function choicesOf({ type, values }) {
  if (type === "boolean") return [true, false];
  return values?.length <= MOST_CHOICES ? values : null;
}

// A line of an input takes no line ends.
function isLong(cell) {
  return typeof cell === "string" && (cell.length > MOST_SUGGESTED_LENGTH || cell.includes("\n"));
}

function shownCell(column, cell, control) {
  if (PICKERS[control.type]) return picked(cell, control.type === "datetime-local");
  return choicesOf(column) ? JSON.stringify(cell) : String(cell);
}

function parse(column, text) {
  if (text === "" && column.missing) return { cell: null };
  if (choicesOf(column)) return text === "" ? { wrong: "Choose one of the values." } : { cell: JSON.parse(text) };
  const known = column.values?.find(each => String(each) === text);
  if (known !== undefined) return { cell: known };
  if (column.type === "number" || column.type === "integer") return parseNumber(column, text.trim());
  return { cell: text };
}

function parseNumber(column, text) {
  const cell = Number(text);
  const what = column.type === "integer" ? "a whole number" : "a number";
  if (text === "") return { wrong: `Expected ${what}, got nothing.` };
  const isRight = column.type === "integer" ? Number.isInteger(cell) : Number.isFinite(cell);
  if (!isRight) return { wrong: `Expected ${what}, got "${text.slice(0, 40)}".` };
  // JavaScript would round a larger whole number.
  if (column.type === "integer" && !Number.isSafeInteger(cell)) return { wrong: `This page takes whole numbers to ${Number.MAX_SAFE_INTEGER}; send a larger one on the tab File.` };
  return { cell };
}

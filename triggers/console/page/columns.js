// The control of a column of the schema: what it shows for a cell, and the cell that it holds.
import { dateControl, picked, readDate } from "./dates.js";
import { el, field, showError, suggest } from "./dom.js";

const MOST_CHOICES = 500;
const MOST_SUGGESTED_LENGTH = 60;
const HINTS = { integer: "whole number", number: "number", boolean: "true or false", text: "text", category: "category", date: "date" };
const PICKERS = { date: "date", "datetime-local": "date and time" };

// `examples`: cells of the column.
export function columnField(form, column, examples) {
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

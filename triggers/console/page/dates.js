// A picker for a column of dates, and the texts that the model takes. Times are UTC where the column
// has a zone, else without a zone.
import { el } from "./dom.js";

// A picker takes so many digits of a second at most.
const EXACT = /\.\d{4,}/;

// `examples`: cells of the column. They say whether it has times, and whether a picker can hold them.
export function dateControl(column, examples) {
  const texts = examples.filter(each => each !== null).map(String);
  if (texts.some(text => EXACT.test(text) || !picked(text, true))) return el("input", { type: "text", autocomplete: "off", placeholder: column.zone ? "2026-11-27T10:00:00Z" : "2026-11-27" });
  const hasTimes = column.zone || !texts.length || texts.some(text => !/T00:00:00(\.0+)?$/.test(text));
  return el("input", hasTimes ? { type: "datetime-local", step: stepOf(texts) } : { type: "date" });
}

// What a picker shows for a cell: empty if it is no date.
export function picked(cell, hasTime) {
  const text = String(cell);
  const moment = new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes("T") ? text : `${text}Z`);
  if (Number.isNaN(moment.getTime())) return "";
  const shown = moment.toISOString().replace("Z", "").replace(/\.000$/, "");
  return hasTime ? shown : shown.slice(0, 10);
}

// { cell } or { wrong }. Empty is missing, or wrong where the model takes no missing value.
export function readDate(column, control) {
  const text = control.value.trim();
  if (control.validity.badInput) return { wrong: "Expected a whole date, got a part of one." };
  if (text === "") return column.missing ? { cell: null } : { wrong: "Expected a date, got nothing." };
  return { cell: control.type === "datetime-local" && column.zone ? `${text}Z` : text };
}

function stepOf(texts) {
  if (texts.some(text => /\.\d*[1-9]/.test(text))) return "0.001";
  return texts.some(text => /T\d\d:\d\d:(?!00)/.test(text)) ? "1" : "60";
}

// Rows as texts: of a file, for a file, and as an example.
import { jsonOf } from "./rows.js";

export function asFile(read, content) {
  return read.kind === "csv" ? new File([content], "rows.csv") : new File([jsonOf(read, read.rows)], "rows.json");
}

// What the app can not know of pasted rows.
export function optionsOf({ delimiter }) {
  if (delimiter === undefined || delimiter === ",") return {};
  return { delimiter: delimiter === "\t" ? "tab" : delimiter };
}

// Null for bytes that are no text in this charset: the app says what is wrong with them.
export function decode(content, charset = "utf-8") {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(content);
  } catch {
    return null;
  }
}

export function exampleOf(form) {
  const quoted = cell => /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  const line = cells => cells.map(cell => quoted(String(cell ?? ""))).join(",");
  const names = form.named || form.kind === "texts" ? [form.columns.map(column => column.name)] : [];
  return [...names, ...form.rows].map(line).join("\n");
}

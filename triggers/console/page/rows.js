// Pasted or dropped text as rows: which format it is, and where each row begins and ends.
import { split, splitMember } from "./json.js";

// The objects' names under which the app takes a list of rows.
const LISTS = ["data", "instances", "inputs", "input_data", "dataframe_records"];

// { kind, names, rows: [{ cells, raw }] }. `raw` is the row as it was written. Raises SyntaxError.
// CSV has a `delimiter` and a `header` too, JSON the text `before` its rows and `after` them. `said`:
// the header and the delimiter of CSV where a person said them.
export function readRows(text, form, said = {}) {
  const trimmed = text.trim();
  if (trimmed.startsWith("[") || trimmed.startsWith("{")) return readJson(trimmed, form);
  return readCsv(text, form, said);
}

function readJson(text, form) {
  const document = parsed(text);
  const { before, items, after } = rowsOf(document, text);
  const values = items.map(item => JSON.parse(item));
  const rows = values.map((value, index) => ({ cells: cellsOf(value, form), raw: items[index] }));
  const columns = Array.isArray(document?.columns) ? document.columns : null;
  return { kind: "json", before, after, names: columns ?? namesOf(values, form), rows };
}

// Rows in a list, in a list under a name, as one object, or one in each line.
function rowsOf(document, text) {
  if (Array.isArray(document)) return split(text);
  const name = document && LISTS.find(each => Array.isArray(document[each]));
  if (name) return splitMember(text, name);
  const items = document ? [text] : text.split("\n").map(line => line.trim()).filter(Boolean);
  return { before: "[", items, after: "]" };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function cellsOf(value, form) {
  if (Array.isArray(value)) return value;
  if (value === null || typeof value !== "object") return [value];
  return form.named ? form.columns.map(column => value[column.name]) : Object.values(value);
}

function namesOf(values, form) {
  if (form.named || form.kind === "texts") return form.columns.map(column => column.name);
  const [first] = values;
  return first && typeof first === "object" && !Array.isArray(first) ? Object.keys(first) : null;
}

function readCsv(text, form, said) {
  const delimiter = said.delimiter?.replace("tab", "\t") ?? delimiterOf(text, form.columns.length);
  const records = splitCsv(text, delimiter);
  const hasHeader = records.length > 0 && (said.header ? said.header === "present" : isHeader(records[0].cells, form));
  const header = hasHeader ? records.shift() : null;
  return { kind: "csv", delimiter, header, names: header?.cells ?? namesOf([], form), rows: records };
}

// The delimiter that cuts the first line into `width` cells, else the first that is in it outside
// quotes. A semicolon comes before a comma, which may be in its numbers: `1,5;2,5`.
export function delimiterOf(text, width) {
  const [line] = text.replace(/"(?:[^"]|"")*"/g, '""').split("\n", 1);
  const widthBy = each => line.split(each).length;
  const found = ["\t", ";", ","].filter(each => widthBy(each) > 1);
  return found.find(each => widthBy(each) === width) ?? found[0] ?? ",";
}

function isHeader(cells, form) {
  const known = new Set([...form.columns.map(column => column.name), ...(form.kind === "texts" ? ["text"] : [])]);
  if (form.named || form.kind === "texts") return cells.some(cell => known.has(cell.trim()));
  return cells.every(cell => cell.trim() && Number.isNaN(Number(cell)));
}

// Records with their cells. A quoted cell may hold delimiters, line ends and doubled quotes.
export function splitCsv(text, delimiter = ",", most = Infinity) {
  const records = [];
  let cells = [], cell = "", isQuoted = false, start = 0;
  const end = at => {
    const raw = text.slice(start, at).replace(/\r$/, "");
    if (raw) records.push({ cells: [...cells, cell.replace(/\r$/, "")], raw });
    cells = []; cell = ""; start = at + 1;
  };
  for (let at = 0; at < text.length && records.length < most; at++) {
    const character = text[at];
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') { cell += '"'; at++; }
      else isQuoted = false;
    } else if (character === '"' && cell === "") isQuoted = true;
    else if (character === delimiter) { cells.push(cell); cell = ""; }
    else if (character === "\n") end(at);
    else cell += character;
  }
  if (start < text.length && records.length < most) end(text.length);
  return records;
}

// The request for some of the rows.
export function requestOf(read, rows, query) {
  if (read.kind === "json") return { body: jsonOf(read, rows), query };
  const parameters = [`header=${read.header ? "present" : "absent"}`];
  if (read.delimiter !== ",") parameters.push(`delimiter=${read.delimiter === "\t" ? "tab" : `"${read.delimiter}"`}`);
  const lines = [...(read.header ? [read.header.raw] : []), ...rows.map(row => row.raw)];
  return { body: `${lines.join("\n")}\n`, type: `text/csv; ${parameters.join("; ")}`, query, headers: { Accept: "application/json" } };
}

// The JSON document with some of its rows, or with all.
export function jsonOf({ before, after }, rows) {
  return `${before}${rows.map(row => row.raw).join(", ")}${after}`;
}

// Pasted or dropped text as rows: which format it is, and where each row begins and ends.

// { type, lines, header, rows: [{ cells, raw }], names }. `raw` is the row as it was written.
export function readRows(text, form) {
  const trimmed = text.trim();
  if (trimmed.startsWith("[") || trimmed.startsWith("{")) return readJson(trimmed, form);
  return readCsv(text, form);
}

function readJson(text, form) {
  const lines = text.split("\n").filter(line => line.trim());
  const values = whole(text) ?? lines.map(line => whole(line));
  const rows = values.map(value => ({ cells: cellsOf(value, form), raw: JSON.stringify(value) }));
  return { kind: "json", names: namesOf(values, form), rows };
}

// The rows of a document; null if the text is not one document but one a line.
function whole(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (Array.isArray(value)) return value;
  const inside = ["data", "instances", "inputs"].map(name => value?.[name]).find(Array.isArray);
  return inside ?? (text.includes("\n{") ? null : [value]);
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

function readCsv(text, form) {
  const delimiter = delimiterOf(text);
  const records = splitCsv(text, delimiter);
  const hasHeader = records.length > 0 && isHeader(records[0].cells, form);
  const header = hasHeader ? records.shift() : null;
  return { kind: "csv", delimiter, header, names: header?.cells ?? namesOf([], form), rows: records };
}

// Of the first line: a spreadsheet copies tabs, and writes semicolons where numbers have commas.
export function delimiterOf(text) {
  const [first] = text.split("\n", 1);
  return ["\t", ";"].find(each => first.includes(each) && !first.includes(",")) ?? ",";
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
  if (read.kind === "json") return { body: `{"data": [${rows.map(row => row.raw).join(", ")}]}`, query };
  const parameters = [`header=${read.header ? "present" : "absent"}`];
  if (read.delimiter !== ",") parameters.push(`delimiter=${read.delimiter === "\t" ? "tab" : `"${read.delimiter}"`}`);
  const lines = [...(read.header ? [read.header.raw] : []), ...rows.map(row => row.raw)];
  return { body: `${lines.join("\n")}\n`, type: `text/csv; ${parameters.join("; ")}`, query, headers: { Accept: "application/json" } };
}

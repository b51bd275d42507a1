// What a person may say of rows and of their scored file, behind "More options".
import { sentence } from "./answer.js";
import { el, field, showError, suggest } from "./dom.js";

const FORMATS = ["csv", "csv.gz", "jsonl", "jsonl.gz", "json", "parquet", "arrow", "npy"];
const DELIMITERS = [[",", "comma"], [";", "semicolon"], ["tab", "tab"], ["|", "vertical bar"]];
const CHARSETS = ["utf-8", "windows-1252", "iso-8859-1", "utf-16"];
const NAMES = "names with commas between them";
// Those that the scored file alone has: rows that are answered over HTTP have none.
const OF_OUTPUT = ["output_format", "keep", "ignore"];

// `values()`: what was chosen, by the names of the route's parameters.
export function fileOptions(form, { hasBlobs }) {
  const fields = { header: ["First line of a CSV", "names the columns, or is a row", headers()], delimiter: ["Delimiter of a CSV", "between its cells", choice(DELIMITERS)] };
  if (hasBlobs) {
    fields.charset = ["Charset of a file", "of texts", input("utf-8"), CHARSETS];
    fields.output_format = ["Format of the output", "of the file to download", choice(FORMATS.map(each => [each, each]), "as the input")];
    fields.keep = ["Columns of the output", NAMES, input("all")];
    if (!form.named) fields.ignore = ["Columns to ignore", `the model does not get them; ${NAMES}`, input("none")];
  }
  const controls = Object.fromEntries(Object.entries(fields).map(([name, [, , control]]) => [name, control]));
  const view = el("details", { class: "more" }, el("summary", {}, "More options"),
    el("div", { class: "fields" }, Object.values(fields).map(fieldOf)));

  function values() {
    const found = {};
    for (const [name, control] of Object.entries(controls)) {
      showError(control, "");
      if (control.value.trim()) found[name] = control.value.trim();
    }
    return found;
  }

  // Shows the app's sentence at the option that it names. Returns whether it names one.
  function showWrong(message) {
    const wrong = Object.keys(controls).find(name => message.startsWith(name) && controls[name].value);
    if (!wrong) return false;
    view.open = true;
    showError(controls[wrong], sentence(message));
    controls[wrong].focus();
    return true;
  }

  return { view, values, showWrong };
}

// Whether rows with these options need a file as output.
export function wantsFile(values) {
  return OF_OUTPUT.some(name => name in values);
}

// The query of a file's route: `?a=b` in front, the options behind.
export function withOptions(query, values) {
  const more = new URLSearchParams(values).toString();
  return more ? `${query ? `${query}&` : "?"}${more}` : query;
}

function fieldOf([label, hint, control, suggestions]) {
  const view = field(label, hint, control);
  if (suggestions) view.append(suggest(control, suggestions));
  return view;
}

function headers() {
  return choice([["present", "names"], ["absent", "a row"]]);
}

function choice(pairs, none = "automatic") {
  return el("select", {}, el("option", { value: "" }, none), pairs.map(([value, text]) => el("option", { value }, text)));
}

function input(placeholder) {
  return el("input", { type: "text", autocomplete: "off", spellcheck: "false", placeholder });
}

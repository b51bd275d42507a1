// Paste or drop rows. Few are scored at once over HTTP; a larger file goes through the blob trigger.
import { factList, sentence } from "./answer.js";
import { score } from "./api.js";
import { el, field, replace, showError, spokenStatus } from "./dom.js";
import { jobView } from "./jobview.js";
import { fileOptions, wantsFile, withOptions } from "./options.js";
import { readRows, requestOf } from "./rows.js";
import { snippets } from "./snippets.js";
import { rowTable } from "./table.js";
import { asFile, decode, exampleOf, optionsOf } from "./texts.js";

const MOST_ROWS = 1000;
const MOST_BYTES = 512 * 1024;
const MOST_WRONG = 25;
const TEXTS = /\.(csv|tsv|txt|json|jsonl|ndjson)$/i;

export function filesPanel(about, query) {
  const { form } = about;
  const hasBlobs = about.triggers.includes("blob");
  const text = el("textarea", { rows: "6", spellcheck: "false", placeholder: "Rows as CSV, JSON or JSON lines, or copied from a spreadsheet" });
  const picker = el("input", { type: "file", class: "sr", id: "file", tabindex: "0", change: () => picker.files[0] && take(picker.files[0]) });
  const drop = el("div", { class: "drop" }, el("label", { for: "file", class: "button plain" }, "Choose a file"), picker, el("p", { class: "quiet" }, `or drop one here: CSV, JSON, JSON lines${hasBlobs ? ", .npy, Parquet, Arrow; also .gz" : ""}`));
  const error = el("p", { class: "notice bad", role: "alert", hidden: true });
  const out = el("div", { class: "out" });
  const spoken = spokenStatus();
  const button = el("button", { type: "submit" }, "Score the rows");
  const options = fileOptions(form, { hasBlobs });
  const input = el("form", { class: "stack", "aria-label": "Rows", submit: event => { event.preventDefault(); scoreText(text.value); } },
    drop, field("Rows", "", text), options.view, el("div", { class: "actions" }, button, example()));

  function example() {
    return el("button", { type: "button", class: "plain", disabled: !form.rows.length, click: () => { text.value = exampleOf(form); scoreText(text.value); } }, "Example rows");
  }

  for (const name of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(name, event => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragover");
      if (name === "drop" && event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }

  async function take(file) {
    clearErrors();
    picker.value = "";
    if (file.size > about.limits.body_bytes) return fail(`the file ${file.name} has ${file.size.toLocaleString("en")} bytes; at most ${about.limits.body_bytes.toLocaleString("en")} are taken here (MAX_BODY_BYTES)`);
    const isSmall = file.size <= MOST_BYTES && TEXTS.test(file.name);
    if (isSmall) {
      const content = decode(await file.arrayBuffer(), options.values().charset);
      if (content !== null && readOr(content, () => null)?.rows.length <= MOST_ROWS) return scoreText(content);
    }
    return scoreFile(file, options.values());
  }

  function readOr(content, otherwise) {
    try {
      return readRows(content, form, options.values());
    } catch {
      return otherwise();
    }
  }

  async function scoreText(content) {
    clearErrors();
    const read = readOr(content, () => showError(text, "These are no rows: expected CSV, JSON or JSON lines."));
    if (!read) return undefined;
    if (!read.rows.length) return showError(text, "Expected at least one row, got none.");
    const { charset, ...values } = options.values();  // the text is decoded already
    if (read.rows.length > MOST_ROWS || wantsFile(values)) return scoreFile(asFile(read, content), { ...optionsOf(read), ...values });
    return busy(async () => {
      const { rows, answer } = await scoreEach(read);
      const wrong = rows.filter(row => row.error).length;
      const note = wrong ? el("p", { class: "notice bad" }, wrong === 1 ? "1 row was not scored; its line says why." : `${wrong} rows were not scored; their lines say why.`) : null;
      spoken.say([`${rows.length - wrong} of ${rows.length} rows scored.`, note?.textContent].join(" "), { now: true });
      replace(out, note, rowTable({ names: read.names, rows }), answer ? factList(answer) : null, answer ? snippets(answer.request) : null);
    });
  }

  // A request with a wrong row is refused, and names it. It is marked, and the others are sent again.
  async function scoreEach(read) {
    const rows = read.rows.map(row => ({ ...row }));
    for (let wrong = 0; ; wrong++) {
      const left = rows.filter(row => !row.error);
      if (!left.length) return { rows, answer: null };
      try {
        const answer = await score(requestOf(read, left, query));
        fillIn(left, answer.value);
        return { rows, answer };
      } catch (refused) {
        const at = Number(/^row (\d+)[,:]/.exec(refused.message)?.[1] ?? NaN);
        if (!left[at] || wrong >= MOST_WRONG) throw refused;
        left[at].error = refused.message;
      }
    }
  }

  function scoreFile(file, values) {
    if (!hasBlobs) return fail(`more than ${MOST_ROWS.toLocaleString("en")} rows, and binary formats, go through the blob trigger, which this app does not have (TRIGGERS)`);
    return busy(() => {
      const job = jobView(file, about, withOptions(query, values), spoken.say);
      replace(out, job.view);
      return job.done;
    });
  }

  async function busy(work) {
    button.disabled = true;
    try {
      await work();
    } catch (refused) {
      fail(refused.message);
    } finally {
      button.disabled = false;
    }
  }

  function fail(message) {
    if (options.showWrong(message)) return;
    error.textContent = sentence(message);
    error.hidden = false;
  }

  function clearErrors() {
    error.hidden = true;
    showError(text, "");
    if (!button.disabled) replace(out);  // the rows of another try
  }

  const intro = el("p", { class: "intro" }, `Up to ${MOST_ROWS.toLocaleString("en")} rows are answered at once${hasBlobs ? "; a larger file goes through the blob trigger, and you download it scored" : ""}.`);
  return el("div", {}, intro, input, error, out, spoken.view);
}

function fillIn(rows, value) {
  const predictions = value?.predictions ?? value;
  rows.forEach((row, index) => {
    row.prediction = predictions[index];
    const shares = value?.probabilities?.[index];
    if (shares && !Array.isArray(shares[0])) row.confidence = Math.max(...shares);
  });
}

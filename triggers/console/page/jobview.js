// One file on its way through the blob trigger: a progress bar, then its rows and the download.
import { factList, sentence } from "./answer.js";
import { el, replace } from "./dom.js";
import { download, headOf, reportOf, runJob } from "./job.js";
import { delimiterOf, splitCsv } from "./rows.js";
import { snippets } from "./snippets.js";
import { rowTable } from "./table.js";

const MOST_LINES = 201;
const WORDS = { uploading: "Uploading", waiting: "Uploaded; waiting for a worker", pending: "Waiting for a worker" };

// `query`: its output and options. `say` speaks a sentence to a screen reader.
export function jobView(file, about, query, say) {
  const path = `console/files?name=${encodeURIComponent(file.name)}${query.replace("?", "&")}`;
  const ending = new AbortController();
  const bar = el("progress", { max: "1", "aria-label": `Progress of ${file.name}` });
  const line = el("p", { class: "quiet" });
  const stop = el("button", { type: "button", class: "plain", click: end }, "Stop");
  const view = el("div", { class: "job" }, el("div", { class: "head" }, el("h2", {}, file.name), stop), bar, line);

  function end() {
    ending.abort();
    stop.disabled = true;
    stop.textContent = "Stopping …";
  }

  function progress(state) {
    if (state.rows && Number.isFinite(state.share)) bar.value = state.share;
    else bar.removeAttribute("value");
    const word = WORDS[state.status] ?? (state.rows ? null : "Scoring the first rows");
    line.textContent = word ? `${word} …` : words(state);
    say(line.textContent);
  }

  async function run() {
    try {
      const { id, document } = await runJob(path, file, { progress, signal: ending.signal });
      await finish(id, document);
    } catch (refused) {
      view.remove();
      throw refused;
    }
  }

  async function finish(id, document) {
    stop.remove();
    bar.value = 1;
    if (document.status === "failed") {
      line.remove();
      const why = sentence(`The file was not scored: ${document.error.message}`);
      view.append(el("p", { class: "notice bad" }, why));
      say(why, { now: true });
      return;
    }
    const report = await reportOf(id);
    const seconds = report.seconds.toFixed(1);
    line.textContent = `${count(report.rows - report.failed)} of ${count(report.rows)} rows scored in ${seconds} s, ${count(report.cache_hits)} from a cache.`;
    say(line.textContent, { now: true });
    const name = scoredName(file.name, report.output);
    const button = downloadButton(id, name);
    const facts = factList({ trigger: "Blob", ms: report.seconds * 1000, version: document.model.version });
    const same = snippets({ body: null, type: "application/octet-stream", path });
    view.append(...[el("div", { class: "actions" }, button), await table(id, report), facts, same].filter(Boolean));
  }

  async function table(id, report) {
    if (!report.output.endsWith(".csv")) return errorList(report);
    const head = await headOf(id);
    const shares = query.includes("output=probabilities") ? about.form.classes.length : 0;
    const width = about.form.values;
    const delimiter = delimiterOf(head, about.form.columns.length + width + shares + 1);
    const records = splitCsv(head, delimiter, MOST_LINES);
    const header = report.header === "present" ? records.shift() : null;
    const rows = records.map(({ cells }) => scoredRow(cells, width, shares));
    return rowTable({ names: header?.cells, rows, total: report.rows });
  }

  return { view, done: run() };
}

function downloadButton(id, name) {
  const button = el("button", { type: "button", click: fetchAll }, `Download ${name}`);
  const error = el("span", { class: "error", role: "alert" });

  async function fetchAll() {
    button.disabled = true;
    error.textContent = "";
    try {
      await download(id, name, share => { button.textContent = `Downloading ${Math.round(share * 100)} % …`; });
    } catch (refused) {
      error.textContent = sentence(refused.message);
    }
    button.textContent = `Download ${name}`;
    button.disabled = false;
  }

  return [button, error];
}

// A scored line: the input's cells, a prediction of `width` values, the probabilities, the error.
function scoredRow(cells, width, shares) {
  const own = cells.length - width - shares - 1;
  const values = cells.slice(own + width, own + width + shares).map(Number);
  return {
    cells: cells.slice(0, own),
    prediction: cells.slice(own, own + width).join(", "),
    confidence: shares ? Math.max(...values) : undefined,
    error: cells.at(-1),
  };
}

function errorList(report) {
  if (!report.errors.length) return null;
  return el("ul", { class: "error" }, report.errors.slice(0, 20).map(each => el("li", {}, each.message)));
}

function words({ rows, failed, rows_per_s: pace, seconds_left: left }) {
  const ahead = left === null || left === undefined ? "" : `, about ${Math.ceil(left)} s left`;
  return `${count(rows)} rows, ${count(failed)} failed, ${count(Math.round(pace))} rows/s${ahead}`;
}

function scoredName(name, output) {
  const ending = output.slice(output.lastIndexOf("console-") + 40);
  return `${name.replace(/\.[a-z]+(\.(gz|zst))?$/i, "")}-scored${ending}`;
}

function count(value) {
  return value.toLocaleString("en");
}

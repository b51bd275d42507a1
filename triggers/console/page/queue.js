// Enqueue requests, and watch their result documents arrive.
import { number, sentence } from "./answer.js";
import { el, field, replace, showError, spokenStatus } from "./dom.js";
import { runMessages } from "./messages.js";
import { snippets } from "./snippets.js";

const MOST = 1000;
const SHOWN = 12;

// `requestAt`: the request of a number from 0 on.
export function queuePanel(requestAt, note = "The rows are the form's examples.") {
  const many = el("input", { type: "text", inputmode: "numeric", value: "100", autocomplete: "off" });
  const button = el("button", { type: "submit" }, "Enqueue");
  const error = el("p", { class: "notice bad", role: "alert", hidden: true });
  const out = el("div", { class: "out" });
  const intro = el("p", { class: "intro" }, `Each request goes to Service Bus and is answered 202. Its result document is fetched from results/{id} when a worker has scored it. ${note}`);
  const ask = el("form", { class: "inline", "aria-label": "Messages", submit }, field("How many messages", `1 to ${MOST.toLocaleString("en")}`, many), button);

  async function submit(event) {
    event.preventDefault();
    const count = Number(many.value);
    const isRight = Number.isInteger(count) && count >= 1 && count <= MOST;
    showError(many, isRight ? "" : `Expected a whole number from 1 to ${MOST.toLocaleString("en")}, got "${many.value}".`);
    if (!isRight) return many.focus();
    error.hidden = true;
    button.disabled = true;
    const run = queueRun(count, requestAt);
    replace(out, run.view);
    try {
      await run.done;
    } catch (refused) {
      error.textContent = sentence(refused.message);
      error.hidden = false;
    }
    button.disabled = false;
    return undefined;
  }

  return el("div", {}, intro, ask, error, out);
}

function queueRun(count, requestAt) {
  const dots = Array.from({ length: count }, () => el("i"));
  const line = el("p", { class: "small" });
  const spoken = spokenStatus();
  const body = el("tbody");
  const head = el("tr", {}, ...["Document", "Result", "Cache", "Waited and scored", "Model version"].map(name => el("th", { scope: "col" }, name)));
  const table = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Result documents", hidden: true },
    el("table", { class: "rows" }, el("caption", { class: "quiet" }, "The latest documents, of the Service Bus trigger."), el("thead", {}, head), body));
  const first = requestAt(0);
  const view = el("div", {}, line, spoken.view, el("div", { class: "dots", "aria-hidden": "true" }, dots), table,
    snippets({ type: "application/json", ...first, headers: { Prefer: "respond-async" } }));
  const state = { sent: 0, answered: 0, arrived: 0, failed: 0, began: performance.now() };

  function showCounts({ now = false } = {}) {
    const seconds = ((performance.now() - state.began) / 1000).toFixed(1);
    const failed = state.failed ? `, ${state.failed} failed` : "";
    const answered = state.answered ? `, ${state.answered} answered at once: no cache takes their documents` : "";
    line.textContent = `${state.sent} of ${count} enqueued, ${state.arrived} documents arrived${failed}${answered}; ${seconds} s`;
    spoken.say(line.textContent, { now });
  }

  // `isAnswered`: without the cache there is no document.
  function sent(index, isAnswered) {
    if (isAnswered) state.answered++;
    else state.sent++;
    dots[index].className ||= isAnswered ? "succeeded" : "sent";  // its document may have come first
    showCounts();
  }

  function arrived(index, id, document) {
    state.arrived++;
    const isRight = document.status === "succeeded";
    if (!isRight) state.failed++;
    dots[index].className = document.status;
    const ms = new Date(document.finished_at) - new Date(document.received_at);
    body.prepend(el("tr", { class: isRight ? null : "wrong" }, el("th", { scope: "row" }, el("code", {}, id.slice(8, 21))),
      el("td", { class: "prediction" }, isRight ? resultText(document.result) : document.error.message),
      el("td", {}, el("span", { class: `tag ${document.cache}` }, document.cache)), el("td", {}, `${ms} ms`),
      el("td", {}, el("code", {}, document.model.version))));
    while (body.rows.length > SHOWN) body.lastChild.remove();
    table.hidden = false;
    showCounts();
  }

  const done = runMessages(count, requestAt, { sent, arrived }).finally(() => showCounts({ now: true }));
  return { view, done };
}

// The first prediction, or the answer of a script.
function resultText(result) {
  const values = result?.predictions ?? result;
  const value = Array.isArray(values) && values.length === 1 ? values[0] : values;
  if (typeof value === "number") return number(value);
  return typeof value === "string" ? value : JSON.stringify(value);
}

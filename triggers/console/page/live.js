// The live panel: metrics, health and queue depths, asked every two seconds while the page is seen.
import { call, json, prefix } from "./api.js";
import { chart, FEWEST, POINTS } from "./chart.js";
import { at, el, replace } from "./dom.js";
import { healthView } from "./health.js";
import { Increases, parse, quantile, sum, value } from "./metrics.js";

const EVERY_MS = 2000;
const TIMEOUT_MS = 10000;
const CACHES = { response: "response", near: "near", in_flight: "in flight", redis: "Redis" };
const TRIGGERS = { http: ["HTTP", "Time of an HTTP request"], blob: ["blobs", "Time of a blob"], servicebus: ["messages", "Time of a message"] };
const DURATION = "triscore_request_duration_seconds";
const ROWS = "triscore_model_call_rows";

const rate = value => `${value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString("en")}/s`;
const share = value => `${Math.round(value * 100)} %`;
const time = value => value < 0.01 ? `${(value * 1000).toFixed(1)} ms` : value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
const whole = value => Number(value.toFixed(value < 10 ? 1 : 0)).toLocaleString("en");

// What to say of a look, and whether it is bad.
function noteOn([health, metrics, state]) {
  if (health.status === "rejected") return ["The app does not answer.", true];
  if ([metrics, state].some(each => each.reason?.status === 401)) return ["Type the function key above to see the metrics.", false];
  return metrics.status === "rejected" ? ["The metrics could not be read: their charts show a gap.", true] : ["", false];
}

export function showLive(about) {
  const parts = partsOf(about);
  const increases = new Increases();
  const health = healthView(["model", "cache", "breaker", ...(about.triggers.includes("blob") ? ["storage"] : []), ...(about.queues.length ? ["servicebus"] : [])]);
  const note = el("p", { class: "notice", role: "status", hidden: true });
  replace(at("live"), note, health.view, Object.values(parts).map(part => part.view));

  let isPolling = false, looks = 0;

  async function readMetrics(options) {
    const samples = parse(await (await call("metrics", options)).text());
    const open = value(samples, "triscore_redis_breaker_open");
    if (open !== null) health.push("breaker", open ? "open" : "closed", breakerSentence(open, value(samples, "triscore_workers")));
    const since = increases.since(samples, performance.now());
    if (since) showMetrics(parts, about.triggers, since);
  }

  async function readHealth(options) {
    const response = await fetch(`${prefix}/health/ready`, options);
    const { dependencies } = await response.json();
    for (const [name, { status, message }] of Object.entries(dependencies)) health.push(name, status, message);
  }

  async function readState(options) {
    const state = await json("console/state", options);
    for (const [name, { status, message }] of Object.entries(state)) health.push(name, status, message);
    const queues = state.servicebus?.queues;
    parts.queues?.push(about.queues.map((_, index) => queues?.[index].waiting ?? null));
  }

  async function poll() {
    if (document.hidden || isPolling) return;
    isPolling = true;
    const options = { signal: AbortSignal.timeout(TIMEOUT_MS) };
    const came = await Promise.allSettled([readHealth(options), readMetrics(options), readState(options)]);
    isPolling = false;
    showSpan(++looks);
    const isAway = came[0].status === "rejected";
    if (isAway) showAway(); else showGaps(came[1].status === "rejected", came[2].status === "rejected");
    showNote(...noteOn(came));
  }

  function showAway() {
    health.loseAll();
    for (const part of Object.values(parts)) part.gap();
  }

  // A chart whose figures did not come must not go on showing the last ones.
  function showGaps(withoutMetrics, withoutState) {
    for (const [name, part] of Object.entries(parts)) if (name === "queues" ? withoutState : withoutMetrics) part.gap();
  }

  function showNote(text, isBad) {
    if (note.textContent !== text) note.textContent = text;  // it is spoken once
    note.classList.toggle("bad", isBad);
    note.hidden = !text;
  }

  poll();
  setInterval(poll, EVERY_MS);
  document.addEventListener("visibilitychange", poll);
  at("key-form").addEventListener("change", poll);
}

// How much time the charts show: it grows with them.
function showSpan(looks) {
  const minutes = Math.round(Math.min(Math.max(looks, FEWEST), POINTS) * EVERY_MS / 60000);
  at("live-note").textContent = minutes > 1 ? `the last ${minutes} minutes` : "the last minute";
}

function breakerSentence(open, workers) {
  return open && workers > 1 ? `${open} of ${workers} workers go on without Redis for now` : "";
}

function partsOf(about) {
  const quantiles = [{ name: "p50", show: time }, { name: "p99", show: time }];
  const parts = { requests: chart("Requests", about.triggers.map(name => ({ name: TRIGGERS[name][0], show: rate }))) };
  for (const name of about.triggers) parts[name] = chart(TRIGGERS[name][1], quantiles, { rare: name !== "http" });
  parts.hits = chart("Hit rate by cache", Object.values(CACHES).map(name => ({ name, show: share })), { top: 1 });
  parts.batches = chart("Rows in a call of the model", [{ name: "mean", show: whole }]);
  if (about.queues.length) parts.queues = chart("Messages that wait", about.queues.map(name => ({ name, show: whole })));
  return parts;
}

function showMetrics(parts, triggers, { grown, seconds }) {
  parts.requests.push(triggers.map(trigger => sum(grown, "triscore_requests_total", { trigger }) / seconds));
  for (const trigger of triggers) parts[trigger].push([0.5, 0.99].map(each => quantile(grown, DURATION, each, { trigger })));
  parts.hits.push(Object.keys(CACHES).map(cache => hitRate(grown, cache)));
  const calls = sum(grown, `${ROWS}_count`);
  parts.batches.push([calls ? sum(grown, `${ROWS}_sum`) / calls : null]);
}

function hitRate(grown, cache) {
  const [hits, misses] = ["hit", "miss"].map(outcome => sum(grown, "triscore_cache_lookups_total", { cache, outcome }));
  return hits + misses ? hits / (hits + misses) : null;
}

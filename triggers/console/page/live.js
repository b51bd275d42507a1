// The live panel: metrics, health and queue depths, asked every two seconds while the page is seen.
import { call, json, prefix } from "./api.js";
import { band, chart } from "./chart.js";
import { at, el, replace } from "./dom.js";
import { Increases, parse, quantile, sum } from "./metrics.js";

const EVERY_MS = 2000;
const TIMEOUT_MS = 10000;
const CACHES = { response: "response", near: "near", in_flight: "in flight", redis: "Redis" };
const DURATION = "triscore_http_request_duration_seconds";
const ROWS = "triscore_model_call_rows";
const DEPENDENCIES = { model: "Model", cache: "Cache", storage: "Storage", servicebus: "Service Bus" };

const rate = value => `${value < 10 ? value.toFixed(1) : Math.round(value)}/s`;
const share = value => `${Math.round(value * 100)} %`;
const time = value => value < 0.01 ? `${(value * 1000).toFixed(1)} ms` : value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`;
const whole = value => String(Number(value.toFixed(value < 10 ? 1 : 0)));

export function showLive(about) {
  const parts = partsOf(about);
  const increases = new Increases();
  const names = ["model", "cache", ...(about.triggers.includes("blob") ? ["storage"] : []), ...(about.queues.length ? ["servicebus"] : [])];
  const bands = new Map(names.map(name => [name, band(DEPENDENCIES[name])]));
  const health = el("ul", { class: "bands", "aria-label": "Health over time" }, [...bands.values()].map(each => each.view));
  const note = el("p", { class: "notice", role: "status", hidden: true });
  replace(at("live"), note, health, Object.values(parts).map(part => part.view));

  let isPolling = false;

  async function readMetrics(options) {
    const samples = parse(await (await call("metrics", options)).text());
    const since = increases.since(samples, performance.now());
    if (since) showMetrics(parts, about.triggers, since);
  }

  async function readHealth(options) {
    const response = await fetch(`${prefix}/health/ready`, options);
    const { dependencies } = await response.json();
    for (const [name, { status, message }] of Object.entries(dependencies)) push(name, status, message);
  }

  async function readState(options) {
    const state = await json("console/state", options);
    for (const [name, { status, message }] of Object.entries(state)) push(name, status, message);
    const queues = state.servicebus?.queues;
    parts.queues?.push(about.queues.map((_, index) => queues?.[index].waiting ?? null));
  }

  function push(name, status, message) {
    bands.get(name)?.push(status, message);
    showStates(bands);
  }

  async function poll() {
    if (document.hidden || isPolling) return;
    isPolling = true;
    const options = { signal: AbortSignal.timeout(TIMEOUT_MS) };
    const came = await Promise.allSettled([readHealth(options), readMetrics(options), readState(options)]);
    isPolling = false;
    const isAway = came[0].status === "rejected";
    if (isAway) showAway();
    showNote(isAway ? "The app does not answer." : came.some(each => each.reason?.status === 401) ? "Type the function key above to see the metrics." : "", isAway);
  }

  function showAway() {
    for (const name of bands.keys()) push(name, "failed");
    for (const part of Object.values(parts)) part.gap();
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

function partsOf(about) {
  const parts = {
    requests: chart("Requests", about.triggers.map(name => ({ name: { http: "HTTP", blob: "blobs", servicebus: "messages" }[name], show: rate }))),
    latency: chart("Time of an HTTP request", [{ name: "p50", show: time }, { name: "p99", show: time }]),
    hits: chart("Hit rate by cache", Object.values(CACHES).map(name => ({ name, show: share }))),
    batches: chart("Rows in a call of the model", [{ name: "mean", show: whole }, { name: "p99", show: whole }]),
  };
  if (about.queues.length) parts.queues = chart("Messages that wait", about.queues.map(name => ({ name, show: whole })));
  return parts;
}

function showMetrics(parts, triggers, { grown, seconds }) {
  parts.requests.push(triggers.map(trigger => sum(grown, "triscore_requests_total", { trigger }) / seconds));
  parts.latency.push([0.5, 0.99].map(each => quantile(grown, DURATION, each)));
  parts.hits.push(Object.keys(CACHES).map(cache => hitRate(grown, cache)));
  const calls = sum(grown, `${ROWS}_count`);
  parts.batches.push([calls ? sum(grown, `${ROWS}_sum`) / calls : null, quantile(grown, ROWS, 0.99)]);
}

function hitRate(grown, cache) {
  const [hits, misses] = ["hit", "miss"].map(outcome => sum(grown, "triscore_cache_lookups_total", { cache, outcome }));
  return hits + misses ? hits / (hits + misses) : null;
}

// The latest states, in the page's head.
function showStates(bands) {
  const known = [...bands].filter(([, { latest }]) => latest());
  const states = known.map(([name, { latest }]) =>
    el("li", {}, `${DEPENDENCIES[name]} `, el("span", { class: `tag ${latest()}` }, latest())));
  replace(at("states"), states);
}

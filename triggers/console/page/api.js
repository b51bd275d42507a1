// Calls of the app. The key goes into a header and nowhere else.
import { at, showError } from "./dom.js";

export const prefix = document.body.dataset.prefix;
export const address = location.origin + prefix;

const MEANINGS = {
  429: "more requests at once than the app takes; try again in a moment",
};

const KEY = /^[\x21-\x7e]*$/;  // another character can't be in a header

const keyMeaning = key => key ? "the function key above is not accepted" : "type the function key above";

export class Refused extends Error {
  constructor(status, message, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

// A response of status 2xx or 304. Raises Refused with one sentence for a person.
export async function call(path, { headers = {}, ...options } = {}) {
  const key = at("key").value.trim();
  if (!KEY.test(key)) {
    showError(at("key"), "this key has a character that no key has; copy it again");
    throw new Refused(401, keyMeaning(key));
  }
  const all = key ? { ...headers, "x-functions-key": key } : headers;
  let response;
  try {
    response = await fetch(`${prefix}/${path}`, { ...options, headers: all });
  } catch {
    throw new Refused(0, "the app does not answer; is it running?");
  }
  showKeyError(response.status === 401);
  if (response.ok) return response;
  throw await refusal(response);
}

export async function json(path, options) {
  return (await call(path, options)).json();
}

// Whether the same call may be answered later.
export function isTemporary({ status }) {
  return status === 0 || status === 429 || status === 503;
}

async function refusal(response) {
  const text = await response.text();
  try {
    const { code, message } = JSON.parse(text).error;
    return new Refused(response.status, message, code);
  } catch {
    const meaning = (response.status === 401 ? keyMeaning(at("key").value) : MEANINGS[response.status]) ?? (text.slice(0, 300) || response.statusText);
    return new Refused(response.status, meaning || `status ${response.status}`);
  }
}

function showKeyError(isWrong) {
  if (isWrong) at("key-form").hidden = false;  // an app without a key does not show the field
  const hasKey = at("key").value !== "";
  const sentence = hasKey ? "this key is not accepted" : "this app needs its function key here";
  showError(at("key"), isWrong ? sentence : "");
}

// What one request came to: its body, and how it was answered.
export async function score({ body, type = "application/json", query = "", headers = {} }) {
  const began = performance.now();
  const options = { method: "POST", body, headers: { "Content-Type": type, ...headers } };
  const response = await call(`score${query}`, options);
  const text = await response.text();
  const header = name => response.headers.get(name);
  return {
    status: response.status,
    trigger: "HTTP",
    text,
    value: parsed(text),
    cache: header("x-cache"),
    age: header("age"),
    ms: header("x-ms-run-fn-exec-ms"),
    version: header("x-model-version"),
    trip: performance.now() - began,
    request: { body, type, query, headers },
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

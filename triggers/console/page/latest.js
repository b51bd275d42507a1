// Scores the latest input: one request at a time, and of those that came in between the last alone.
import { isTemporary, score } from "./api.js";
import { at, sleep } from "./dom.js";

const AGAIN_MS = 2000;
const SLOW_MS = 500;

// `again`: a request that was refused for now, or for its key, is sent again, so that no error stays
// that is over. A script's requests are not: it may do more than answer.
export function latestScorer(answer, { again = false } = {}) {
  let running = false;
  let waiting = null;
  let keyless = null;

  async function send(request, { failed = null } = {}) {
    waiting = { request, failed };
    if (running) return;
    running = true;
    while (waiting) {
      const now = waiting;
      waiting = keyless = null;
      try {
        answer.show(await answerTo(now.request));
      } catch (refused) {
        if (!now.failed?.(refused)) answer.fail(refused);
        if (again) await repeat(now, refused);
      }
    }
    running = false;
  }

  // Says that it waits once that takes long.
  async function answerTo(request) {
    const slow = setTimeout(answer.waits, SLOW_MS);
    try {
      return await score(request);
    } finally {
      clearTimeout(slow);
    }
  }

  async function repeat(now, refused) {
    if (refused.status === 401) keyless = now;
    if (!isTemporary(refused)) return;
    await sleep(AGAIN_MS);
    waiting ??= now;
  }

  at("key-form").addEventListener("change", () => {
    if (keyless) send(keyless.request, keyless);
  });
  return send;
}

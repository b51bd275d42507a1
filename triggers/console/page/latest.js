// Scores the latest input: one request at a time, and of those that came in between the last alone.
import { score } from "./api.js";

export function latestScorer(answer) {
  let running = false;
  let waiting = null;

  return async function send(request, { failed = null } = {}) {
    waiting = { request, failed };
    if (running) return;
    running = true;
    while (waiting) {
      const now = waiting;
      waiting = null;
      try {
        answer.show(await score(now.request));
      } catch (refused) {
        if (!now.failed?.(refused)) answer.fail(refused);
      }
    }
    running = false;
  };
}

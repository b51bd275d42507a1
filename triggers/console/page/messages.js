// Enqueues requests and fetches their result documents.
import { call, isTemporary, Refused } from "./api.js";
import { sleep } from "./dom.js";

const AT_ONCE = 6;
const POLL_MS = 150;
const SILENCE_MS = 120000;

// Calls `sent(index, isAnswered)` after each request: an app without the cache answers at once. Calls
// `arrived(index, id, document)` after each document. Raises Refused, also if none arrives for
// SILENCE_MS.
export async function runMessages(count, requestAt, { sent, arrived }) {
  const waiting = [];
  let heard = performance.now(), isSending = true, isOver = false;

  async function send(index) {
    const id = `console-${crypto.randomUUID()}`;
    const { body, query = "", type = "application/json" } = requestAt(index);
    const { status } = await call(`score${query}`, {
      method: "POST", body, headers: { "Content-Type": type, Prefer: "respond-async", "x-request-id": id },
    });
    heard = performance.now();
    if (status === 202) waiting.push({ id, index });
    sent(index, status !== 202);
  }

  async function collect() {
    while (!isOver && (waiting.length || isSending)) {
      await forEach(waiting.splice(0, waiting.length), async ticket => {
        const document = await documentOf(ticket.id);
        if (!document) return waiting.push(ticket);
        heard = performance.now();
        return arrived(ticket.index, ticket.id, document);
      });
      if (waiting.length && performance.now() > heard + SILENCE_MS) {
        throw new Refused(0, `no document has arrived for 2 minutes; ${waiting.length} of ${count} are missing`);
      }
      await sleep(POLL_MS);
    }
  }

  const sending = forEach([...Array(count).keys()], send).finally(() => { isSending = false; });
  await Promise.all([sending, collect()]).finally(() => { isOver = true; });
}

// A result document; null where there is none now.
async function documentOf(id) {
  try {
    const response = await call(`results/${id}`);
    return response.status === 200 ? await response.json() : null;
  } catch (refused) {
    if (isTemporary(refused)) return null;
    throw refused;
  }
}

// Calls `work` with each item, AT_ONCE at a time. After a failure it begins no more.
async function forEach(items, work) {
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    try {
      while (next < items.length) await work(items[next++]);
    } catch (refused) {
      next = items.length;
      throw refused;
    }
  }));
}

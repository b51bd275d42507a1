// The parts of a JSON text as they were written: a number may have more digits than JavaScript keeps.
const TOKENS = /"(?:[^"\\]|\\.)*"|[[\]{},]/gs;

// The text before the first item of a list or an object, the items, and the text after the last one.
// `text` is valid JSON.
export function split(text) {
  const items = [];
  let depth = 0, start = 0, before = "";
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === "[" || token === "{") {
      if (depth++) continue;
      start = index + 1;
      before = text.slice(0, start);
    } else if (token === "]" || token === "}") {
      if (--depth) continue;
      const last = text.slice(start, index).trim();
      if (last) items.push(last);
      return { before, items, after: text.slice(index) };
    } else if (token === "," && depth === 1) {
      items.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  return { before, items, after: "" };
}

// The list under a name of an object, split likewise: `before` and `after` hold the rest of the object.
export function splitMember(text, name) {
  const { before, items, after } = split(text);
  const at = items.findLastIndex(item => JSON.parse(/^"(?:[^"\\]|\\.)*"/s.exec(item)[0]) === name);
  const list = split(items[at]);
  return {
    before: before + [...items.slice(0, at), list.before].join(","),
    items: list.items,
    after: [list.after, ...items.slice(at + 1)].join(",") + after,
  };
}

// Prometheus' text format, and what the counters of two moments say about the time between them.

// [{ name, labels, value }]
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const found = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (!found) continue;
    const labels = Object.fromEntries([...(found[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]));
    samples.push({ name: found[1], labels, value: Number(found[3]) });
  }
  return samples;
}

// The increase of each counter since the last scrape of the same host: a scrape sums the workers of
// the instance that it meets. Returns null for the first one of an instance.
export class Increases {
  #last = new Map();

  since(samples, now) {
    const host = samples[0]?.labels.host;
    const values = new Map(samples.map(({ name, labels, value }) => [key(name, labels), { name, labels, value }]));
    const before = this.#last.get(host);
    this.#last.set(host, { now, values });
    if (!before) return null;
    const grown = [];
    for (const [id, sample] of values) {
      const last = before.values.get(id)?.value ?? 0;
      grown.push({ ...sample, value: sample.value - (last <= sample.value ? last : 0) });  // the app was restarted
    }
    return { grown, seconds: (now - before.now) / 1000 };
  }
}

function key(name, labels) {
  return name + JSON.stringify(labels);
}

// Null where there is no such sample.
export function value(samples, name) {
  return samples.find(sample => sample.name === name)?.value ?? null;
}

export function sum(samples, name, labels = {}) {
  return matching(samples, name, labels).reduce((total, sample) => total + sample.value, 0);
}

function matching(samples, name, labels) {
  return samples.filter(sample => sample.name === name && Object.entries(labels).every(([each, value]) => sample.labels[each] === value));
}

// The value below which a share of the observations lies, from the buckets of a histogram, of which
// there may be several. Null without observations.
export function quantile(samples, name, share, labels = {}) {
  const ends = new Map();
  for (const { labels: { le }, value } of matching(samples, `${name}_bucket`, labels)) {
    const end = le === "+Inf" ? Infinity : Number(le);
    ends.set(end, (ends.get(end) ?? 0) + value);
  }
  const buckets = [...ends].map(([end, value]) => ({ end, value })).sort((one, other) => one.end - other.end);
  const total = buckets.at(-1)?.value ?? 0;
  if (!total) return null;
  if (total === 1) return sum(samples, `${name}_sum`, labels);  // itself: a bucket may be wide
  const at = buckets.findIndex(bucket => bucket.value >= share * total);
  const begin = at ? buckets[at - 1].end : 0;
  if (buckets[at].end === Infinity) return begin;
  const below = at ? buckets[at - 1].value : 0;
  return begin + (buckets[at].end - begin) * (share * total - below) / (buckets[at].value - below);
}

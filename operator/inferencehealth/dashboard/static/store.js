// What the server told so far, by one stream of events; each row replaces the one of its key.

export const state = { policies: new Map(), workloads: new Map(), notes: [], since: 0, told: false };

const listeners = new Set();
let stream = null;

export function onChange(listener) {
  listeners.add(listener);
}

function take(news) {
  const before = news.whole ? new Map() : state.workloads;
  if (news.whole) {
    state.policies = new Map();
    state.workloads = new Map();
  }
  const changed = news.workloads.filter(
    (row) => before.has(row.key) && before.get(row.key).verdict !== row.verdict);
  for (const row of news.policies) state.policies.set(row.key, row);
  for (const row of news.workloads) state.workloads.set(row.key, row);
  for (const key of news.gone.policies) state.policies.delete(key);
  for (const key of news.gone.workloads) state.workloads.delete(key);
  state.notes = news.notes;
  state.since = news.since;
  state.told = true;
  return changed;
}

function tell(link, changed = []) {
  for (const listener of listeners) listener(link, changed);
}

function open() {
  if (stream) return;
  stream = new EventSource("events");
  stream.onmessage = (event) => tell("Live", take(JSON.parse(event.data)));
  stream.onerror = () => tell("Not connected: is ihp dashboard still running?");
}

// A browser opens few streams to one host: a page that nobody sees needs none.
function follow() {
  if (document.visibilityState === "visible") return open();
  stream?.close();
  stream = null;
}

export function start() {
  document.addEventListener("visibilitychange", follow);
  open();
}

export async function ask(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? `HTTP ${response.status}`);
  return body;
}

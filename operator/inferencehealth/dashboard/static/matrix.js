// Pods × models: a verdict in each cell, by word, sign and colour. Drawn in pages.
import { h, keyed, write } from "./dom.js";
import { badge, mark, shade, since } from "./words.js";

const ROWS = 50;
const COLUMNS = 12;

export function matrix() {
  const table = h("table", { class: "matrix" });
  const rows = pager("pods", ROWS, () => redraw());
  const columns = pager("models", COLUMNS, () => redraw());
  const note = h("p", { class: "why" });
  const element = h("div", {}, h("div", { class: "filter" }, rows.element, columns.element),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "pods" }, table), note);
  let found = null;
  let heads = "";
  let lines = new Map();

  function redraw() {
    const items = columns.page(found.items);
    const from = columns.first();
    const head = JSON.stringify(items);
    if (head !== heads || !table.tBodies.length) {
      heads = head;
      lines = new Map();
      table.replaceChildren(caption(), headOf(items), h("tbody"));
    }
    const shown = rows.page(found.pods).map((pod) => same(pod, pod.cells.slice(from, from + items.length)));
    keyed(table.tBodies[0], shown, (line) => line.pod.name, (line) => lineOf(line, items));
    const hidden = found.total - found.pods.length;
    write(note, found.pods.length ? (hidden > 0 ? `${hidden} more pods, none worse, are not listed.` : "") : "No pod is listed.");
  }

  // The line drawn before where it would look the same, so that it stays.
  function same(pod, cells) {
    const text = JSON.stringify([pod, cells]);
    const before = lines.get(pod.name);
    if (before?.text === text) return before;
    const line = { pod, cells, text };
    lines.set(pod.name, line);
    return line;
  }

  return { element, draw: (told) => { found = told; redraw(); } };
}

const caption = () => h("caption", { class: "unseen" }, "Pods and models, the pods in trouble first");

function headOf(items) {
  return h("thead", {}, h("tr", {},
    ["Pod", "Verdict", "Kubelet", "Restarts"].map((name) => h("th", { scope: "col" }, name)),
    items.map((item) => h("th", { scope: "col", class: "item", title: item.message || item.reason || null },
      h("span", { class: "name" }, item.name),
      h("span", { class: "why" }, `${item.kind}, ${item.ready}/${item.total}${item.required ? "" : ", optional"}`)))));
}

function lineOf({ pod, cells }, items) {
  const from = since(pod.since);
  const why = pod.verdict === "Ready" ? null : h("span", { class: "why" }, pod.message || pod.reason, from && [" · since ", from]);
  const next = pod.next.map((each) => h("code", { class: "command" }, each));
  return h("tr", {},
    h("th", { scope: "row" }, pod.name),
    h("td", {}, badge(pod.verdict), why, next),
    h("td", {}, pod.kubeletReady ? "ready" : "not ready"),
    h("td", { class: "number" }, String(pod.restarts)),
    cells.map((verdict, index) => h("td", { class: `cell ${shade(verdict)}`, title: `${items[index].name} on ${pod.name}` },
      h("span", { "aria-hidden": "true", class: "mark" }, mark(verdict)), verdict || "not told")));
}

function pager(what, size, changed) {
  let first = 0;
  const move = (by) => () => { first += by; changed(); };
  const back = h("button", { type: "button", "aria-label": `Previous ${what}`, onclick: move(-size) }, "‹");
  const on = h("button", { type: "button", "aria-label": `Next ${what}`, onclick: move(size) }, "›");
  const told = h("span", { role: "status" });
  const element = h("div", { class: "pager", role: "group", "aria-label": `Pages of ${what}`, hidden: true }, back, told, on);

  function page(all) {
    if (first >= all.length) first = Math.max(0, Math.floor((all.length - 1) / size) * size);
    const last = Math.min(first + size, all.length);
    element.hidden = all.length <= size;
    back.disabled = first === 0;
    on.disabled = last >= all.length;
    write(told, `${what} ${all.length ? first + 1 : 0} to ${last} of ${all.length}`);
    return all.slice(first, last);
  }
  return { element, page, first: () => first };
}

// The fleet at a glance: pods by verdict, and the policies, those in trouble first.
import { h, keyed, write } from "./dom.js";
import { filtering } from "./filtering.js";
import { state } from "./store.js";
import { badge, plural, rank, ratio, shade, mark, VERDICTS } from "./words.js";
import { link } from "./links.js";

const HEADS = ["Policy", "Namespace", "Verdict", "Ready", "Pods serving", "Workloads", "Mode"];

export function fleet() {
  const tiles = h("ul", { class: "tiles", "aria-label": "Pods by verdict" });
  const body = h("tbody");
  const filter = filtering("policies", () => draw());
  const empty = h("p", { class: "empty", hidden: true });
  const table = h("table", {},
    h("caption", { class: "unseen" }, "Policies, those in trouble first"),
    h("thead", {}, h("tr", {}, HEADS.map((head) => h("th", { scope: "col" }, head)))), body);
  const element = h("section", { "aria-labelledby": "title" },
    h("h1", { id: "title", tabindex: "-1" }, "Fleet"), tiles,
    h("h2", {}, "Policies"), filter.element, h("div", { class: "scroll" }, table), empty);

  function draw() {
    keyed(tiles, counts(), (tile) => tile.verdict, tileOf);
    const rows = [...state.policies.values()].sort(worstFirst);
    const shown = filter.apply(rows, (row) => `${row.namespace}/${row.name}`, (row) => row.ready !== "True");
    keyed(body, shown, (row) => row.key, line);
    empty.hidden = shown.length > 0;
    write(empty, rows.length ? "No policy matches." : "There is no InferenceHealthPolicy you may see here.");
  }
  return { element, draw, title: () => "Fleet" };
}

let tiles = [];

function counts() {
  const found = new Map();
  for (const { counts: pods } of state.workloads.values()) {
    for (const [verdict, count] of Object.entries(pods)) found.set(verdict, (found.get(verdict) ?? 0) + count);
  }
  tiles = VERDICTS.toReversed().map((verdict) => {
    const count = found.get(verdict) ?? 0;
    const before = tiles.find((tile) => tile.verdict === verdict);
    return before?.count === count ? before : { verdict, count };
  });
  return tiles;
}

function tileOf({ verdict, count }) {
  return h("li", { class: `tile ${count ? shade(verdict) : "is-none"}` },
    h("span", { class: "count" }, count.toLocaleString("en")),
    h("span", {}, h("span", { "aria-hidden": "true", class: "mark" }, mark(verdict)), verdict));
}

const trouble = { False: 0, Unknown: 1, True: 2 };

function worstFirst(a, b) {
  return (trouble[a.ready] ?? 1) - (trouble[b.ready] ?? 1)
    || rank(b.verdict) - rank(a.verdict) || a.key.localeCompare(b.key);
}

function line(row) {
  const ready = row.ready === "True" ? "Yes" : row.ready === "False" ? "No" : "Not known";
  const why = row.ready === "True" ? null : h("span", { class: "why" }, row.message || row.reason);
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { href: link("policy", row.key) }, row.name)),
    h("td", {}, row.namespace),
    h("td", {}, badge(row.verdict)),
    h("td", {}, ready, why),
    h("td", { class: "number" }, ratio(row.serving, row.total)),
    h("td", { class: "number" }, plural(row.workloads, "workload"),
      row.troubled ? h("span", { class: "why" }, `${row.troubled} short`) : null),
    h("td", {}, row.mode || "none"));
}

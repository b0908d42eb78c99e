// One policy: what it says, and its workloads, those in trouble first.
import { h, keyed, remade, write } from "./dom.js";
import { filtering } from "./filtering.js";
import { link } from "./links.js";
import { state } from "./store.js";
import { strip } from "./timeline.js";
import { badge, rank, ratio } from "./words.js";

const HEADS = ["Workload", "Server", "Verdict", "Pods serving", "Models", "Probes", "Last hour"];
const MINUTE = 60_000;

export function policy(key) {
  const head = h("div");
  const body = h("tbody");
  const filter = filtering("workloads", () => draw());
  const empty = h("p", { class: "empty", hidden: true });
  const title = h("h1", { id: "title", tabindex: "-1" }, key.split("/")[1] ?? key);
  const table = h("table", {},
    h("caption", { class: "unseen" }, "Workloads, those in trouble first"),
    h("thead", {}, h("tr", {}, HEADS.map((name) => h("th", { scope: "col" }, name)))), body);
  const element = h("section", { "aria-labelledby": "title" }, title, head,
    h("h2", {}, "Workloads"), filter.element, h("div", { class: "scroll" }, table), empty);
  let drawn = 0;

  function draw() {
    const row = state.policies.get(key);
    remade(head, row, summary);
    const rows = [...state.workloads.values()].filter((each) => each.policy === key).sort(worstFirst);
    const shown = filter.apply(rows, (each) => each.workload, (each) => each.short);
    keyed(body, shown, (each) => each.key, line);
    if (Date.now() - drawn > MINUTE) {
      drawn = Date.now();
      for (const each of body.children) each.querySelector(".strip").replaceWith(strip(each.item.timeline));
    }
    empty.hidden = shown.length > 0;
    write(empty, rows.length ? "No workload matches." : "The policy selects no workload.");
  }
  return { element, draw, title: () => key };
}

function summary(row) {
  if (!row) return [h("p", {}, "There is no such policy any more.")];
  const ready = { True: "Ready", False: "Not ready" }[row.ready] ?? "Not known whether ready";
  return [
    h("p", { class: "lead" }, badge(row.verdict), ` ${ready}: ${row.message || row.reason}`),
    h("p", {}, `${ratio(row.serving, row.total)} pods serve. Probes: mode ${row.mode || "not known"}.`),
    row.problems.map((each) => h("p", { class: "problem" }, h("strong", {}, each.id), ` ${each.message}`)),
    commands(row.next),
  ].flat();
}

export function commands(next) {
  if (!next.length) return [];
  return [h("div", { class: "next" }, h("p", {}, "Next:"), next.map((each) => h("pre", { tabindex: "0" }, h("code", {}, each))))];
}

function worstFirst(a, b) {
  return Number(b.short) - Number(a.short) || rank(b.verdict) - rank(a.verdict) || a.key.localeCompare(b.key);
}

function line(row) {
  const why = row.verdict === "Ready" ? null : h("span", { class: "why" }, row.message || row.reason);
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { href: link("workload", row.key) }, row.workload)),
    h("td", {}, row.profile || "not recognised"),
    h("td", {}, badge(row.verdict), why),
    h("td", { class: "number" }, ratio(row.serving, row.total)),
    h("td", { class: "number" }, row.models),
    h("td", {}, row.probes),
    h("td", {}, strip(row.timeline)));
}

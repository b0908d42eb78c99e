// One workload: its last hour, what to do, pods × models, and the probes it should have.
import { h, remade } from "./dom.js";
import { matrix } from "./matrix.js";
import { commands } from "./policy.js";
import { advice } from "./advice.js";
import { ask, state } from "./store.js";
import { history, strip } from "./timeline.js";
import { badge, ratio, since } from "./words.js";

const path = (key) => key.split("/").map(encodeURIComponent).join("/");

export function workload(key) {
  const head = h("div");
  const hour = h("div", { class: "hour" });
  const detail = h("div");
  const pods = matrix();
  const probes = advice(() => ask(`recommendations/${path(key)}`));
  const title = h("h1", { id: "title", tabindex: "-1" }, key.split("/").slice(1).join("/"));
  const element = h("section", { "aria-labelledby": "title" }, title, head, detail,
    h("h2", {}, "Last hour"), hour, h("h2", { id: "pods" }, "Pods and models"), pods.element,
    h("h2", {}, "Recommended probes"), probes.element);
  let told = null;
  let asking = false;

  function draw() {
    const row = state.workloads.get(key);
    hour.replaceChildren(...(row ? lastHour(row) : []));
    if (row === told) return;
    told = row;
    remade(head, row, summary);
    if (row) fetchDetail();
  }

  // One question at a time; what changed meanwhile is asked for afterwards.
  async function fetchDetail() {
    if (asking) return;
    asking = true;
    let revision = 0;
    try {
      while (told && told.revision !== revision) {
        revision = told.revision;
        const found = await ask(`workloads/${path(key)}`);
        remade(detail, [found.findings, found.probesMessage, found.next], () => more(found));
        pods.draw(found);
      }
    } catch (error) {
      remade(detail, error.message, (why) => [h("p", { class: "problem" }, `The pods cannot be shown: ${why}`)]);
    } finally {
      asking = false;
    }
  }
  return { element, draw, title: () => key };
}

function summary(row) {
  if (!row) return [h("p", {}, "No policy holds this workload any more.")];
  const from = since(row.since);
  return [
    h("p", { class: "lead" }, badge(row.verdict), " ", row.message || row.reason),
    h("p", {}, `${ratio(row.serving, row.total)} pods serve; ${row.desired} wanted. `,
      `Server: ${row.profile || "not recognised"}. Probes: ${row.probes}. `, from ? ["Since ", from, "."] : ""),
  ];
}

function lastHour(row) {
  const seconds = Date.now() / 1000 - state.since;
  const short = seconds < 3600 ? h("p", { class: "why" }, "Watched since ihp dashboard started; of the time before only the latest change is known.") : "";
  return [strip(row.timeline), history(row.timeline), short].filter(Boolean);
}

function more(found) {
  const told = found.findings.map((each) => h("p", { class: "problem" }, h("strong", {}, each.id), ` ${each.message}`));
  if (found.probesMessage) told.push(h("p", { class: "problem" }, found.probesMessage));
  return [...told, ...commands(found.next)];
}

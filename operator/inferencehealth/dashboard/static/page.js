// The page: where we are by the address's fragment, and what is shown there.
import { h, remade, write } from "./dom.js";
import { fleet } from "./fleet.js";
import { link } from "./links.js";
import { policy } from "./policy.js";
import { onChange, start, state } from "./store.js";
import { clock } from "./words.js";
import { workload } from "./workload.js";

const byId = (id) => document.getElementById(id);
const REDRAW = 30_000; // timelines move on by themselves
let view = null;
let place = null;
let drawing = false;

// "#/policy/NAMESPACE/NAME" and "#/workload/NAMESPACE/KIND/NAME"
function read() {
  try {
    const [kind, ...parts] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
    return { kind, key: parts.join("/") };
  } catch {
    return { kind: "", key: "" }; // no address of ours
  }
}

const VIEWS = { "": fleet, policy, workload };

function go() {
  const { kind, key } = read();
  if (kind === "main") return byId("main").focus(); // the skip link's own target
  const first = place === null;
  place = { kind: VIEWS[kind] ? kind : "", key };
  view = VIEWS[place.kind](key);
  byId("main").replaceChildren(view.element);
  draw();
  window.scrollTo(0, 0);
  if (!first) byId("main").querySelector("h1")?.focus();
}

function draw() {
  drawing = false;
  if (!state.told) return;
  view.draw();
  trail();
  notes();
  write(byId("since"), `Watching since ${clock(state.since)}.`);
  document.title = `${view.title()} · inferencehealth`;
}

function later() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
}

function trail() {
  const steps = [["Fleet", "#/"]];
  const row = place.kind === "workload" ? state.workloads.get(place.key) : null;
  const held = place.kind === "policy" ? place.key : row?.policy;
  if (held) steps.push([held, link("policy", held)]);
  if (place.kind === "workload") steps.push([place.key, link("workload", place.key)]);
  remade(byId("trail"), steps, () => steps.map(([text, href], index) => {
    const here = index === steps.length - 1;
    return h("li", {}, h("a", { href, "aria-current": here ? "page" : null }, text));
  }));
}

function notes() {
  byId("notes").hidden = !state.notes.length;
  remade(byId("notes"), state.notes, (told) => told.map((note) => h("li", {}, note)));
}

// Said to those who can't see a colour change; a whole fleet's changes are said as a number.
function announce(changed) {
  if (!changed.length) return;
  const [one] = changed;
  write(byId("said"), changed.length === 1
    ? `${one.workload} in ${one.namespace} is now ${one.verdict}`
    : `${changed.length} workloads changed their verdict`);
}

byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
onChange((status, changed) => {
  byId("link").dataset.live = status === "Live";
  write(byId("link"), status);
  announce(changed);
  later();
});
window.addEventListener("hashchange", go);
setInterval(later, REDRAW);
go();
start();

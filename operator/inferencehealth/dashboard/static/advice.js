// The recommended probes as a diff, asked for when somebody wants to see it.
import { h } from "./dom.js";

const KINDS = { "+": "added", "-": "removed", "@": "place" };

export function advice(askFor) {
  const told = h("div", { "aria-live": "polite" });
  const button = h("button", { type: "button", onclick: show }, "Show what would change");
  const element = h("div", {}, button, told);

  async function show() {
    button.disabled = true;
    told.replaceChildren(h("p", {}, "Asking…"));
    try {
      const { diff, notes } = await askFor();
      told.replaceChildren(...notes.map((note) => h("p", { class: "problem" }, note)),
        diff ? lines(diff) : h("p", {}, notes.length ? "" : "Nothing: its probes are as they should be."));
    } catch (error) {
      told.replaceChildren(h("p", { class: "problem" }, error.message));
    } finally {
      button.disabled = false;
    }
  }
  return { element };
}

function lines(diff) {
  const rows = diff.trimEnd().split("\n").map((line) => {
    const kind = /^(\+\+\+|---)/.test(line) ? "place" : KINDS[line[0]];
    return h("span", { class: kind ?? null }, `${line}\n`);
  });
  return h("pre", { class: "diff", tabindex: "0", "aria-label": "Recommended probes as a diff" }, rows);
}

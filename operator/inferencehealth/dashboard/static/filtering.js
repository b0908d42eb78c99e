// A field to find rows by name, a switch to see only what is in trouble, and pages of rows.
import { h, write } from "./dom.js";

const PAGE = 100; // rows: a browser draws them at once, and a reader sees no more anyway

export function filtering(what, changed) {
  let size = PAGE;
  const again = () => { size = PAGE; changed(); };
  const text = h("input", { type: "search", "aria-label": `Find ${what} by name`, placeholder: `Find ${what}`, oninput: again });
  const only = h("input", { type: "checkbox", onchange: again });
  const told = h("span", { class: "told", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => { size += PAGE; changed(); } }, "Show more");
  const element = h("div", { class: "filter" },
    text, h("label", {}, only, " Only what is in trouble"), told, more);

  function apply(rows, nameOf, inTrouble) {
    const wanted = text.value.trim().toLowerCase();
    const found = rows.filter(
      (row) => (!only.checked || inTrouble(row)) && nameOf(row).toLowerCase().includes(wanted));
    more.hidden = found.length <= size;
    const shown = found.slice(0, size);
    write(told, `${shown.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} ${what}`);
    return shown;
  }
  return { element, apply };
}

// Elements from values. Text only ever becomes text: whatever a cluster says stays inert.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== ""));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Bring a parent's children to the given items: what did not change stays as it is, and so do the
// reader's place and focus. An item is unchanged if it is the same object.
export function keyed(parent, items, keyOf, make) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focus = focused(parent);
  const wanted = items.map((item) => {
    const key = String(keyOf(item));
    const found = old.get(key);
    old.delete(key);
    if (found && found.item === item) return found;
    const made = make(item);
    made.dataset.key = key;
    made.item = item;
    if (found) found.replaceWith(made);
    return made;
  });
  for (const rest of old.values()) rest.remove();
  wanted.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  if (focus && document.activeElement !== focus.element) restore(parent, focus);
}

const FOCUSABLE = "a[href], button, input, summary, [tabindex]";

function focused(parent) {
  const element = document.activeElement;
  if (!element || !parent.contains(element)) return null;
  const row = [...parent.children].find((child) => child.contains(element));
  if (!row) return null;
  return { element, key: row.dataset.key, index: [...row.querySelectorAll(FOCUSABLE)].indexOf(element) };
}

function restore(parent, { key, index }) {
  const row = [...parent.children].find((child) => child.dataset.key === key);
  row?.querySelectorAll(FOCUSABLE)[index]?.focus({ preventScroll: true });
}

// A place of the page that is made anew only when what it is made of differs: nobody's focus is taken
// for no news.
export function remade(element, value, make) {
  const told = JSON.stringify(value ?? null);
  if (element.made === told) return;
  element.made = told;
  element.replaceChildren(...make(value));
}

// A place of the page that is written only when its text changes: a screen reader reads no news
// that is none.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

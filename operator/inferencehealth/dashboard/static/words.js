// Verdicts and times in words: colour only ever comes beside them.
import { h } from "./dom.js";

export const VERDICTS = ["Ready", "Degraded", "Asleep", "Busy", "Loading", "Unknown", "Broken"];
const RANK = new Map(VERDICTS.map((verdict, rank) => [verdict, rank]));
const MARKS = {
  Ready: "✓", Degraded: "◐", Asleep: "☾", Busy: "≋", Loading: "↻", Unknown: "?", Broken: "✕",
};

export const rank = (verdict) => RANK.get(verdict) ?? -1;

// A class of ours, whatever word the cluster says.
export const shade = (verdict) => (RANK.has(verdict) ? `is-${verdict.toLowerCase()}` : "is-none");

export const mark = (verdict) => MARKS[verdict] ?? "·";

export function badge(verdict) {
  const sign = h("span", { "aria-hidden": "true", class: "mark" }, mark(verdict));
  return h("span", { class: `badge ${shade(verdict)}` }, sign, verdict || "none");
}

export const clock = (seconds) =>
  new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

export function since(text) {
  const moment = new Date(text);
  if (!text || Number.isNaN(moment.getTime())) return "";
  const shown = moment.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return h("time", { datetime: moment.toISOString(), title: moment.toISOString() }, shown);
}

export const ratio = (serving, total) => `${serving.toLocaleString("en")} of ${total.toLocaleString("en")}`;

export function plural(count, one, many = `${one}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

// The last hour of a workload as a strip, and in words.
import { h, svg } from "./dom.js";
import { clock, mark, shade } from "./words.js";

const HOUR = 3600;
const WIDTH = 240;
const HEIGHT = 18;
const ROOM_FOR_MARK = 14;

// Pieces of the last hour: [from, to, verdict], times in seconds.
export function pieces(timeline, now) {
  const begin = now - HOUR;
  return timeline
    .map(([at, verdict], index) => [Math.max(at, begin), timeline[index + 1]?.[0] ?? now, verdict])
    .filter(([from, to]) => to > begin && to >= from);
}

export function strip(timeline, now = Date.now() / 1000) {
  const found = pieces(timeline, now);
  const at = (time) => ((time - (now - HOUR)) / HOUR) * WIDTH;
  const picture = svg("svg", {
    class: "strip", role: "img", "aria-label": inWords(found),
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT,
  });
  picture.append(svg("rect", { class: "unseen-time", width: WIDTH, height: HEIGHT, rx: 3 }));
  for (const [from, to, verdict] of found) {
    // What has just begun must be seen, too.
    const width = Math.max(at(to) - at(from), 2);
    const x = Math.min(at(from), WIDTH - width);
    picture.append(svg("rect", { class: shade(verdict), x, width, height: HEIGHT, rx: 2 }));
    if (width < ROOM_FOR_MARK) continue;
    picture.append(svg("text", { class: "strip-mark", x: x + width / 2, y: 13 }, mark(verdict)));
  }
  return picture;
}

function inWords(found) {
  if (!found.length) return "Nothing is known of the last hour";
  const told = found.slice(-5).map(([from, , verdict]) => `${verdict} from ${clock(from)}`);
  return `Last hour: ${found.length > 5 ? "… " : ""}${told.join(", ")}`;
}

export function history(timeline) {
  const now = Date.now() / 1000;
  const found = pieces(timeline, now);
  const rows = found.toReversed().slice(0, 20).map(([from, to, verdict], index) =>
    h("li", {}, `${clock(from)} to ${index ? clock(to) : "now"}: ${verdict}`));
  return h("ol", { class: "history" }, rows);
}

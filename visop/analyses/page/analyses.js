// The list of analyses: newest first, in pages, and kept up to date.

import { cursorOf, toAnalysis } from "./address.js";
import { $ } from "./dom.js";
import { errorOf, showError } from "./errors.js";
import { spokenMoment } from "./facts.js";
import { showFilters } from "./filters.js";
import { repeat } from "./live.js";
import { showProblem } from "./notices.js";
import { fill } from "./rows.js";
import { analysis, listed } from "./server.js";
import { isOver, showState } from "./states.js";
import { counted } from "./words.js";

const PER_PAGE = 30;
const MOST_LABELS = 4;

let filters = new URLSearchParams();
let pages = []; // the cursor of each page that is shown, the first is ""
let next = null; // the cursor of the page after them

/** Show the list with these filters, and keep it up to date. Returns what stops that. */
export function showAnalyses(wanted) {
  if (String(wanted) !== String(filters)) $("rows").replaceChildren();
  filters = wanted;
  pages = [""];
  showFilters(filters);
  return repeat(refresh, showProblem);
}

/** Show the next page, too. */
export async function showMore() {
  if (next === null) return;
  const at = $("rows").children.length;
  pages = [...pages, next];
  try {
    await refresh();
    $("rows").children[at]?.querySelector("a").focus();
  } catch (problem) {
    pages = pages.slice(0, -1);
    showProblem(problem);
  }
}

/** Ask for the pages that are shown, and show what they say now. */
export async function refresh() {
  const [before, shown] = [filters, pages];
  const found = [];
  let last = null;
  for (const cursor of shown) {
    last = await listed("analyses", { ...Object.fromEntries(filters), limit: String(PER_PAGE), cursor });
    found.push(...last.analyses);
  }
  if (before !== filters || shown !== pages) return true; // others were asked for meanwhile
  next = cursorOf(last.next);
  show([...new Map(found.map((record) => [record.id, record])).values()]);
  return true;
}

function show(records) {
  fill($("rows"), records, "row", showRow);
  $("more").hidden = next === null;
  $("analyses-empty").hidden = records.length > 0;
  $("analyses-empty").textContent = String(filters)
    ? "No analysis fits these filters."
    : "Nothing has been analysed yet. Choose a picture above.";
  const waiting = records.filter((record) => !isOver(record)).length;
  const count = records.length ? counted(records.length, "analysis", "analyses") : "";
  const told = `${count}${next === null ? "" : " shown"}${waiting ? `, ${waiting} not finished` : ""}`;
  if ($("analyses-count").textContent !== told) $("analyses-count").textContent = told;
}

/** Show a record in an entry of a list. */
export function showRow(item, record) {
  const open = item.querySelector(".open");
  open.setAttribute("href", toAnalysis(record.id));
  open.querySelector(".name").textContent = nameOf(record);
  showThumbnail(open.querySelector("img"), record);
  showState(item.querySelector(".state"), record.state);
  item.querySelector(".told").textContent = [...labelsOf(record), spokenMoment(record.created)].join(" · ");
  showError(item.querySelector(".error"), errorOf(record));
}

function showThumbnail(image, record) {
  const address = record.picture ? `${analysis(record.id)}/thumbnail?side=320` : "";
  image.classList.toggle("none", !address);
  if (!address || image.getAttribute("src") === address) return;
  image.addEventListener("error", () => image.classList.add("none"), { once: true });
  image.setAttribute("src", address);
}

/** What a person calls a record: the name of its file, or its address, or its number. */
export function nameOf({ id, name, source }) {
  const text = String(name || source || "");
  const last = text.replace(/[?#].*$/, "").split(/[/\\]/).findLast((part) => part);
  return last || `Analysis ${id}`;
}

/** What was found, in a few words: the labels, or else by which operators it is looked at. */
function labelsOf(record) {
  const found = (record.results ?? []).filter((result) => result.detections);
  const parts = found.flatMap((result) => result.detections);
  const counts = new Map();
  for (const { label } of parts) counts.set(label || "part", (counts.get(label || "part") ?? 0) + 1);
  if (!counts.size) return [found.length ? "nothing found" : record.operators.join(", ")];
  const told = [...counts].slice(0, MOST_LABELS).map(([label, count]) => count > 1 ? `${count} × ${label}` : label);
  return [told.join(", ") + (counts.size > MOST_LABELS ? ", …" : "")];
}

// All groups of copies, a page at a time, and what will be moved of them.

import { isLeft, movedOf } from "./choices.js";
import { $ } from "./dom.js";
import { leastCosine, ordered } from "./group_order.js";
import { groupView } from "./group_view.js";
import { counted, sentences, spokenBytes } from "./words.js";

const PER_STEP = 60;

let all = [];
let chosen = []; // those that the filter lets through, in their order
let shown = 0;

/** Show groups; each has a key, files, loosest, closest and why. */
export function showGroups(groups) {
  all = groups.map((group, at) => ({ ...group, number: at + 1 }));
  const least = leastCosine(all);
  $("cosine").min = String(least); // before the value, which it limits
  $("cosine").value = String(least);
  $("cosine-row").hidden = least >= 1 || all.length < 2;
  $("order-row").hidden = all.length < 2;
  for (const id of ["tools", "bar-below"]) $(id).hidden = !all.length;
  arrange();
}

export function listenToList() {
  $("order").addEventListener("change", arrange);
  $("cosine").addEventListener("input", arrange);
  $("more").addEventListener("click", showMore);
  new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && showMore(), { rootMargin: "600px" })
    .observe($("more"));
}

/** The groups of which something is moved: of those that are shown now, or would be further down. */
export const groupsToMove = () => chosen.filter((group) => !isLeft(group));

/** How many groups the filter leaves out. */
export const leftOut = () => all.length - chosen.length;

function arrange() {
  const cosine = Number($("cosine").value);
  $("cosine-text").textContent = cosine.toFixed(2);
  chosen = ordered(all, $("order").value, cosine);
  $("groups").replaceChildren();
  shown = 0;
  showMore();
  showSum();
}

function showMore() {
  const next = chosen.slice(shown, shown + PER_STEP);
  shown += next.length;
  $("groups").append(...next.map((group) => groupView(group, showSum)));
  $("more").hidden = shown >= chosen.length;
}

function showSum() {
  const groups = groupsToMove();
  const files = groups.flatMap(movedOf);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  $("sum").textContent = files.length
    ? `${counted(files.length, "file")} (${spokenBytes(bytes)}) of ${counted(groups.length, "group")} to move`
    : "Nothing to move";
  $("hidden-text").textContent = sentences(
    leftOut() ? `${counted(leftOut(), "less certain group")} left as they are.` : "",
  );
  for (const button of document.querySelectorAll(".moves")) button.toggleAttribute("disabled", !files.length);
}

// Which files could not be read, and why: asked for when somebody opens the list.

import { $, element } from "./dom.js";
import { call } from "./problem.js";
import { state } from "./state.js";

const MOST = 100;

let shown = -1; // how many had failed when the list was filled

/** Offer the list, if there is anything in it that may be told here. */
export function showFailures() {
  const { failures_told: told, indexing } = state.status;
  $("failures").hidden = !told || !indexing.failed;
  if ($("failures").open && shown !== indexing.failed) fillFailures();
}

/** Fill the list with those that failed so far. */
export async function fillFailures() {
  if (!$("failures").open) return;
  shown = state.status.indexing.failed;
  try {
    const { count, failures } = await call(`v1/index/failures?limit=${MOST}`);
    const more = count > failures.length
      ? [element("li", `… and ${(count - failures.length).toLocaleString()} more`)]
      : [];
    $("failures-list").replaceChildren(...failures.map(line), ...more);
  } catch (problem) {
    $("failures-list").replaceChildren(element("li", problem.message));
  }
}

function line({ name, reason }) {
  const made = element("li", "");
  made.append(element("span", name), element("span", `: ${reason}`));
  made.firstElementChild.className = "file";
  return made;
}

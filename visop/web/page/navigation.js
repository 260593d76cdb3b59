// Arriving at an address of the page, and going back and forward between them.

import { dismissProblem } from "./notices.js";
import { queryOf } from "./queries.js";
import { show } from "./results.js";
import { search, stopSearching } from "./search.js";
import { showStart } from "./start.js";
import { state } from "./state.js";
import { claimEntry, viewOf } from "./views.js";

export function onPopState(event) {
  stopSearching();
  dismissProblem();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  const past = viewOf(event.state);
  return past ? show(past) : begin();
}

/** Show what the page's address asks for. */
export function begin() {
  show({ query: null, pictures: [] });
  const query = queryOf(location.hash);
  return query ? reopen(query) : showStart();
}

async function reopen(query) {
  claimEntry();
  await search(query, { keepPlace: true });
  if (!state.view.query) await showStart();
}

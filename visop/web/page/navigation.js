// Arriving at an address of the page, and going back and forward between them.

import { adoptAddress, switchIndex } from "./index_choice.js";
import { dismissProblem } from "./notices.js";
import { queryOf } from "./queries.js";
import { show } from "./results.js";
import { search, stopSearching } from "./search.js";
import { showStart } from "./start.js";
import { state } from "./state.js";
import { claimEntry, viewOf } from "./views.js";

export async function onPopState(event) {
  stopSearching();
  dismissProblem();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  await adoptAddress();
  const past = viewOf(event.state);
  return past ? show(past) : begin();
}

/** Show another index, from its beginning. */
export async function chooseIndex(name) {
  stopSearching();
  await switchIndex(name);
  begin();
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

// Which index of the store is shown: a choice, if there are several. It is in the page's address as ?index=NAME.

import { clearSelection } from "./compare.js";
import { $, element } from "./dom.js";
import { refresh } from "./indexing.js";
import { dismissProblem, say, showProblem } from "./notices.js";
import { call } from "./problem.js";
import { indexInAddress } from "./server.js";
import { state } from "./state.js";

/** Offer the indexes that can be searched here. */
export async function offerIndexes() {
  const { indexes } = await call("v1/indexes");
  const searchable = indexes.filter((index) => index.searchable);
  $("index").replaceChildren(...searchable.map(optionOf));
  $("index-row").hidden = searchable.length < 2;
  showChosen();
}

function optionOf({ name, is_default: isDefault }) {
  const option = element("option", name);
  option.value = isDefault ? "" : name;
  return option;
}

function showChosen() {
  $("index").value = state.index;
  const which = state.index && `?index=${state.index}`;
  $("home").setAttribute("href", which || "./");
  $("copies").setAttribute("href", `duplicates${which}`);
}

/** Show the index of this name; empty for the one that the server was started for. */
export async function switchIndex(name) {
  history.pushState(null, "", name ? `?index=${name}` : location.pathname);
  await adoptAddress();
  say(`Index ${state.status?.name ?? name}.`);
}

/** Take the index from the page's address. Returns whether it is another one than before. */
export async function adoptAddress() {
  const name = indexInAddress();
  if (name === state.index) return false;
  state.index = name;
  state.status = null;
  state.removed.clear();
  clearSelection();
  dismissProblem();
  showChosen();
  await refresh().catch(showProblem);
  return true;
}

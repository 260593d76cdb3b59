// The way back. The browser's history holds numbers; what was shown under each is here, until the page is reloaded.

import { hashOf } from "./queries.js";
import { show } from "./results.js";

const load = Math.random(); // tells the numbers of this load from those of an earlier one
const views = [];

export function pushView(view) {
  views.push(view);
  history.pushState({ load, number: views.length - 1 }, "", hashOf(view.query));
  show(view);
}

export function replaceView(view) {
  views[history.state.number] = view;
  show(view);
}

/** Give the present entry of the history a number of this load. What it shows follows. */
export function claimEntry() {
  views.push(null);
  history.replaceState({ load, number: views.length - 1 }, "");
}

/** What was shown at an entry of the history, if that is still known. */
export const viewOf = (entry) => entry?.load === load ? views[entry.number] : null;

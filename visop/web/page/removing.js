// Taking a picture out of the index, once the person has confirmed it, and putting it back.

import { select } from "./compare.js";
import { $ } from "./dom.js";
import { refresh } from "./indexing.js";
import { dismissProblem, showProblem } from "./notices.js";
import { showAgain } from "./results.js";
import { call } from "./problem.js";
import { ofIndex } from "./server.js";
import { state } from "./state.js";
import { shortName } from "./words.js";

let asked = null; // the picture that the open question is about
let removed = null; // the one that Undo puts back

/** Ask whether a picture is to be removed. */
export function askToRemove(picture) {
  asked = picture;
  $("removal-text").textContent = `Remove ${shortName(picture)} from the index?`;
  $("removal").showModal();
}

/** Remove the picture that was asked about. */
export async function remove() {
  const picture = asked;
  closeDialogs();
  dismissProblem();
  try {
    const { can_undo: canUndo } = await call(ofIndex(`pictures/${picture.id}`), { method: "DELETE" });
    state.removed.add(picture.id);
    select(picture, false);
    removed = picture;
    showAgain();
    tell(`${shortName(picture)} was removed from the index.`, canUndo);
    await refresh();
  } catch (problem) {
    showProblem(problem);
  }
}

export async function undo() {
  $("undo").disabled = true;
  try {
    await call(ofIndex(`pictures/${removed.id}`), { method: "PUT" });
    state.removed.delete(removed.id);
    showAgain();
    tell(`${shortName(removed)} is in the index again.`, false);
    await refresh();
  } catch (problem) {
    dismissRemoved();
    showProblem(problem);
  }
}

export function dismissRemoved() {
  $("removed").hidden = true;
  $("heading").focus({ preventScroll: true });
}

// The button has the focus, which was on a picture that is not there any more.
function tell(text, canUndo) {
  $("removed-text").textContent = text;
  $("removed").hidden = false;
  $("undo").hidden = !canUndo;
  $("undo").disabled = false;
  $(canUndo ? "undo" : "dismiss-removed").focus();
}

function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}

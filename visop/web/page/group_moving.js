// Moving what is not kept on the server, and back.

import { keptOf, movedOf } from "./choices.js";
import { $, element } from "./dom.js";
import { groupsToMove, leftOut } from "./group_list.js";
import { dismissProblem, showProblem } from "./notices.js";
import { ofIndex, postJson } from "./server.js";
import { counted, sentences } from "./words.js";

const PER_CALL = 20; // groups, so that each call is answered in time

let undoList = ""; // the list that the last moves were written to

/** Offer to move into a folder of the server; null offers nothing. */
export function offerMoving(folder) {
  $("move").hidden = folder === null;
  $("script").classList.toggle("primary", folder === null);
  $("move-more").dataset.folder = folder ?? "";
}

/** Listen; `reload` is called after files were moved. */
export function listenToMoving(reload) {
  $("move").addEventListener("click", ask);
  $("move-yes").addEventListener("click", () => move().then(reload));
  for (const id of ["move-no", "move-close"]) $(id).addEventListener("click", () => $("move-dialog").close());
  $("undo").addEventListener("click", () => undo().then(reload));
}

function ask() {
  const groups = groupsToMove();
  $("move-text").textContent = `Move ${counted(groups.flatMap(movedOf).length, "file")}?`;
  $("move-more").textContent = sentences(
    `They are of ${counted(groups.length, "group")}, those further down among them, and go to the folder`,
    `${$("move-more").dataset.folder} of the server, and out of the index.`,
    leftOut() ? `${counted(leftOut(), "group")} below the limit stay as they are.` : "",
    "Nothing is deleted, and Undo moves them back.",
  );
  $("move-dialog").showModal();
}

async function move() {
  $("move-dialog").close();
  dismissProblem();
  const groups = groupsToMove();
  const total = groups.flatMap(movedOf).length;
  const left = [];
  let moved = 0;
  undoList = "";
  try {
    for (let at = 0; at < groups.length; at += PER_CALL) {
      const reply = await moveSome(groups.slice(at, at + PER_CALL));
      undoList = reply.undo_list || undoList;
      moved += reply.moved.length;
      left.push(...reply.left);
      tell(`Moved ${moved.toLocaleString()} of ${counted(total, "file")}.`, left);
    }
  } catch (problem) {
    showProblem(problem);
  }
}

function moveSome(groups) {
  const choices = groups.map((group) => ({
    keep: [...keptOf(group)].map((at) => group.files[at].name),
    move: movedOf(group).map(({ name }) => name),
  }));
  return postJson(ofIndex("duplicates/move"), { groups: choices, undo_list: undoList });
}

async function undo() {
  $("undo").setAttribute("disabled", "");
  try {
    const { moved, left } = await postJson(ofIndex("duplicates/undo"), { undo_list: undoList });
    undoList = "";
    tell(`Moved ${counted(moved.length, "file")} back.`, left);
  } catch (problem) {
    showProblem(problem);
  }
  $("undo").removeAttribute("disabled");
}

function tell(text, left) {
  $("moved").hidden = false;
  $("moved-text").textContent = text;
  $("moved-left").hidden = !left.length;
  $("moved-left").querySelector("ul").replaceChildren(
    ...left.map(({ name, reason }) => element("li", `${name}: ${reason}`)),
  );
  $("undo").hidden = !undoList;
}

// The page of copies of `visop run`: the server looks for them, and moves what is not kept.

import { restore } from "./choices.js";
import { $ } from "./dom.js";
import { fileOf } from "./file_facts.js";
import { listenToList, showGroups } from "./group_list.js";
import { listenToMoving, offerMoving } from "./group_moving.js";
import { dismissProblem, showProblem } from "./notices.js";
import { listenToScript } from "./script_dialog.js";
import { call } from "./problem.js";
import { fileAddress, indexInAddress, ofIndex, thumbnail } from "./server.js";
import { state } from "./state.js";
import { counted } from "./words.js";

const POLL_MS = 1000;
const PER_CALL = 500;

/** Show how far the search is, until it is done, and then what it found. */
async function follow() {
  try {
    const found = await call(ofIndex("duplicates?limit=0"));
    showFinding(found);
    if (found.state === "running") return setTimeout(follow, POLL_MS);
    if (found.state === "done") await showFound(found);
  } catch (problem) {
    showProblem(problem);
  }
}

async function find() {
  dismissProblem();
  try {
    showFinding(await call(ofIndex("duplicates"), { method: "POST" }));
    await follow();
  } catch (problem) {
    showProblem(problem);
  }
}

function showFinding(found) {
  const isRunning = found.state === "running";
  $("finding-text").textContent = spokenFinding(found);
  $("bar").hidden = !isRunning;
  $("bar").max = found.total || 1;
  $("bar").value = found.done;
  $("find").hidden = isRunning;
  $("find").textContent = found.state === "idle" ? "Look for copies" : "Look again";
  $("find").classList.toggle("primary", found.state === "idle");
}

function spokenFinding({ state, done, total, count, rule, message }) {
  if (state === "idle") return "Nobody has looked for copies since the server was started.";
  if (state === "running") return `Looking for copies: ${done.toLocaleString()} of ${total.toLocaleString()} done`;
  return state === "failed" ? `The search stopped: ${message}` : `${counted(count, "group")} of copies: ${rule}.`;
}

async function showFound({ count, whole_names: wholeNames, move_to: folder }) {
  const groups = [];
  while (groups.length < count) {
    const { groups: more } = await call(ofIndex(`duplicates?limit=${PER_CALL}&offset=${groups.length}`));
    if (!more.length) break;
    groups.push(...more);
  }
  document.body.classList.toggle("only-shown", !wholeNames);
  offerMoving(folder);
  showGroups(groups.map((group) => groupOf(group, wholeNames)));
}

function groupOf({ pictures, ...facts }, wholeNames) {
  const files = pictures.flatMap((picture) =>
    picture.names.map((name, at) => servedFile(picture, name, at, wholeNames))
  );
  return { ...facts, files, key: files.map(({ name }) => name).join("\n") };
}

function servedFile(picture, name, at, wholeNames) {
  const file = fileOf(picture, name);
  const served = { href: fileAddress(picture), image: thumbnail(picture, 320), same: at > 0 };
  return wholeNames ? { ...file, ...served } : { ...file, ...served, path: null };
}

/** The pictures are those of the index in the page's address. */
function adoptIndex() {
  state.index = indexInAddress();
  if (!state.index) return;
  $("back").setAttribute("href", `./?index=${state.index}`);
  $("title").textContent = document.title = `Copies in ${state.index}`;
}

adoptIndex();
restore(state.index ? `served ${state.index}` : "served");
listenToList();
listenToScript("~/copies");
listenToMoving(follow);
$("find").addEventListener("click", find);
$("dismiss").addEventListener("click", dismissProblem);
follow();

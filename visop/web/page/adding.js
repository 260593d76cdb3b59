// Adding pictures to the index, one request for each: one that is refused does not stop the others.

import { $ } from "./dom.js";
import { formOf } from "./files.js";
import { refresh } from "./indexing.js";
import { dismissProblem, say, showProblem } from "./notices.js";
import { Problem, problemText } from "./problem.js";
import { post } from "./server.js";
import { showStart } from "./start.js";
import { state } from "./state.js";
import { counted } from "./words.js";

const MOST_TOLD = 3;

/** Whether all files are in the index now. Shows what went wrong. */
export async function add(files) {
  dismissProblem();
  const failures = [];
  let known = 0;
  for (const [number, file] of files.entries()) {
    $("count").textContent = `Adding ${number + 1} of ${files.length}…`;
    try {
      known += (await addOne(file)) ? 1 : 0;
    } catch (problem) {
      failures.push(`${file.name}: ${problem.message}`);
    }
  }
  const added = files.length - failures.length - known;
  say(`${counted(added, "picture")} added${known ? `, ${known} already indexed` : ""}.`);
  if (failures.length) showProblem(problemOf(failures));
  await refresh();
  if (!state.view.query) await showStart();
  return !failures.length;
}

// Whether it was in the index before.
async function addOne(file) {
  const form = await formOf("images", file);
  const { results: [result] } = await post(`v1/indexes/${state.status.name}/pictures`, form);
  if (result.problem) throw new Problem(problemText(result.problem.status, result.problem.detail));
  return result.status === "known";
}

function problemOf(failures) {
  const more = failures.length > MOST_TOLD ? ` And ${failures.length - MOST_TOLD} more.` : "";
  return new Problem(`Not added: ${failures.slice(0, MOST_TOLD).join(" ")}${more}`);
}

/** Add the file that was searched with. */
export async function keep() {
  const { query } = state.view;
  $("keep").disabled = true;
  query.kept = await add([query.file]).catch(showProblem);
  $("keep").disabled = false;
  $("keep").hidden = Boolean(query.kept);
}

// One analysis: its picture, what was found, and what can be done about it.

import { offer } from "./actions.js";
import { toAnalyses, toJob } from "./address.js";
import { nameOf } from "./analyses.js";
import { confirm } from "./confirm.js";
import { $ } from "./dom.js";
import { errorOf, showError } from "./errors.js";
import { link, showFacts, spokenMoment, spokenSpan } from "./facts.js";
import { follow } from "./live.js";
import { say, showProblem } from "./notices.js";
import { showPicture } from "./picture.js";
import { showResults } from "./results.js";
import { analysis as pathOf, change, remove } from "./server.js";
import { isOver, showState } from "./states.js";
import { spokenBytes } from "./words.js";

let stop = () => {};

/** Show a record, and keep it up to date until its end. Returns what stops that. */
export function showAnalysis(id) {
  for (const place of ["results", "analysis-facts", "analysis-actions"]) $(place).replaceChildren();
  $("analysis-heading").textContent = `Analysis ${id}`;
  $("analysis-state").textContent = "";
  showPicture(null);
  watch(id);
  return () => stop();
}

function watch(id) {
  stop();
  stop = follow(pathOf(id), "analysis", (record) => show(record), showProblem);
}

function show(record) {
  document.title = `${nameOf(record)}: ${record.state}`;
  $("analysis-heading").textContent = nameOf(record);
  showState($("analysis-state"), record.state);
  showError($("analysis-error"), record.state === "done" ? null : errorOf(record));
  offer($("analysis-actions"), actionsOf(record));
  showPicture(record);
  showResults(record);
  showFacts($("analysis-facts"), factsOf(record));
  return !isOver(record);
}

function actionsOf(record) {
  const to = (state) => () => act(record, { state });
  const isFailed = ["failed", "cancelled"].includes(record.state);
  const again = {
    name: "again",
    text: isFailed ? "Try again" : "Analyse again",
    work: to("queued"),
    primary: isFailed,
  };
  if (!isOver(record)) return [{ name: "cancel", text: "Cancel", work: to("cancelled") }];
  return [again, { name: "delete", text: "Delete…", work: () => askToDelete(record) }];
}

async function act(record, value) {
  show(await change(pathOf(record.id), value));
  watch(record.id);
}

function askToDelete(record) {
  const text = "Its results are deleted, and its picture if no other analysis has the same. This cannot be undone.";
  confirm(`Delete ${nameOf(record)}?`, text, "Delete", () => destroy(record).catch(showProblem));
}

async function destroy(record) {
  await remove(pathOf(record.id));
  say(`${nameOf(record)} was deleted.`);
  location.hash = record.job ? toAnalyses({ job: record.job }) : toAnalyses({});
}

function factsOf(record) {
  const { picture } = record;
  return [
    ["Number", String(record.id)],
    ["Source", record.source],
    ["Picture", picture && spokenPicture(picture)],
    ["Operators", record.operators.join(", ")],
    ["Job", record.job && link(`Job ${record.job}`, toJob(record.job))],
    ["Created", spokenMoment(record.created)],
    ["Finished", spokenMoment(record.finished)],
    ["Took", spokenSpan(record.started, record.finished)],
    ["File", picture && link("Open the picture", `${pathOf(record.id)}/picture`)],
    ["As JSON", link(pathOf(record.id), pathOf(record.id))],
  ];
}

function spokenPicture({ width, height, size }) {
  const pixels = width && height ? `${width} × ${height} pixels, ` : "";
  return `${pixels}${spokenBytes(size)}`;
}

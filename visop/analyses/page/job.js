// One job: how far it is, what failed, and what can be done about it.

import { offer } from "./actions.js";
import { toAnalyses } from "./address.js";
import { showRow } from "./analyses.js";
import { confirm } from "./confirm.js";
import { $, element } from "./dom.js";
import { showError } from "./errors.js";
import { link, showFacts, spokenMoment, spokenSpan } from "./facts.js";
import { jobName } from "./jobs.js";
import { follow } from "./live.js";
import { say, showProblem } from "./notices.js";
import { showBar, spokenProgress } from "./progress.js";
import { fill } from "./rows.js";
import { change, job as pathOf, listed, remove } from "./server.js";
import { isOver, showState } from "./states.js";

const MOST_ERRORS = 20;

let stop = () => {};
let failedShown = -1; // how many had failed when the list of errors was filled

/** Show a job, and keep it up to date. Returns what stops that. */
export function showJob(id) {
  failedShown = -1;
  $("job-errors").hidden = true;
  watch(id);
  return () => stop();
}

function watch(id) {
  stop();
  stop = follow(pathOf(id), "job", (job) => show(job), showProblem);
}

function show(job) {
  document.title = `${jobName(job)}: ${job.state}`;
  $("job-heading").textContent = jobName(job);
  showState($("job-state"), job.state);
  showError($("job-error"), job.error);
  showBar($("job-bar"), job);
  $("job-text").textContent = spokenProgress(job);
  showCounts(job);
  offer($("job-actions"), actionsOf(job));
  showFacts($("job-facts"), factsOf(job));
  if (job.counts.failed !== failedShown) showErrors(job).catch(showProblem);
  return !isOver(job);
}

/** Each count leads to the pictures that it counts. */
function showCounts({ id, counts }) {
  const known = Object.entries(counts).filter(([, count]) => count);
  const pairs = known.flatMap(([state, count]) => {
    const value = element("dd", "");
    value.append(link(count.toLocaleString(), toAnalyses({ job: id, state })));
    return [element("dt", state), value];
  });
  const told = (list) => [...list].map((each) => each.textContent).join();
  if (told(pairs) !== told($("job-counts").children)) $("job-counts").replaceChildren(...pairs);
}

function actionsOf(job) {
  const to = (state) => () => act(job, { state });
  const offered = [];
  if (["queued", "running"].includes(job.state)) offered.push({ name: "pause", text: "Pause", work: to("paused") });
  if (job.state === "paused") offered.push({ name: "resume", text: "Resume", work: to("queued"), primary: true });
  if (!isOver(job)) offered.push({ name: "cancel", text: "Cancel…", work: () => askToCancel(job) });
  if (job.counts.failed) {
    offered.push({ name: "retry", text: "Try failed ones again", work: () => act(job, { retry: "failed" }) });
  }
  if (isOver(job)) offered.push({ name: "delete", text: "Delete…", work: () => askToDelete(job) });
  return offered;
}

async function act(job, value) {
  show(await change(pathOf(job.id), value));
  watch(job.id);
}

function askToCancel(job) {
  const text = "Pictures that wait are not analysed. Results that are there stay.";
  const work = () => act(job, { state: "cancelled" }).catch(showProblem);
  confirm(`Cancel ${jobName(job)}?`, text, "Cancel the job", work);
}

function askToDelete(job) {
  const text = "Its analyses are deleted, too, with their results and pictures. This cannot be undone.";
  confirm(`Delete ${jobName(job)}?`, text, "Delete", () => destroy(job).catch(showProblem));
}

async function destroy(job) {
  await remove(pathOf(job.id));
  say(`${jobName(job)} was deleted.`);
  location.hash = "#jobs";
}

async function showErrors(job) {
  failedShown = job.counts.failed;
  $("job-errors").hidden = !failedShown;
  if (!failedShown) return;
  const { analyses } = await listed("analyses", { job: job.id, state: "failed", limit: String(MOST_ERRORS) });
  fill($("job-errors-list"), analyses, "row", showRow);
  $("job-errors-all").hidden = failedShown <= analyses.length;
  $("job-errors-all").textContent = `All ${failedShown.toLocaleString()} that failed`;
  $("job-errors-all").setAttribute("href", toAnalyses({ job: job.id, state: "failed" }));
}

function factsOf(job) {
  return [
    ["Number", String(job.id)],
    ["Pictures", link("All its analyses", toAnalyses({ job: job.id }))],
    ["Source", spokenSource(job.source)],
    ["Operators", job.operators.join(", ")],
    ["Created", spokenMoment(job.created)],
    ["Finished", spokenMoment(job.finished)],
    ["Took", spokenSpan(job.created, job.finished)],
    ["Results", resultLinks(job)],
  ];
}

function spokenSource(source) {
  if (!source) return "";
  return source.path ?? source.address ?? source.uri ?? source.name ?? source.kind;
}

function resultLinks({ id }) {
  const made = element("span", "");
  made.append(link("NDJSON", `${pathOf(id)}/results?format=ndjson`), " ");
  made.append(link("Parquet", `${pathOf(id)}/results?format=parquet`));
  return made;
}

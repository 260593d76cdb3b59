// The page of analyses: which view is shown, and which control does what.

import { asked, toAnalyses } from "./address.js";
import { showAnalyses, showMore } from "./analyses.js";
import { fit } from "./boxes.js";
import { listenToConfirm } from "./confirm.js";
import { $ } from "./dom.js";
import { listenToFilters } from "./filters.js";
import { listenToInput } from "./input.js";
import { showJob } from "./job.js";
import { showJobs, showMoreJobs } from "./jobs.js";
import { listenToParts } from "./list.js";
import { repeat } from "./live.js";
import { dismissProblem, showProblem } from "./notices.js";
import { offerOperators } from "./operators.js";
import { call } from "./problem.js";
import { showAnalysis } from "./record.js";
import { listenToUpload, upload } from "./upload.js";

const VIEWS = {
  analyses: ({ filters }) => showAnalyses(filters),
  jobs: () => showJobs(),
  analysis: ({ id }) => showAnalysis(id),
  job: ({ id }) => showJob(id),
};

let stop = () => {};
let shown = ""; // the view, with its id

/** Show the view that the address asks for. The focus goes to its heading, unless it is the view that was shown. */
function show({ isFirst = false } = {}) {
  const view = asked();
  stop();
  dismissProblem();
  for (const name of Object.keys(VIEWS)) $(`view-${name}`).hidden = name !== view.name;
  const part = ["jobs", "job"].includes(view.name) ? "jobs" : "analyses";
  for (const name of ["analyses", "jobs"]) {
    if (name === part) $(`to-${name}`).setAttribute("aria-current", "page");
    else $(`to-${name}`).removeAttribute("aria-current");
  }
  document.title = part === "jobs" ? "Jobs" : "Analyses";
  stop = VIEWS[view.name](view);
  const now = view.name + view.id;
  if (!isFirst && now !== shown) {
    scrollTo(0, 0);
    $(`${view.name}-heading`).focus({ preventScroll: true });
  }
  shown = now;
}

/** How much there is to do, beside the title. */
async function showQueue() {
  const { queued, running } = await call("queue");
  const told = queued || running ? `${queued.toLocaleString()} queued, ${running.toLocaleString()} running` : "";
  if ($("queue").textContent !== told) $("queue").textContent = told;
  return true;
}

$("skip").addEventListener("click", (event) => {
  event.preventDefault(); // its address would be that of a view
  $("main").focus();
});
$("dismiss").addEventListener("click", dismissProblem);
$("more").addEventListener("click", showMore);
$("more-jobs").addEventListener("click", showMoreJobs);
document.addEventListener("keydown", ({ key }) => key === "Escape" && !$("confirm").open && dismissProblem());
listenToConfirm();
listenToFilters((filters) => location.hash = toAnalyses(filters));
listenToInput((pictures) => upload(pictures));
listenToParts();
listenToUpload();
new ResizeObserver(fit).observe($("picture"));
addEventListener("hashchange", () => show());
show({ isFirst: true });
offerOperators().catch(showProblem);
repeat(showQueue, () => {}); // a server that does not answer is told of by the view

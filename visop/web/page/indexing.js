// How many pictures are in the index, and how far indexing is.

import { $ } from "./dom.js";
import { showFailures } from "./failures.js";
import { say, showProblem } from "./notices.js";
import { showEmpty } from "./results.js";
import { call } from "./problem.js";
import { ofIndex } from "./server.js";
import { isStartFull, showStart } from "./start.js";
import { state } from "./state.js";
import { capital, counted, spokenTime } from "./words.js";

const POLL_MS = 1000;
const RETRY_MS = 5000;

/** Follow the index until indexing has ended, and then more slowly if it may begin again. */
export async function watch() {
  let wait = POLL_MS;
  try {
    await refresh();
    const { status, view } = state;
    if (status.indexing.state !== "running") wait = status.watching ? RETRY_MS : 0;
    if (!view.query && !isStartFull() && status.count > view.pictures.length) {
      await showStart();
    }
  } catch (problem) {
    if (!state.status) showProblem(problem);
    $("count").textContent = "The server does not answer";
    wait = RETRY_MS;
  }
  if (wait) setTimeout(watch, document.hidden ? RETRY_MS : wait);
}

/** Ask for the status of the index, and show it. */
export async function refresh() {
  const wasRunning = state.status?.indexing.state === "running";
  const { index } = state;
  const status = await call(ofIndex(state.index ? "status" : "index/status"));
  if (state.index !== index) return; // another one was chosen meanwhile
  state.status = status;
  const { count, uploads, fetch, verify, indexing } = state.status;
  $("count").textContent = count ? counted(count, "picture") : "";
  $("copies").hidden = count < 2;
  $("add").hidden = !uploads;
  $("url-row").hidden = !fetch;
  $("verify-row").hidden = !verify;
  showIndexing(indexing);
  if (wasRunning && indexing.state !== "running") {
    say(spokenIndexing(indexing) || "Indexing is finished.");
  }
  showEmpty();
}

function showIndexing(indexing) {
  const isRunning = indexing.state === "running";
  $("indexing").hidden = !isRunning && indexing.state !== "failed" &&
    !indexing.failed;
  $("indexing-text").textContent = spokenIndexing(indexing);
  showFailures();
  $("bar").hidden = !isRunning;
  if (indexing.total) {
    $("bar").max = indexing.total;
    $("bar").value = indexing.done;
  } else {
    $("bar").removeAttribute("value");
  }
}

function spokenIndexing(
  { state: stage, done, total, failed, seconds_left: left, message },
) {
  const told = state.status.failures_told;
  if (stage === "failed") return `Indexing stopped: ${message}`;
  const bad = failed
    ? `${counted(failed, "file")} could not be read${told ? "" : "; the server's log says which"}`
    : "";
  if (stage !== "running") return bad && `${capital(bad)}.`;
  if (!total) return "Looking for pictures…";
  const rest = left === null || done >= total ? "" : `, about ${spokenTime(left)} left`;
  return `Indexing: ${done.toLocaleString()} of ${counted(total, "picture")}${rest}${bad ? `. ${bad}` : ""}`;
}

// How far a job is.

import { counted, spokenTime } from "./words.js";

/** Pictures of a job that need nothing more. */
export const ended = ({ counts }) => counts.done + counts.failed + counts.cancelled;

/** Show how far a job is in a bar; while its pictures are being listed, nobody knows. */
export function showBar(bar, job) {
  if (job.total) {
    bar.max = job.total;
    bar.value = ended(job);
  } else if (job.state === "queued" || job.state === "running") {
    bar.removeAttribute("value");
  } else {
    bar.max = 1;
    bar.value = 1;
  }
}

/** How far a job is, in words. */
export function spokenProgress(job) {
  const failed = job.counts.failed ? `, ${job.counts.failed.toLocaleString()} failed` : "";
  if (job.total === null) return `${counted(allOf(job.counts), "picture")} listed so far${failed}`;
  if (ended(job) >= job.total) return `${counted(job.total, "picture")}${failed}`;
  return `${ended(job).toLocaleString()} of ${counted(job.total, "picture")}${failed}${spokenRest(job)}`;
}

const allOf = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);

function spokenRest({ state, rate, seconds_left: left }) {
  if (state !== "running") return "";
  const speed = rate ? `, ${rate < 10 ? rate.toFixed(1) : Math.round(rate)} a second` : "";
  return left === null || left === undefined ? speed : `${speed}, about ${spokenTime(Math.round(left))} left`;
}

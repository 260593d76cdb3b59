// The list of jobs, with how far each is.

import { cursorOf, toJob } from "./address.js";
import { $ } from "./dom.js";
import { showError } from "./errors.js";
import { spokenMoment } from "./facts.js";
import { follow, repeat } from "./live.js";
import { showProblem } from "./notices.js";
import { showBar, spokenProgress } from "./progress.js";
import { fill } from "./rows.js";
import { job as pathOf, listed } from "./server.js";
import { isOver, showState } from "./states.js";

const PER_PAGE = 30;
const MOST_FOLLOWED = 3; // a browser keeps six connections to a server, and each takes one

let pages = [];
let next = null;
let followed = new Map(); // what stops following a job, by its id

/** Show the list, and keep it up to date. Returns what stops that. */
export function showJobs() {
  pages = [""];
  const stop = repeat(refresh, showProblem);
  return () => {
    stop();
    for (const stopOne of followed.values()) stopOne();
    followed = new Map();
  };
}

/** Show the next page, too. */
export async function showMoreJobs() {
  if (next === null) return;
  pages = [...pages, next];
  await refresh().catch(showProblem);
}

async function refresh() {
  const shown = pages;
  const jobs = [];
  for (const cursor of shown) {
    const page = await listed("jobs", { limit: String(PER_PAGE), cursor });
    jobs.push(...page.jobs);
    next = cursorOf(page.next);
  }
  if (shown !== pages) return true;
  fill($("job-rows"), jobs, "job-row", showRow);
  $("jobs-empty").hidden = jobs.length > 0;
  $("more-jobs").hidden = next === null;
  followSome(jobs.filter((job) => !isOver(job)).slice(0, MOST_FOLLOWED));
  return true;
}

/** Show at once what becomes of some of them; the others are asked for again now and then. */
function followSome(jobs) {
  for (const { id } of jobs) {
    if (followed.has(id)) continue;
    const stop = follow(pathOf(id), "job", (job) => showFollowed(job), () => {});
    followed.set(id, stop);
  }
}

function showFollowed(job) {
  const item = [...$("job-rows").children].find((each) => each.dataset.id === String(job.id));
  if (item) showRow(item, job);
  return !isOver(job);
}

function showRow(item, job) {
  const open = item.querySelector(".open");
  open.setAttribute("href", toJob(job.id));
  open.querySelector(".name").textContent = jobName(job);
  showState(item.querySelector(".state"), job.state);
  const bar = item.querySelector("progress");
  bar.setAttribute("aria-label", `Progress of ${jobName(job)}`);
  showBar(bar, job);
  item.querySelector(".told").textContent = `${spokenProgress(job)} · ${spokenMoment(job.created)}`;
  showError(item.querySelector(".error"), job.error);
}

export const jobName = ({ id, name }) => name || `Job ${id}`;

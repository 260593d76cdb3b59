// Pictures on their way to the server, a few at a time: one that is refused does not stop the others.

import { refresh } from "./analyses.js";
import { $, element } from "./dom.js";
import { say, showProblem } from "./notices.js";
import { chosenOperators } from "./operators.js";
import { Problem, wordsOf } from "./problem.js";
import { analyse } from "./server.js";
import { counted } from "./words.js";

const AT_ONCE = 3;
const MOST_TOLD = 50;

let current = null; // the upload that is shown: what is left, what failed, and what stops it

/** Have pictures analysed: files, or addresses. More that come while some are on their way are added to those. */
export function upload(pictures) {
  $("url").value = "";
  return send(pictures.map((picture) => ({ picture, key: randomKey() })));
}

// One that is tried again keeps its key, so that it is not analysed twice. Not crypto.randomUUID: that needs HTTPS.
const randomKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16)).join("-");

function send(items) {
  if (current && !current.isOver) {
    current.waiting.push(...items);
    current.total += items.length;
    return show();
  }
  current = {
    waiting: [...items],
    total: items.length,
    done: 0,
    failed: [],
    isOver: false,
    stopping: new AbortController(),
  };
  return run(current);
}

async function run(batch) {
  show();
  await Promise.all(Array.from({ length: AT_ONCE }, () => sendNext(batch)));
  batch.isOver = true;
  show();
  say($("uploading-text").textContent);
  await refresh().catch(showProblem);
}

async function sendNext(batch) {
  const { signal } = batch.stopping;
  while (batch.waiting.length && !signal.aborted) {
    const item = batch.waiting.shift();
    try {
      await analyse(await bodyOf(item.picture), item.key, signal);
      batch.done += 1;
    } catch (problem) {
      if (signal.aborted) return;
      batch.failed.push({ ...item, why: wordsOf(problem) });
    }
    show();
  }
}

async function bodyOf(picture) {
  const operators = chosenOperators();
  if (typeof picture === "string") return operators.length ? { url: picture, operators } : { url: picture };
  await checkFile(picture);
  const form = new FormData();
  form.append("image", picture);
  if (operators.length) form.append("operators", operators.join(","));
  return form;
}

// fetch() would report a file that cannot be read as a server that is down.
async function checkFile(file) {
  const start = file.size ? await file.slice(0, 1).arrayBuffer().catch(() => null) : null;
  if (!start) throw new Problem("The file cannot be read: it is empty, a folder, or has changed since it was chosen.");
}

function show() {
  const { total, done, failed, isOver } = current;
  $("uploading").hidden = isOver && total === 1 && !failed.length;
  $("upload-bar").max = total;
  $("upload-bar").value = done + failed.length;
  $("uploading-text").textContent = isOver ? spokenEnd() : `Uploading: ${done + failed.length} of ${total}`;
  $("upload-failures").hidden = !failed.length;
  $("upload-failures").replaceChildren(...failed.slice(0, MOST_TOLD).map(line), ...more(failed.length - MOST_TOLD));
  $("upload-stop").hidden = isOver;
  $("upload-again").hidden = !isOver || !failed.length;
  $("upload-dismiss").hidden = !isOver;
}

function spokenEnd() {
  const { total, done, failed, stopping } = current;
  const bad = failed.length ? `, ${failed.length} not taken` : "";
  const all = `${done === total ? "" : `${done} of `}${counted(total, "picture")}`;
  return `${stopping.signal.aborted ? "Stopped: " : ""}${all} uploaded${bad}.`;
}

const line = ({ picture, why }) => element("li", `${picture.name ?? picture}: ${why}`);

const more = (count) => count > 0 ? [element("li", `… and ${count.toLocaleString()} more`)] : [];

export function listenToUpload() {
  $("upload-stop").addEventListener("click", () => current.stopping.abort());
  $("upload-again").addEventListener("click", () => {
    $("upload-dismiss").focus();
    send(current.failed.map(({ picture, key }) => ({ picture, key })));
  });
  $("upload-dismiss").addEventListener("click", () => {
    $("uploading").hidden = true;
    $("analyses-heading").focus();
  });
}

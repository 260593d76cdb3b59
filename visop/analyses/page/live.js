// What changes while somebody looks at it.

import { call } from "./problem.js";

const POLL_MS = 2000;
const HIDDEN_MS = 10_000;

/**
 * Follow a record or a job: by server-sent events, and by asking again where those do not come.
 * @param {string} path of it; its events are below
 * @param {string} kind of the events
 * @param {(value: any) => boolean} use takes what it is now; whether to go on
 * @param {(problem: any) => void} onProblem
 * @returns {() => void} stops
 */
export function follow(path, kind, use, onProblem) {
  const events = new EventSource(`${path}/events`);
  let stopAsking = () => {};
  const take = ({ data }) => use(JSON.parse(data)) || events.close();
  events.addEventListener(kind, take);
  events.addEventListener("message", take);
  events.addEventListener("error", () => {
    events.close();
    stopAsking();
    stopAsking = repeat(async () => use(await call(path)), onProblem);
  });
  return () => {
    events.close();
    stopAsking();
  };
}

/**
 * Do something now and again every two seconds, more rarely while nobody sees the page.
 * @param {() => Promise<boolean>} work whether to go on
 * @param {(problem: any) => void} onProblem
 * @returns {() => void} stops
 */
export function repeat(work, onProblem) {
  let timer = 0;
  let isStopped = false;
  const turn = async () => {
    const goesOn = await work().catch((problem) => isStopped || onProblem(problem) || true);
    if (goesOn && !isStopped) timer = setTimeout(turn, document.hidden ? HIDDEN_MS : POLL_MS);
  };
  turn();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}

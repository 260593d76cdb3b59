// What the page says: to screen readers what it did, to everybody what went wrong.

import { $ } from "./dom.js";
import { wordsOf } from "./problem.js";

/** Say it to screen readers; others see it happen. */
export function say(text) {
  $("said").textContent = text;
}

/** Show a problem until it is dismissed. An aborted call is not one. */
export function showProblem(problem) {
  if (problem.name === "AbortError") return;
  const text = wordsOf(problem);
  const isShown = !$("problem").hidden && $("problem").firstElementChild.textContent === text;
  if (isShown) return;
  $("problem").firstElementChild.textContent = text;
  $("problem").hidden = false;
  $("problem").scrollIntoView({ block: "nearest" });
}

export function dismissProblem() {
  $("problem").hidden = true;
}

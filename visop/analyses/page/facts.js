// Terms with their values, and times as people read them.

import { element } from "./dom.js";

/**
 * Show facts, without those that have no value.
 * @param {HTMLElement} list a dl
 * @param {any[][]} facts terms with their values
 */
export function showFacts(list, facts) {
  const known = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  list.replaceChildren(...known.flatMap(([term, value]) => [element("dt", term), described(value)]));
}

function described(value) {
  const made = element("dd", "");
  made.append(value);
  return made;
}

/** A link to something of this page or server. */
export function link(text, address) {
  const made = element("a", text);
  made.setAttribute("href", address);
  return made;
}

/** A date and a time of this place. */
export function spokenMoment(text) {
  return text ? new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : "";
}

/** Seconds with so many digits as matter. */
export function spokenSeconds(seconds) {
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

/** How long something took, between two moments. */
export function spokenSpan(from, until) {
  return from && until ? spokenSeconds((Date.parse(until) - Date.parse(from)) / 1000) : "";
}

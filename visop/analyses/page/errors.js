// Errors of analyses and jobs, in words.

import { capital } from "./words.js";

/** Show an error, or hide the place for it where there is none. */
export function showError(place, error) {
  place.hidden = !error;
  place.textContent = error ? spokenError(error) : "";
}

/** What an error says, as a sentence. One that begins with an address or a name is left as it is. */
export function spokenError({ code, detail }) {
  const text = detail || code;
  return `${/^[a-z]+[ ,]/.test(text) ? capital(text) : text}${/[.!?]$/.test(text) ? "" : "."}`;
}

/** The error of a record: its own, or those of operators that failed. */
export function errorOf(record) {
  if (record.error) return record.error;
  const failed = (record.results ?? []).filter((result) => result.error);
  if (!failed.length) return null;
  return { code: "", detail: failed.map(({ operator, error }) => `${operator}: ${error.detail}`).join("; ") };
}

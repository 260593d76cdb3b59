// Calls to the server that the page came from.

import { capital } from "./words.js";

/** An error that is worded for the person in front of the page. */
export class Problem extends Error {}

/** The JSON of an answer. Throws a Problem for any other answer, and AbortError if the signal says so. */
export async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Is it still running?");
  }
  const content = await answer.json().catch(() => null); // a proxy, say, may answer with an HTML page of its own
  options.signal?.throwIfAborted();
  if (answer.ok && content) return content;
  throw new Problem(problemText(answer.status, content?.detail));
}

function problemText(code, detail) {
  if (code === 429) return "The server is busy. Try again in a moment.";
  if (code === 504) {
    return "That took too long. Try again, or try a smaller picture.";
  }
  if (typeof detail !== "string" || !detail) {
    return `The server answered ${code} with something this page cannot read.`;
  }
  const text = capital(detail.replace(/^(image|images|data|url)(\[\d+\])?: /, ""));
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export const post = (path, body, signal) => call(path, { method: "POST", body, signal });

export function postJson(path, value, signal) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(value), signal });
}

/** The address of a picture of the index, at most `side` pixels wide and high. */
export const thumbnail = (picture, side) => `v1/pictures/${picture.id}/thumbnail?side=${side}`;

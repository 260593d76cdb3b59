// Calls to the server that the page came from.

import { call } from "./problem.js";

export const post = (path, body, signal) => call(path, { method: "POST", body, signal });

export function postJson(path, value, signal) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(value), signal });
}

/** The address of a picture of the index, at most `side` pixels wide and high. */
export const thumbnail = (picture, side) => `v1/pictures/${picture.id}/thumbnail?side=${side}`;

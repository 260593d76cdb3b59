// Calls to the server that the page came from.

import { call } from "./problem.js";
import { state } from "./state.js";

export const post = (path, body, signal) => call(path, { method: "POST", body, signal });

export function postJson(path, value, signal) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(value), signal });
}

/** The name of the index in the page's address, ?index=NAME; empty is the one that the server was started for. */
export const indexInAddress = () => encodeURIComponent(new URLSearchParams(location.search).get("index") ?? "");

/** The path of something of the index that is shown, such as "search". */
export const ofIndex = (path) => state.index ? `v1/indexes/${state.index}/${path}` : `v1/${path}`;

/** The address of a picture of the index, at most `side` pixels wide and high. */
export const thumbnail = (picture, side) => ofIndex(`pictures/${picture.id}/thumbnail?side=${side}`);

/** The address of the file of a picture. */
export const fileAddress = (picture) => ofIndex(`pictures/${picture.id}${state.index ? "/file" : ""}`);

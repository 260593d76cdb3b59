// Calls to the server that the page came from.

import { answerOf, call } from "./problem.js";

export const analysis = (id) => `analyses/${id}`;

export const job = (id) => `jobs/${id}`;

/** A list of the server, with these parameters; the empty ones are left out. */
export function listed(path, parameters) {
  const given = [...new URLSearchParams(parameters)].filter(([, value]) => value);
  return call(`${path}?${new URLSearchParams(given)}`);
}

export function change(path, value) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "PATCH", headers, body: JSON.stringify(value) });
}

export const remove = (path) => answerOf(path, { method: "DELETE" });

/** Have a form or a JSON object analysed, without waiting for it: the new record, or that of the same key before. */
export function analyse(body, key, signal) {
  const headers = { Prefer: "respond-async", "Idempotency-Key": key };
  if (body instanceof FormData) return call("analyses", { method: "POST", headers, body, signal });
  headers["Content-Type"] = "application/json";
  return call("analyses", { method: "POST", headers, body: JSON.stringify(body), signal });
}

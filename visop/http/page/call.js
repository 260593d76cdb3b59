// Calls to the operator behind the page.

import { answerOf, call } from "./problem.js";

/** What the operator says of itself. */
export const identity = () => call("v1/identity");

/** The parts of a picture, the most certain first. */
export async function partsOf(file, signal) {
  const answer = await execute(file, "application/json", signal);
  return (await answer.json()).parts;
}

/** The picture with its parts drawn onto it by the server, for browsers that cannot show the file itself. */
export const drawn = (file, signal) => execute(file, "image/jpeg", signal).then((answer) => answer.blob());

function execute(file, type, signal) {
  const body = new FormData();
  body.append("images", file);
  body.append("crops", JSON.stringify({ omit: true }));
  return answerOf("v1/execute", { method: "POST", body, signal, headers: { Accept: type } });
}

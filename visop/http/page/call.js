// Calls to the server that the page came from.

/** An error that is worded for the person in front of the page. */
export class Problem extends Error {}

/** What the operator says of itself. */
export const identity = () => answerOf("v1/identity").then((answer) => answer.json());

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

async function answerOf(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  const content = await answer.json().catch(() => null); // a proxy, say, may answer with an HTML page of its own
  throw new Problem(problemText(answer.status, content?.detail));
}

function problemText(code, detail) {
  if (code === 429) return "The server is busy. Try again in a moment.";
  if (code === 504) return "That took too long. Try again, or try a smaller picture.";
  if (typeof detail !== "string" || !detail) {
    return `The server answered ${code} with something this page cannot read.`;
  }
  const text = detail.replace(/^images\[\d+\]: /, "");
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

// Calls to the server that the page came from, and what went wrong with them.

/** An error that is worded for the person in front of the page. */
export class Problem extends Error {}

/** The answer to a call. Throws a Problem if there is none or it is an error, and AbortError if the signal says so. */
export async function answerOf(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Is it still running?");
  }
  if (answer.ok) return answer;
  throw new Problem(problemText(answer.status, (await contentOf(answer))?.detail));
}

/** The JSON of an answer. Throws as `answerOf`. */
export async function call(path, options = {}) {
  const answer = await answerOf(path, options);
  const content = await contentOf(answer);
  options.signal?.throwIfAborted();
  if (!content) throw new Problem(problemText(answer.status));
  return content;
}

// A proxy, say, may answer with an HTML page of its own.
const contentOf = (answer) => answer.json().catch(() => null);

/** What went wrong, and what to do: for everybody who reads the page. */
export function wordsOf(problem) {
  if (problem instanceof Problem) return problem.message;
  console.error(problem);
  return "Something went wrong on this page. Please reload it.";
}

/** A problem in words for the person. */
export function problemText(code, detail) {
  if (code === 429) return "The server is busy. Try again in a moment.";
  if (code === 504) {
    return "That took too long. Try again, or try a smaller picture.";
  }
  if (typeof detail !== "string" || !detail) {
    return `The server answered ${code} with something this page cannot read.`;
  }
  const text = detail.replace(/^(image|images|data|url)(\[\d+\])?: /, "");
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

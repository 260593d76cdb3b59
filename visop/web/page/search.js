// Searching: one at a time, the latest wins.

import { $ } from "./dom.js";
import { dismissProblem, say, showProblem } from "./notices.js";
import { addressQuery, ask, fileQuery, pictureQuery } from "./queries.js";
import { MOST, PER_STEP, scrollToHeading } from "./results.js";
import { state } from "./state.js";
import { isJudged, spokenFound } from "./verdicts.js";
import { pushView, replaceView } from "./views.js";
import { counted, sentences, shortName, spokenScore } from "./words.js";

let running = null; // the AbortController of the search under way

export async function search(query, { k = PER_STEP, keepPlace = false } = {}) {
  dismissProblem();
  stopSearching();
  running = new AbortController();
  const { signal } = running;
  $("results").setAttribute("aria-busy", "true");
  say("Searching…");
  try {
    const found = await find(query, k, signal);
    keepPlace ? replaceView(found) : pushView(found);
    if (!keepPlace) scrollToHeading();
    say(sentences(query.remark, spokenSummary(found)));
  } catch (problem) {
    if (problem.name !== "AbortError") say("");
    showProblem(problem);
  } finally {
    if (running?.signal === signal) {
      $("results").setAttribute("aria-busy", "false");
    }
  }
}

export const stopSearching = () => running?.abort();

async function find(query, k, signal) {
  const answer = await ask(query, { k, thorough: $("thorough").checked, verify: $("verify").checked }, signal);
  const isItself = ({ id }) => id === query.picture?.id;
  const itself = answer.matches.find(isItself);
  // A link says which picture it is and no more. Its name comes with the answer.
  if (itself && !query.picture.names.length) {
    Object.assign(query, { picture: itself, name: shortName(itself) });
  }
  return {
    ...answer,
    query,
    k,
    box: query.box,
    pictures: answer.matches.filter((match) => !isItself(match)).slice(0, k),
  };
}

function spokenSummary(view) {
  const { pictures, metric } = view;
  if (!pictures.length) return "Nothing found.";
  if (isJudged(view) && view.only_copies) return `${spokenFound(pictures)}.`;
  const copies = pictures.filter((match) => match.is_copy).length;
  const parts = [counted(pictures.length, "picture"), copies && counted(copies, "copy", "copies")];
  return `${parts.filter(Boolean).join(", ")}. The best match has ${spokenScore(pictures[0], metric)}.`;
}

export const searchFile = (file, remark) => search(fileQuery(file, remark));

export const searchPicture = (picture) => search(pictureQuery(picture));

export async function searchAddress(text) {
  try {
    await search(addressQuery(text));
  } catch (problem) {
    showProblem(problem);
  }
}

/** Search once more with the same picture: another part of it, or with views of it or without. */
export function searchAgain() {
  const { query, k } = state.view;
  if (query) search(query, { k, keepPlace: true });
}

/** Search with a part of the picture; null is all of it. */
export function searchPart(query, box) {
  if (query !== state.view.query) return;
  query.box = box;
  searchAgain();
}

export function searchForMore() {
  return search(state.view.query, { k: Math.min(MOST, state.view.k + PER_STEP), keepPlace: true });
}

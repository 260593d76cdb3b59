// Two pictures side by side: two of the index, or one of them and the one that was searched with.

import { $, element } from "./dom.js";
import { pictureImage, queryImage, sizeOf } from "./images.js";
import { outlineFound, outlineMatch, spokenProof } from "./proofs.js";
import { ofIndex, postJson } from "./server.js";
import { state } from "./state.js";
import { capital, shortName, spokenBytes, spokenScore } from "./words.js";

const selected = new Map(); // id -> picture, at most two, in the order of their selection

export const isSelected = (picture) => selected.has(picture.id);

/** Select a picture or, with false, no longer. A third one takes the place of the first. */
export function select(picture, isChosen) {
  selected.delete(picture.id);
  if (isChosen) selected.set(picture.id, picture);
  if (selected.size > 2) selected.delete(selected.keys().next().value);
  showSelection();
}

export function clearSelection() {
  selected.clear();
  showSelection();
}

/** Mark the selected pictures in the grid, and say what can be compared. */
export function showSelection() {
  for (const card of $("grid").querySelectorAll(".card")) {
    card.classList.toggle("is-selected", selected.has(card.dataset.id));
    card.querySelector("input").checked = selected.has(card.dataset.id);
  }
  const withQuery = selected.size === 1 && Boolean(state.view.query?.image);
  $("selection").hidden = selected.size === 0;
  $("selection-text").textContent = selectionText(withQuery);
  $("compare").disabled = selected.size < 2 && !withQuery;
  $("compare").textContent = withQuery ? "Compare with your search" : "Compare";
}

function selectionText(withQuery) {
  if (selected.size === 2) return "Two pictures selected.";
  return withQuery ? "One picture selected." : "One picture selected. Select another to compare them.";
}

/** Compare what is selected: two pictures, or one with the picture that was searched with. */
export function compare() {
  const [first, second] = selected.values();
  if (!second) return compareWithQuery(first);
  return showPair(pictureSide(first), pictureSide(second), () => measure(first, second));
}

export function compareWithQuery(picture) {
  const { view } = state;
  return showPair(querySide(view.query), pictureSide(picture), () => measureWithQuery(view, picture));
}

async function showPair(one, other, measured) {
  $("sides").replaceChildren(one.figure, other.figure);
  $("comparison-text").textContent = $("comparison-proof").textContent = "";
  $("comparison-proof").hidden = true;
  $("comparison").showModal();
  try {
    const pair = await measured();
    $("comparison-text").textContent = pair ? spokenPair(pair) : "";
    if (pair) showProof(pair, one, other);
  } catch (problem) {
    $("comparison-text").textContent = problem.message;
  }
}

/** Say what is proven, and outline where each lies in the other. */
function showProof({ match, box }, one, other) {
  const proof = spokenProof(match);
  $("comparison-proof").hidden = !proof;
  $("comparison-proof").textContent = proof && `${proof}.`;
  outlineFound(other.image, match);
  if (match.proof?.outline) one.size().then((size) => outlineMatch(one.image, size, match, box));
}

// It need not be in the grid any more: it stays selected from one search to the next.
function measureWithQuery(view, picture) {
  const match = view.pictures.find(({ id }) => id === picture.id);
  if (match) return { metric: view.metric, match, box: view.box };
  return view.query.picture ? measure(view.query.picture, picture) : null;
}

async function measure(one, other) {
  const asked = { id: one.id, k: 1, filter: `id == "${other.id}"`, verify: $("verify").checked };
  const { metric, matches } = await postJson(ofIndex("search"), asked);
  return matches.length ? { metric, match: matches[0], box: null } : null;
}

function spokenPair({ metric, match }) {
  const cosine = metric === "L2" ? `, cosine ${match.cosine.toFixed(3)}` : "";
  return `${capital(spokenScore(match, metric))}${cosine}${spokenVerdict(match)}.`;
}

function spokenVerdict({ is_copy: isCopy, nearly_empty: isEmpty }) {
  if (isEmpty) return ": there is nearly nothing on one of them, so nothing to compare";
  if (isCopy === null) return "";
  return isCopy ? ": one is a copy of the other" : ": not similar enough to count as copies";
}

function pictureSide(picture) {
  const about = `${picture.width} × ${picture.height}, ${spokenBytes(picture.bytes)}`;
  return side(pictureImage(picture), `${shortName(picture)} (${about})`, { picture });
}

function querySide(query) {
  const image = query.picture ? pictureImage(query.picture) : queryImage(query, query.name);
  return side(image, `${query.name} (your search)`, query);
}

// Its size is known once it is loaded, of what is not in the index.
function side(image, caption, query) {
  const figure = document.createElement("figure");
  const frame = element("div", "");
  frame.className = "picture";
  frame.append(image);
  figure.append(frame, element("figcaption", caption));
  return {
    figure,
    image,
    size: () => image.decode().then(() => sizeOf(query, image), () => ({ width: 0, height: 0 })),
  };
}

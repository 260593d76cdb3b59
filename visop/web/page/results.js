// The grid of pictures, with what was searched with above it.

import { card } from "./card.js";
import { showSelection } from "./compare.js";
import { $ } from "./dom.js";
import { queryImage, sizeOf } from "./images.js";
import { spokenProofs } from "./proofs.js";
import { chooseOn, chooseOnNothing } from "./region.js";
import { state } from "./state.js";
import { copiesFirst, isJudged, spokenFound, WHY_NOT_LIKE } from "./verdicts.js";
import { sentences } from "./words.js";

export const PER_STEP = 24;
export const MOST = 240;

let whole = state.view; // with the pictures that were removed since
let isOpen = false; // whether what is nearest is shown, of an encoder that knows copies only

export function show(view) {
  const isAnother = view.query !== state.view.query;
  whole = view;
  const there = view.pictures.filter(isThere);
  state.view = { ...view, pictures: isJudged(view) ? copiesFirst(there) : there };
  if (isAnother) isOpen = false;
  const { query, pictures } = state.view;
  document.body.classList.toggle("searching", Boolean(query));
  document.title = query ? `${query.name} – search by picture` : "Search by picture";
  if (query) query.box = view.box ?? null;
  if (isAnother) showQuery(query);
  showNote(view);
  $("keep").hidden = !(query?.file && state.status?.uploads && !query.kept);
  $("grid").replaceChildren();
  showCards(pictures);
  showEmpty();
}

/** Show what is shown once more, after something was removed or put back. */
export const showAgain = () => show(whole);

const isThere = ({ id }) => !state.removed.has(id);

function showQuery(query) {
  $("shown").hidden = !query;
  $("shown-picture").replaceChildren();
  chooseOnNothing();
  if (query?.image) {
    const image = queryImage(query, "The picture you searched with");
    image.addEventListener("load", () => chooseOn(image, sizeOf(query, image), query.box, onPart(query)), {
      once: true,
    });
    $("shown-picture").append(image);
  }
  $("shown-name").textContent = query?.name ?? "";
  $("url").value = query?.url && !query.url.startsWith("data:") ? query.url : "";
}

/** What is called with the part of a query that is chosen. @type {(query: any) => (box: number[] | null) => void} */
let onPart = () => () => {};

export const onPartChosen = (search) => onPart = (query) => (box) => search(query, box);

function showNote(view) {
  $("note").textContent = sentences(view.query?.remark, noteOf(view));
  $("note").hidden = !$("note").textContent;
}

function noteOf({ query, threshold, nearly_empty: isEmpty, pictures }) {
  if (!query) return "";
  if (!pictures.length) {
    return state.status?.indexing.state === "running" ? "Indexing is still running: search again in a while." : "";
  }
  if (isEmpty) return EMPTY;
  const proofs = spokenProofs(pictures);
  if (threshold === null) return sentences("Most similar first.", proofs || UNCALIBRATED);
  return sentences(pictures.some((match) => match.is_copy) && "The same picture, possibly edited.", proofs);
}

const UNCALIBRATED = "This encoder has no calibrated threshold, so no picture is marked as a copy.";

const EMPTY =
  "There is nearly nothing on your picture: nothing to compare, so no picture is marked as a copy. Most similar first.";

/** Add pictures at the end, so that none moves or loses the focus. */
export function addPictures(pictures) {
  whole = { ...whole, pictures: [...whole.pictures, ...pictures] };
  state.view = { ...state.view, pictures: [...state.view.pictures, ...pictures] };
  showCards(pictures);
}

function showCards(pictures) {
  const { metric } = state.view;
  const first = isJudged(state.view) ? pictures.findIndex((match) => !match.is_copy) : -1;
  const cards = pictures.map((picture) => card(picture, metric));
  if (first >= 0) cards.splice(first, 0, divider(pictures.length - first));
  $("grid").append(...cards);
  showOthers();
  $("heading").hidden = !state.view.pictures.length && !state.view.query;
  $("heading").textContent = headingOf(state.view);
  showSelection();
}

/** The pictures that are shown: of an encoder that knows copies only, the others on request. */
export const shownPictures = () => {
  const { pictures } = state.view;
  return areOthersShown() ? pictures : pictures.filter((match) => match.is_copy);
};

const areOthersShown = () => isOpen || !isJudged(state.view) || !state.view.only_copies;

function divider(count) {
  const made = $("divider").content.cloneNode(true).firstElementChild;
  const isRequest = state.view.only_copies;
  made.querySelector("h3").textContent = isRequest ? "Nearest, and no copy" : "Most like it, and no copy";
  made.querySelector("h3").hidden = isRequest;
  made.querySelector("button").hidden = made.querySelector("p").hidden = !isRequest;
  made.querySelector("button").textContent = count === 1 ? "Show what is nearest" : `Show the ${count} nearest`;
  made.querySelector("p").textContent = WHY_NOT_LIKE;
  return made;
}

/** Show what is nearest and no copy, or hide it again. */
export function toggleOthers() {
  isOpen = !isOpen;
  showOthers();
}

function showOthers() {
  const { query, k, pictures } = state.view;
  const areShown = areOthersShown();
  for (const each of document.querySelectorAll(".divider ~ .card")) each.toggleAttribute("hidden", !areShown);
  document.querySelector(".divider button")?.setAttribute("aria-expanded", String(areShown));
  $("more").hidden = !query || whole.pictures.length < k || k >= MOST ||
    (!areShown && pictures.some((match) => !match.is_copy));
}

function headingOf(view) {
  if (!view.query) return "Or start with one of these";
  if (!view.pictures.length) return "Nothing found";
  return isJudged(view) ? spokenFound(view.pictures) : "Similar pictures";
}

/** What to do about an index with no pictures in it. */
export function showEmpty() {
  const { status, view } = state;
  $("empty").hidden = !status || status.count > 0 ||
    status.indexing.state === "running" || Boolean(view.query);
  $("empty-add").hidden = !status?.uploads;
}

export function scrollToHeading() {
  scrollTo(0, 0);
  $("heading").focus({ preventScroll: true });
}

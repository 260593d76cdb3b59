// The grid of pictures, with what was searched with above it.

import { card } from "./card.js";
import { showSelection } from "./compare.js";
import { $ } from "./dom.js";
import { queryImage } from "./images.js";
import { state } from "./state.js";
import { sentences } from "./words.js";

export const PER_STEP = 24;
export const MOST = 240;

let whole = state.view; // with the pictures that were removed since

export function show(view) {
  const isAnother = view.query !== state.view.query;
  whole = view;
  state.view = { ...view, pictures: view.pictures.filter(isThere) };
  const { query, pictures, k } = state.view;
  document.body.classList.toggle("searching", Boolean(query));
  document.title = query ? `${query.name} – search by picture` : "Search by picture";
  if (isAnother) showQuery(query);
  showNote(view);
  $("keep").hidden = !(query?.file && state.status?.uploads && !query.kept);
  $("more").hidden = !query || view.pictures.length < k || k >= MOST;
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
  if (query?.image) {
    $("shown-picture").append(queryImage(query, "The picture you searched with"));
  }
  $("shown-name").textContent = query?.name ?? "";
  $("url").value = query?.url && !query.url.startsWith("data:") ? query.url : "";
}

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
  return `Most similar first. ${threshold === null ? UNCALIBRATED : noteOnCopies(pictures)}`;
}

const UNCALIBRATED = "This encoder has no calibrated threshold, so no picture is marked as a copy.";

const EMPTY =
  "There is nearly nothing on your picture: nothing to compare, so no picture is marked as a copy. Most similar first.";

function noteOnCopies(pictures) {
  const copies = pictures.filter((match) => match.is_copy).length;
  if (!copies) return "None is similar enough to count as a copy.";
  return `${copies === 1 ? "One is a copy" : `${copies} are copies`}: the same picture, possibly edited.`;
}

/** Add pictures at the end, so that none moves or loses the focus. */
export function addPictures(pictures) {
  whole = { ...whole, pictures: [...whole.pictures, ...pictures] };
  state.view = { ...state.view, pictures: [...state.view.pictures, ...pictures] };
  showCards(pictures);
}

function showCards(pictures) {
  $("grid").append(...pictures.map((picture) => card(picture, state.view.metric)));
  $("heading").hidden = !state.view.pictures.length && !state.view.query;
  $("heading").textContent = headingOf(state.view);
  showSelection();
}

function headingOf({ query, pictures }) {
  if (!query) return "Or start with one of these";
  return pictures.length ? "Similar pictures" : "Nothing found";
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

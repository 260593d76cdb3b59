// One picture, large, with what is known about it.

import { isSelected, select } from "./compare.js";
import { $, element } from "./dom.js";
import { pictureImage } from "./images.js";
import { outlineFound, spokenCosine, spokenProof } from "./proofs.js";
import { spokenBox } from "./region.js";
import { shownPictures } from "./results.js";
import { fileAddress } from "./server.js";
import { state } from "./state.js";
import { shortName, spokenBytes } from "./words.js";

const MOST_NAMES = 10;

let viewed = null; // the pictures of the grid when the viewer was opened, and at which of them it is

export const openPicture = () => viewed.pictures[viewed.at];

export function openViewer(picture) {
  const pictures = shownPictures();
  viewed = { ...state.view, pictures, at: pictures.indexOf(picture) };
  showPicture();
  $("viewer").showModal();
}

/** Go to the next picture, or with -1 to the previous one, if there is one. */
export function step(by) {
  if (!viewed.pictures[viewed.at + by]) return;
  viewed.at += by;
  showPicture();
}

/** Select the open picture for a comparison, or no longer. */
export function toggleSelected() {
  select(openPicture(), !isSelected(openPicture()));
  showSelected();
}

function showPicture() {
  const picture = openPicture();
  $("viewer-name").textContent = shortName(picture);
  const image = pictureImage(picture);
  $("viewer-picture").replaceChildren(image);
  outlineFound(image, picture);
  $("viewer-picture").classList.toggle("is-missing", picture.gone);
  $("viewer-missing").hidden = !picture.gone;
  $("viewer-file").href = fileAddress(picture);
  $("viewer-file").hidden = picture.gone;
  $("viewer-beside").hidden = !viewed.query?.image;
  $("viewer-remove").hidden = !state.status?.uploads;
  $("before").setAttribute("aria-disabled", viewed.at === 0); // a button that is really disabled loses the focus
  $("after").setAttribute("aria-disabled", viewed.at === viewed.pictures.length - 1);
  $("viewer-facts").replaceChildren(...factsOf(picture).flatMap(factElements));
  showSelected();
}

function showSelected() {
  const isChosen = isSelected(openPicture());
  $("viewer-select").setAttribute("aria-pressed", isChosen);
  $("viewer-select").textContent = isChosen ? "Selected to compare" : "Compare";
}

const factElements = ([term, value]) => [element("dt", term), element("dd", value)];

function factsOf(picture) {
  const size = picture.width ? `${picture.width} × ${picture.height} pixels, ` : "";
  return [
    ...(picture.score === undefined ? [] : matchFacts(picture)),
    ["Size", size + spokenBytes(picture.bytes)],
    ...Object.entries(picture.attributes ?? {}).map(([name, value]) => [name, String(value)]),
    ["Modified", new Date(picture.modified * 1000).toLocaleDateString()],
    [picture.names.length > 1 ? "Files" : "File", namesOf(picture)],
  ];
}

function matchFacts(match) {
  const { score, cosine, proof } = match;
  const verdict = verdictOf(match);
  const facts = verdict ? [["Verdict", verdict]] : [];
  if (spokenProof(match)) facts.push(["Proof", spokenProof(match)]);
  if (match.part) facts.push(["Part", spokenPart(match.part)]);
  if (match.view) facts.push(["In yours", spokenBox(match.view)]);
  if (proof?.outline) facts.push(["Outlined", "where your picture lies in it"]);
  if (viewed.metric === "L2") facts.push(["Distance", score.toFixed(4)]);
  return [...facts, ["Cosine", proof ? spokenCosine(match, viewed.threshold) : cosine.toFixed(4)]];
}

const spokenPart = ({ number, label, box }) => `number ${number}${label && `, ${label}`}: ${spokenBox(box)}`;

function verdictOf({ is_copy: isCopy, nearly_empty: isEmpty }) {
  if (isEmpty) return "none: there is nearly nothing on it, or on your picture";
  if (isCopy === null) return "";
  return isCopy ? "a copy" : "not similar enough to count as a copy";
}

function namesOf({ names }) {
  return names.slice(0, MOST_NAMES).join("\n") +
    (names.length > MOST_NAMES ? "\n…" : "");
}

// What local features prove: in words, and drawn over the pictures.

import { cornersOf, outline } from "./outline.js";
import { counted } from "./words.js";

/** What a proof says of a match, in a few words; empty if none was looked for. */
export function spokenProof({ proof, unverified }) {
  if (unverified) return `No proof was looked for: ${unverified}`;
  if (!proof) return "";
  const places = counted(proof.matches, "matching place");
  if (!proof.is_copy) return `Not proven: ${places}${spokenAgreement(proof)}`;
  return `Proven: ${places}${proof.edits.length ? `, ${proof.edits.join(", ")}` : ""}`;
}

// It is 0 if there are too few places to look at what they cover. Rounded down: what is not enough is not told as enough.
const spokenAgreement = ({ agreement }) =>
  agreement ? `, but only ${Math.floor(100 * agreement)} % of what they cover is alike` : "";

/** What is said of a verdict beside the proof: that of the vectors, which may be another one. */
export function spokenCosine({ cosine }, threshold) {
  const shown = cosine.toFixed(4);
  if (threshold === null || threshold === undefined) return shown;
  const verdict = cosine >= threshold ? "that of a copy" : "too low for a copy";
  return `${shown}, ${verdict}: the threshold is ${threshold.toFixed(4)}`;
}

/** How many of the matches are proven, as a sentence; empty if none was looked at. */
export function spokenProofs(matches) {
  if (!matches.some(({ proof }) => proof)) return "";
  const proven = matches.filter(({ proof }) => proof?.is_copy).length;
  if (proven) return `${counted(proven, "copy is", "copies are")} proven by what the pictures show.`;
  return "Of the nearest, none is proven to be a copy.";
}

/**
 * Outline in a match where the query lies in it, if that is proven, or else the part that is nearest.
 * @param {HTMLImageElement} image of the match
 */
export function outlineFound(image, match) {
  const corners = match.proof?.outline ?? (match.part && cornersOf(match.part.box));
  if (corners) outline(image, match, corners);
}

/**
 * Outline in the query where a match lies in it.
 * @param {HTMLImageElement} image of the query
 * @param {{width: number, height: number}} size of the query, in the pixels of its box
 * @param {number[] | null} box of what was searched with
 */
export function outlineMatch(image, size, match, box) {
  const [left, top] = box ?? [0, 0];
  const corners = match.proof?.outline_of_original;
  if (corners) outline(image, size, corners.map(([x, y]) => [x + left, y + top]));
}

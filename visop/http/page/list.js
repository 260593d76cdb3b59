// The list of what was found, and from which score on it is shown.

import { coloursOf, light, pictureSize, showOnly } from "./boxes.js";
import { $ } from "./dom.js";
import { scoreText } from "./score.js";

const ROUNDING = 0.01; // pixels, of boxes in float32

let parts = [];
let pinned = null; // the number of the part that stays lit

/** List parts, all of them shown. */
export function list(found) {
  parts = found;
  const colours = coloursOf(parts);
  $("list").replaceChildren(...parts.map((part, number) => item(part, number, colours.get(part.label))));
  pinned = null;
  light(null);
  setThreshold();
  showFromLeast();
}

function item(part, number, colour) {
  const made = $("item").content.cloneNode(true).firstElementChild;
  made.dataset.number = number;
  made.querySelector(".swatch").classList.add(`colour-${colour}`);
  made.querySelector(".label").textContent = nameOf(part, number);
  made.querySelector(".score").textContent = scoreText(part.score, 3);
  made.querySelector(".place").textContent = placeOf(part);
  return made;
}

/** What names nothing is numbered, but for the whole picture, which comes first where it is wanted. */
function nameOf(part, number) {
  if (part.label) return part.label;
  if (isWhole(parts[0])) return number ? `Part ${number}` : "Whole picture";
  return `Part ${number + 1}`;
}

function isWhole({ box, label }) {
  const { width, height } = pictureSize();
  if (!box || label) return false;
  const rest = [box.x, box.y, box.w - width, box.h - height];
  return rest.every((each) => Math.abs(each) <= ROUNDING);
}

function placeOf({ box }) {
  if (!box) return "place unknown";
  const [x, y, w, h] = [box.x, box.y, box.w, box.h].map(Math.round);
  return `${w} × ${h} at ${x}, ${y}`;
}

/** From the lowest score to the highest; where all are the same there is nothing to choose. */
function setThreshold() {
  const scores = parts.map((part) => part.score);
  const lowest = Math.min(0, ...scores);
  const highest = Math.max(1, ...scores);
  $("threshold").hidden = new Set(scores).size < 2;
  const step = (highest - lowest) / 100;
  Object.assign($("least"), { min: String(lowest), max: String(highest), step: String(step) });
  $("least").value = String(lowest);
}

function showFromLeast() {
  const least = Number($("least").value);
  const isShown = (part) => $("threshold").hidden || part.score >= least - 1e-9;
  const numbers = new Set(parts.flatMap((part, number) => isShown(part) ? [number] : []));
  for (const each of $("list").children) each.hidden = !numbers.has(Number(each.dataset.number));
  showOnly(numbers);
  $("least-told").textContent = least.toFixed(2);
  $("count").textContent = counted(numbers.size);
  if (pinned !== null && !numbers.has(pinned)) pin(null);
}

function counted(shown) {
  if (!parts.length) return "Nothing was found in this picture.";
  return shown === parts.length ? `${shown} found` : `${shown} of ${parts.length} shown`;
}

function pin(number) {
  pinned = number;
  for (const each of $("list").children) {
    each.firstElementChild.setAttribute("aria-pressed", String(Number(each.dataset.number) === number));
  }
  light(number);
}

const numberAt = (target) => {
  const holder = target.closest?.("[data-number]");
  return holder ? Number(holder.dataset.number) : null;
};

/** Light up what the pointer or the focus is at; a click, or Enter, keeps it lit. */
export function listenToParts() {
  $("least").addEventListener("input", showFromLeast);
  for (const place of [$("list"), $("boxes")]) {
    place.addEventListener("pointerover", ({ target }) => light(numberAt(target) ?? pinned));
    place.addEventListener("pointerleave", () => light(pinned));
    place.addEventListener("click", ({ target }) => {
      const number = numberAt(target);
      if (number === null) return;
      pin(number === pinned ? null : number);
      if (place === $("boxes")) $("list").children[number].scrollIntoView({ block: "nearest" });
    });
  }
  $("list").addEventListener("focusin", ({ target }) => light(numberAt(target) ?? pinned));
  $("list").addEventListener("focusout", () => light(pinned));
}

// Boxes over the picture, in its pixels. People who do not see them have the list.

import { $ } from "./dom.js";
import { scoreText } from "./score.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const COLOURS = 7;

// On the screen, in CSS pixels.
const TEXT = 13;
const POINT = 3;

/** With more of them, labels would hide the picture: only those of lit boxes are shown. */
const MOST_LABELS = 40;

/** The number of the colour of each label, in the order in which labels come. */
export function coloursOf(parts) {
  const labels = [...new Set(parts.map((part) => part.label))];
  return new Map(labels.map((label, number) => [label, number % COLOURS]));
}

let size = { width: 0, height: 0 };

/** The size of the picture that boxes are in, in its pixels: more than is shown of it, where that was made smaller. */
export const pictureSize = () => size;

/** Draw a box for each part that has one over the picture, which is shown. */
export function draw(parts, sizeOfFile = naturalSize()) {
  size = sizeOfFile;
  const colours = coloursOf(parts);
  $("boxes").setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  $("boxes").classList.toggle("many", parts.length > MOST_LABELS);
  const drawn = (part, number) => part.box ? [drawnPart(part, number, colours.get(part.label))] : [];
  $("boxes").replaceChildren(...parts.flatMap(drawn));
  fit();
}

function naturalSize() {
  const { naturalWidth, naturalHeight } = $("picture");
  return { width: naturalWidth, height: naturalHeight };
}

function drawnPart(part, number, colour) {
  const { x, y, w, h } = part.box;
  const group = made("g", { class: `part colour-${colour}`, "data-number": number });
  group.append(made("rect", { class: "box", x, y, width: w, height: h }));
  for (const point of part.keypoints) group.append(made("circle", { cx: point.x, cy: point.y }));
  const text = made("text", { x, y });
  text.textContent = `${part.label} ${scoreText(part.score, 2)}`.trim();
  group.append(made("rect", { class: "plate" }), text);
  return group;
}

function made(name, attributes) {
  const element = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}

/** Give labels and points their size on the screen, however large the picture is shown. */
export function fit() {
  const { clientWidth, clientHeight } = $("picture");
  if (!clientWidth || !clientHeight) return;
  const across = size.width / clientWidth;
  const down = size.height / clientHeight;
  for (const circle of $("boxes").querySelectorAll("circle")) circle.setAttribute("r", String(POINT * across));
  for (const group of $("boxes").children) fitLabel(group, across, down, size.width);
}

function fitLabel(group, across, down, width) {
  const text = group.querySelector("text");
  const box = group.querySelector(".box");
  const plate = group.querySelector(".plate");
  const high = (TEXT + 5) * down;
  text.setAttribute("font-size", String(TEXT * down));
  const wide = text.textContent.length * TEXT * 0.56 * across + 6 * across;
  const left = Math.max(0, Math.min(Number(box.getAttribute("x")), width - wide));
  const top = Math.max(0, Number(box.getAttribute("y")) - high); // a label that would be above the picture is in it
  place(plate, { x: left, y: top, width: wide, height: high });
  place(text, { x: left + 3 * across, y: top + high - 5 * down, textLength: wide - 6 * across });
}

function place(element, attributes) {
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
}

/** Show the boxes whose numbers are in the set. */
export function showOnly(numbers) {
  for (const group of $("boxes").children) group.toggleAttribute("hidden", !numbers.has(Number(group.dataset.number)));
}

/** Light a box up among the others; null for none. */
export function light(number) {
  $("boxes").classList.toggle("lit", number !== null);
  for (const group of $("boxes").children) group.classList.toggle("lit", Number(group.dataset.number) === number);
}

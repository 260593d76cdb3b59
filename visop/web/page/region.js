// The part of a picture that is searched with: a rectangle over the picture, for mouse, finger and keyboard.

import { $, element } from "./dom.js";
import { layOver } from "./outline.js";

const CORNERS = [["left upper", 0, 0], ["right upper", 1, 0], ["right lower", 1, 1], ["left lower", 0, 1]];
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Shares of the sides of the picture.
const LEAST = 0.04;
const STEP = 0.02;
const LARGE_STEP = 0.1;

// A drag shorter than this is a click, in pixels of the screen.
const CLICK = 6;

// How long keys have to rest before the search begins.
const REST_MS = 600;

let onChange = null; // called with the box in pixels of the picture, or null
let size = null; // of the picture, in its pixels
let part = null; // the rectangle as { left, top, right, bottom }, shares of the sides; null if all is searched with
let resting = 0;

/** Let a part of an image be chosen. The image must stand alone in its element. */
export function chooseOn(image, pixels, box, change) {
  [onChange, size] = [change, pixels];
  part = box && size ? partOf(box) : null;
  const area = $("region").content.cloneNode(true).firstElementChild;
  image.draggable = false;
  image.after(area);
  layOver(image, area);
  area.append(...CORNERS.map(handle));
  area.addEventListener("pointerdown", onPointerDown);
  area.addEventListener("keydown", onKeyDown);
  for (const button of [$("part-choose"), $("part-clear")]) button.hidden = false;
  draw();
}

/** There is no picture that a part can be chosen of. */
export function chooseOnNothing() {
  clearTimeout(resting);
  onChange = part = null;
  for (const id of ["part-choose", "part-clear", "part-text"]) $(id).hidden = true;
}

/** Begin with the middle of the picture, and give its rectangle the focus: a way in without a mouse. */
export function chooseMiddle() {
  part ??= { left: 0.25, top: 0.25, right: 0.75, bottom: 0.75 };
  changed();
  $("part").focus();
}

/** Search with all of the picture again. */
export function clearPart() {
  const hadFocus = area()?.contains(document.activeElement) || document.activeElement === $("part-clear");
  part = null;
  changed(0);
  if (hadFocus) $("part-choose").focus();
}

/** @returns {HTMLElement | null} */
const area = () => document.querySelector(".region");

/** @returns {NodeListOf<HTMLElement>} */
const handles = () => document.querySelectorAll(".region .handle");

function handle([name, x, y]) {
  const made = element("button", "");
  Object.assign(made, { type: "button", className: "handle" });
  Object.assign(made.dataset, { x, y });
  made.setAttribute("aria-label", `The ${name} corner. Arrow keys move it.`);
  return made;
}

function onPointerDown(event) {
  if (event.button) return;
  event.preventDefault();
  const start = at(event);
  const before = part && { ...part };
  const corner = event.target.closest(".handle")?.dataset;
  const isMove = event.target.closest(".part");
  const follow = (moved) => {
    const now = at(moved);
    const far = Math.hypot(moved.clientX - event.clientX, moved.clientY - event.clientY) >= CLICK;
    if (corner) part = withCorner(before, corner, now.x - start.x, now.y - start.y);
    else if (isMove) part = movedBy(before, now.x - start.x, now.y - start.y);
    else if (far) part = spanned(start, now);
    draw();
  };
  const end = (last) => {
    area.removeEventListener("pointermove", follow);
    if (last.type === "pointercancel") part = before;
    if (JSON.stringify(part) !== JSON.stringify(before)) changed(0);
    else draw();
  };
  const { currentTarget: area } = event;
  area.setPointerCapture(event.pointerId);
  area.addEventListener("pointermove", follow);
  for (const type of ["pointerup", "pointercancel"]) area.addEventListener(type, end, { once: true });
  (event.target.closest("button") ?? $("part")).focus({ preventScroll: true });
}

function onKeyDown(event) {
  if (event.key === "Escape") {
    event.stopPropagation();
    return clearPart();
  }
  if (event.key === "Enter") {
    event.preventDefault();
    return changed(0);
  }
  const step = STEPS[event.key];
  if (!step || !part) return;
  event.preventDefault();
  const [x, y] = step.map((each) => each * (event.shiftKey ? LARGE_STEP : STEP));
  const corner = event.target.closest(".handle")?.dataset;
  part = corner ? withCorner(part, corner, x, y) : movedBy(part, x, y);
  changed();
}

function at({ clientX, clientY }) {
  const { left, top, width, height } = area().getBoundingClientRect();
  return { x: clamp((clientX - left) / width), y: clamp((clientY - top) / height) };
}

const clamp = (value, least = 0, most = 1) => Math.min(Math.max(value, least), most);

function withCorner(from, { x, y }, right, down) {
  const made = { ...from };
  if (Number(x)) made.right = clamp(from.right + right, from.left + LEAST);
  else made.left = clamp(from.left + right, 0, from.right - LEAST);
  if (Number(y)) made.bottom = clamp(from.bottom + down, from.top + LEAST);
  else made.top = clamp(from.top + down, 0, from.bottom - LEAST);
  return made;
}

function movedBy(from, right, down) {
  const x = clamp(right, -from.left, 1 - from.right);
  const y = clamp(down, -from.top, 1 - from.bottom);
  return { left: from.left + x, top: from.top + y, right: from.right + x, bottom: from.bottom + y };
}

function spanned(one, other) {
  const [left, right] = stretched(one.x, other.x);
  const [top, bottom] = stretched(one.y, other.y);
  return { left, top, right, bottom };
}

function stretched(one, other) {
  const start = Math.min(one, other, 1 - LEAST);
  return [start, Math.max(one, other, start + LEAST)];
}

/**
 * Whole pixels, at least one, inside the picture.
 * @returns {[number, number, number, number]}
 */
function boxOf({ left, top, right, bottom }) {
  const x = Math.min(Math.floor(left * size.width), size.width - 1);
  const y = Math.min(Math.floor(top * size.height), size.height - 1);
  const w = clamp(Math.round((right - left) * size.width), 1, size.width - x);
  return [x, y, w, clamp(Math.round((bottom - top) * size.height), 1, size.height - y)];
}

function partOf([x, y, w, h]) {
  const { width, height } = size;
  return { left: x / width, top: y / height, right: (x + w) / width, bottom: (y + h) / height };
}

function changed(wait = REST_MS) {
  draw();
  clearTimeout(resting);
  const call = onChange;
  resting = setTimeout(() => call?.(part && boxOf(part)), wait);
}

function draw() {
  const shown = area();
  if (!shown) return;
  shown.classList.toggle("is-chosen", Boolean(part));
  const { left, top, right, bottom } = part ?? { left: 0, top: 0, right: 1, bottom: 1 };
  place($("part"), left, top, right - left, bottom - top);
  for (const each of handles()) {
    place(each, Number(each.dataset.x) ? right : left, Number(each.dataset.y) ? bottom : top);
  }
  $("part-clear").hidden = !part;
  $("part-choose").hidden = Boolean(part);
  $("part-text").hidden = !part;
  $("part-text").textContent = part ? spokenBox(boxOf(part)) : "";
}

export const spokenBox = ([x, y, w, h]) =>
  `${Math.round(w)} × ${Math.round(h)} pixels at ${Math.round(x)}, ${Math.round(y)}`;

function place(shown, x, y, w, h) {
  const shares = { left: x, top: y, width: w, height: h };
  for (const [side, share] of Object.entries(shares)) {
    if (share !== undefined) shown.style[side] = `${100 * share}%`;
  }
}

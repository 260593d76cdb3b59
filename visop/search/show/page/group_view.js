// One group of copies: its pictures, which of them are kept, and why.

import { isLeft, keep, keepAll, keepOnly, keptOf, movedOf, pathsKept } from "./choices.js";
import { $, element } from "./dom.js";
import { counted, spokenBytes } from "./words.js";

/** The element of a group; `onChange` is called after each choice that the person makes in it. */
export function groupView(group, onChange) {
  const made = $("group").content.cloneNode(true).firstElementChild;
  made.setAttribute("aria-label", `Group ${group.number}`);
  made.querySelector("h2").textContent = `Group ${group.number}`;
  made.querySelector(".facts").textContent = factsOf(group);
  made.querySelector("ul").append(...group.files.map((file, at) => fileView(group, file, at)));
  listen(made, group, () => {
    showChoice(made, group);
    onChange();
  });
  showChoice(made, group);
  return made;
}

function factsOf({ files, loosest, closest }) {
  const [low, high] = [loosest, closest].map((cosine) => cosine.toFixed(loosest < .995 ? 2 : 4));
  return `${counted(files.length, "file")}, cosine ${low === high ? low : `${low} to ${high}`}`;
}

function fileView(group, file, at) {
  const made = $("file").content.cloneNode(true).firstElementChild;
  made.dataset.at = at;
  const link = made.querySelector("a");
  link.href = file.href;
  link.setAttribute("aria-label", `Open ${file.short}`);
  showImage(link, file);
  made.querySelector(".name").textContent = file.short;
  made.querySelector(".folder").textContent = file.folder;
  made.querySelector(".name").title = file.name;
  made.querySelector(".size").textContent = sizeOf(file);
  made.querySelector(".note").textContent = noteOf(group, file, at);
  made.querySelector("input").setAttribute("aria-label", `Keep ${file.short}`);
  made.querySelector(".only").setAttribute("aria-label", `Keep only ${file.short}`);
  return made;
}

function showImage(link, { image, width, height }) {
  const shown = link.querySelector("img");
  if (image) shown.src = image;
  else shown.replaceWith(Object.assign(element("span", "no preview"), { className: "gone soft" }));
  if (width && height) link.style.setProperty("--shape", String(width / height));
}

function sizeOf({ width, height, bytes, modified }) {
  const day = modified ? new Date(1000 * modified).toISOString().slice(0, 10).replaceAll("-", "\u2011") : ""; // unbroken
  return [width ? `${width} × ${height}` : "", spokenBytes(bytes), day].filter(Boolean).join(", ");
}

function noteOf(group, file, at) {
  if (file.stays) return `Stays: ${file.stays}.`;
  if (file.same) return "Every byte as the file before it.";
  return at || !group.why ? "" : `Likely the original: ${group.why}.`;
}

function showChoice(made, group) {
  const places = keptOf(group);
  const moved = new Set(movedOf(group));
  for (const item of made.querySelectorAll("li")) {
    const at = Number(item.dataset.at);
    const isMoved = moved.has(group.files[at]);
    item.classList.toggle("is-moved", isMoved);
    item.querySelector("input").checked = places.has(at);
    item.querySelector(".state").textContent = isMoved ? "Moves" : "Stays";
    item.querySelector(".only").disabled = places.size === 1 && places.has(at);
  }
  made.querySelector(".all").disabled = places.size === group.files.length;
  made.querySelector(".unsafe").hidden = pathsKept(group).length > 0;
  made.classList.toggle("is-left", isLeft(group));
}

function listen(made, group, show) {
  const placeOf = (target) => Number(target.closest("li").dataset.at);
  made.addEventListener("change", ({ target }) => {
    keep(group, placeOf(target), target.checked);
    show(); // the last one that is kept is checked again
  });
  made.addEventListener("click", ({ target }) => {
    if (target.matches(".only")) keepOnly(group, placeOf(target));
    else if (target.matches(".all")) keepAll(group);
    else return;
    show();
  });
}

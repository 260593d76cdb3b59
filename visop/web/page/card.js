// One picture of the grid. What its buttons do is in main.js, which listens to the whole grid.

import { $ } from "./dom.js";
import { fill } from "./images.js";
import { outlineFound, spokenProof } from "./proofs.js";
import { thumbnail } from "./server.js";
import { shortName, spokenScore } from "./words.js";

export function card(picture, metric) {
  const made = $("card").content.cloneNode(true).firstElementChild;
  made.dataset.id = picture.id;
  fill(made.querySelector("img"), thumbnail(picture, 320), "");
  outlineFound(made.querySelector("img"), picture);
  made.classList.toggle("is-missing", picture.gone);
  showWords(made, picture, metric);
  nameControls(made, shortName(picture) + (picture.gone ? ", whose file is gone" : ""));
  return made;
}

function showWords(made, picture, metric) {
  const isMatch = picture.score !== undefined;
  made.querySelector(".name").textContent = shortName(picture);
  made.querySelector(".name").title = picture.names.join("\n");
  made.querySelector(".copy").hidden = !picture.is_copy;
  made.querySelector(".missing").hidden = !picture.gone;
  made.querySelector(".number").textContent = isMatch ? spokenScore(picture, metric) : "";
  made.querySelector(".score").hidden = !isMatch;
  made.querySelector(".proof").textContent = spokenProof(picture);
  made.querySelector(".proof").hidden = !spokenProof(picture);
  made.classList.toggle("is-proven", Boolean(picture.proof?.is_copy));
}

// Their visible words are the same on every card; a screen reader needs to tell them apart.
function nameControls(made, name) {
  made.querySelector(".open").setAttribute("aria-label", `Open ${name}`);
  made.querySelector(".like").setAttribute("aria-label", `More like ${name}`);
  made.querySelector("input").setAttribute("aria-label", `Compare ${name}`);
}

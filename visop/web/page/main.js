// The page of `visop run`: which control does what.

import { add, keep } from "./adding.js";
import { clearSelection, compare, compareWithQuery, select } from "./compare.js";
import { $ } from "./dom.js";
import { fillFailures } from "./failures.js";
import { adoptAddress, offerIndexes } from "./index_choice.js";
import { watch } from "./indexing.js";
import { listenToDrops, onPaste, takeFiles } from "./input.js";
import { begin, chooseIndex, onPopState } from "./navigation.js";
import { dismissProblem, showProblem } from "./notices.js";
import { offerParts } from "./parts_link.js";
import { askToRemove, dismissRemoved, remove, undo } from "./removing.js";
import { chooseMiddle, clearPart } from "./region.js";
import { onPartChosen, toggleOthers } from "./results.js";
import { searchAddress, searchAgain, searchFile, searchForMore, searchPart, searchPicture } from "./search.js";
import { state } from "./state.js";
import { openPicture, openViewer, step, toggleSelected } from "./viewer.js";

function listenToSearch() {
  $("skip").addEventListener("click", (event) => {
    event.preventDefault(); // its address would be an entry in the history, and it is not a search
    $("results").focus();
  });
  $("search").addEventListener("submit", (event) => {
    event.preventDefault();
    searchAddress($("url").value);
  });
  $("file").addEventListener("change", () => takeFiles($("file"), ([file]) => searchFile(file)));
  $("add-files").addEventListener("change", () => takeFiles($("add-files"), (files) => add(files).catch(showProblem)));
  $("keep").addEventListener("click", keep);
  $("index").addEventListener("change", () => chooseIndex($("index").value));
  $("more").addEventListener("click", searchForMore);
  for (const id of ["thorough", "verify"]) $(id).addEventListener("change", searchAgain);
  $("part-choose").addEventListener("click", chooseMiddle);
  $("part-clear").addEventListener("click", clearPart);
  onPartChosen(searchPart);
  document.addEventListener("paste", onPaste);
  listenToDrops();
}

function listenToGrid() {
  $("grid").addEventListener("click", ({ target }) => {
    if (target.closest(".open")) openViewer(pictureAt(target));
    if (target.closest(".like")) searchPicture(pictureAt(target));
    if (target.closest(".divider button")) toggleOthers();
  });
  $("grid").addEventListener("change", ({ target }) => select(pictureAt(target), target.checked));
  $("compare").addEventListener("click", compare);
  $("clear").addEventListener("click", clearSelection);
}

function pictureAt(target) {
  const { id } = target.closest(".card").dataset;
  return state.view.pictures.find((picture) => picture.id === id);
}

function listenToViewer() {
  $("before").addEventListener("click", () => step(-1));
  $("after").addEventListener("click", () => step(1));
  $("viewer-select").addEventListener("click", toggleSelected);
  $("viewer-like").addEventListener("click", () => {
    $("viewer").close();
    searchPicture(openPicture());
  });
  $("viewer-beside").addEventListener("click", () => {
    const picture = openPicture();
    $("viewer").close();
    compareWithQuery(picture);
  });
  $("viewer-remove").addEventListener("click", () => askToRemove(openPicture()));
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside its content
  }
}

function listenToRemoval() {
  $("removal-yes").addEventListener("click", remove);
  $("removal-no").addEventListener("click", () => $("removal").close());
  $("undo").addEventListener("click", undo);
  $("dismiss-removed").addEventListener("click", dismissRemoved);
  $("failures").addEventListener("toggle", fillFailures);
}

function listenToKeys() {
  $("dismiss").addEventListener("click", dismissProblem);
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && !document.querySelector("dialog[open]")) {
      dismissProblem();
    }
    if ($("removal").open || !$("viewer").open) return;
    if (key === "ArrowLeft") step(-1);
    if (key === "ArrowRight") step(1);
  });
}

listenToSearch();
listenToGrid();
listenToViewer();
listenToRemoval();
listenToKeys();
addEventListener("popstate", onPopState);
await adoptAddress();
watch();
begin();
offerParts().catch(showProblem);
offerIndexes().catch(() => {}); // the page says by then that the server does not answer

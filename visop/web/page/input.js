// Pictures that a person chooses, drops or pastes.

import { searchAddress, searchFile } from "./search.js";

/** Hand over the files of an input, and empty it: choosing the same file again is a change then, too. */
export function takeFiles(input, use) {
  const files = [...input.files];
  input.value = "";
  if (files.length) use(files);
}

export function onPaste(event) {
  if (
    event.target.closest?.("input[type=text]") &&
    !event.clipboardData.files.length
  ) return;
  searchWith(event.clipboardData);
}

export function listenToDrops() {
  let depth = 0; // dragenter and dragleave come for every element on the way
  const mark = (change) => {
    depth = change ? Math.max(0, depth + change) : 0;
    document.body.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", () => mark(1));
  addEventListener("dragleave", () => mark(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    searchWith(event.dataTransfer);
  });
}

function searchWith(data) {
  const { length, 0: file } = data.files;
  if (file) {
    return searchFile(file, length > 1 ? `Searched with the first of ${length} files.` : "");
  }
  const text = firstAddress(data.getData("text/uri-list")) ||
    data.getData("text/plain");
  if (text) searchAddress(text);
}

// In the format text/uri-list, lines that start with # are comments.
const firstAddress = (list) => list.split("\n").find((line) => line && !line.startsWith("#"));

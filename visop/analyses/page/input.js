// Pictures that a person chooses, drops, pastes or names by an address.

import { $ } from "./dom.js";

/** Call `use` with what is given: files, or the address of a picture. Only where the list of analyses is shown. */
export function listenToInput(use) {
  $("files").addEventListener("change", () => {
    const files = [...$("files").files];
    $("files").value = ""; // choosing the same files again is a change then, too
    if (files.length) use(files);
  });
  $("upload").addEventListener("submit", (event) => {
    event.preventDefault();
    const address = $("url").value.trim();
    if (address) use([address]);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData.files.length && isShown()) use([...event.clipboardData.files]);
  });
  listenToDrops(use);
}

const isShown = () => !$("view-analyses").hidden && !$("confirm").open;

function listenToDrops(use) {
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.toggle("dropping", isShown());
  });
  addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    if (event.dataTransfer.files.length && isShown()) use([...event.dataTransfer.files]);
  });
}

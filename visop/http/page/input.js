// Pictures that a person chooses, drops or pastes.

import { $ } from "./dom.js";

/** Call `use` with every picture that is given, the first if there are several. */
export function listenToPictures(use) {
  $("file").addEventListener("change", () => {
    const [file] = $("file").files;
    $("file").value = ""; // choosing the same file again is a change then, too
    if (file) use(file);
  });
  addEventListener("paste", (event) => event.clipboardData.files.length && use(event.clipboardData.files[0]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("dropping");
  });
  addEventListener("dragleave", (event) => event.relatedTarget || $("drop").classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("dropping");
    if (event.dataTransfer.files.length) use(event.dataTransfer.files[0]);
  });
}

// The question before something that cannot be taken back.

import { $ } from "./dom.js";

let onYes = () => {};

/** Ask; `yes` names what is done then, and `work` does it. */
export function confirm(heading, text, yes, work) {
  $("confirm-heading").textContent = heading;
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = yes;
  onYes = work;
  $("confirm").showModal();
}

export function listenToConfirm() {
  $("confirm-yes").addEventListener("click", () => {
    $("confirm").close();
    onYes();
  });
  $("confirm-no").addEventListener("click", () => $("confirm").close());
  $("confirm").addEventListener("click", (event) => event.target === $("confirm") && $("confirm").close());
}

// Asks for a folder, and hands over the script that moves copies into it.

import { movedOf } from "./choices.js";
import { $ } from "./dom.js";
import { groupsToMove, leftOut } from "./group_list.js";
import { powershellScript } from "./powershell_script.js";
import { shellScript } from "./shell_script.js";
import { counted, sentences } from "./words.js";

const kinds = {
  sh: { name: "move-copies.sh", write: shellScript, run: "sh move-copies.sh", only: "sh move-copies.sh -n" },
  ps1: {
    name: "move-copies.ps1",
    write: powershellScript,
    run: "powershell -ExecutionPolicy Bypass -File move-copies.ps1",
    only: "powershell -ExecutionPolicy Bypass -File move-copies.ps1 -OnlySay",
  },
};

const chosenKind = () => kinds[$("script-form").elements.kind.value];

export function listenToScript(folder) {
  $("folder").value = folder;
  $("script").addEventListener("click", open);
  $("script-close").addEventListener("click", () => $("script-dialog").close());
  $("script-form").addEventListener("change", showHow);
  $("script-form").addEventListener("submit", (event) => {
    event.preventDefault();
    download();
  });
}

function open() {
  const groups = groupsToMove();
  const count = groups.flatMap(movedOf).length;
  $("script-about").textContent = sentences(
    `The script moves ${counted(count, "file")} of ${counted(groups.length, "group")}, those further down among them.`,
    leftOut() ? `${counted(leftOut(), "group")} below the limit stay as they are.` : "",
    "It deletes nothing, replaces nothing, and writes another script into the folder that moves everything back.",
  );
  $("script-done").hidden = true;
  showHow();
  $("script-dialog").showModal();
}

function showHow() {
  $("script-run").textContent = chosenKind().run;
  $("script-only").textContent = chosenKind().only;
}

function download() {
  const { name, write } = chosenKind();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([write(groupsToMove(), $("folder").value)], { type: "text/plain" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  $("script-done").hidden = false;
}

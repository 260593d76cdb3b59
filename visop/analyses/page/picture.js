// The picture of a record, with the boxes of one of its operators over it.

import { draw } from "./boxes.js";
import { $, element } from "./dom.js";
import { list } from "./list.js";
import { analysis } from "./server.js";

const SIDE = 1280; // pixels, at most; boxes are in those of the file, whatever is shown of it

let shown = null; // the id of the record whose picture is shown
let drawn = ""; // what is drawn, so that nothing is drawn anew while somebody looks at it
let chosen = ""; // the operator whose boxes are shown

/** Show the picture of a record, and its boxes; null for none. */
export function showPicture(record) {
  const sets = boxesOf(record);
  $("stage").hidden = !record?.picture;
  $("side").hidden = !sets.length;
  if (!record || record.id !== shown) reset();
  if (!record?.picture) return;
  shown = record.id;
  load(record);
  if (!sets.some(({ operator }) => operator === chosen)) chosen = sets[0]?.operator ?? "";
  offerChoice(record, sets);
  drawChosen(record, sets);
}

const boxesOf = (record) => (record?.results ?? []).filter(({ detections }) => detections);

function reset() {
  [shown, drawn, chosen] = [null, "", ""];
  $("picture").removeAttribute("src");
  $("boxes").replaceChildren();
  $("list").replaceChildren();
  $("shown-operators").hidden = true;
  $("picture-told").hidden = true;
}

function load(record) {
  const address = `${analysis(record.id)}/thumbnail?side=${SIDE}&digest=${record.picture.digest.slice(0, 12)}`;
  const image = $("picture");
  if (image.getAttribute("src") === address) return;
  image.alt = `The picture that was analysed`;
  image.onerror = () => {
    $("stage").hidden = true;
    $("picture-told").textContent = "The picture cannot be shown.";
    $("picture-told").hidden = false;
  };
  image.setAttribute("src", address);
}

/** Where several operators found parts, one is chosen whose boxes are shown. */
function offerChoice(record, sets) {
  $("shown-operators").hidden = sets.length < 2;
  const names = sets.map(({ operator }) => operator).join();
  if ($("shown-choices").dataset.names === names) return;
  $("shown-choices").dataset.names = names;
  $("shown-choices").replaceChildren(...sets.map((set) => choice(set.operator, () => drawChosen(record, sets))));
}

function choice(name, redraw) {
  const label = element("label", "");
  const input = document.createElement("input");
  Object.assign(input, { type: "radio", name: "shown-operator", value: name, checked: name === chosen });
  input.addEventListener("change", () => {
    chosen = name;
    redraw();
  });
  label.className = "choice";
  label.append(input, ` ${name}`);
  return label;
}

function drawChosen(record, sets) {
  const set = sets.find(({ operator }) => operator === chosen);
  const now = JSON.stringify([record.id, record.picture.digest, set]);
  if (now === drawn) return;
  drawn = now;
  const { width, height } = record.picture;
  const size = { width, height };
  draw(set?.detections ?? [], size);
  list(set?.detections ?? []);
}

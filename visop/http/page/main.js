// The page of a processor: give it a picture, and see what it finds.

import { draw, fit } from "./boxes.js";
import { drawn, identity, partsOf } from "./call.js";
import { $ } from "./dom.js";
import { listenToPictures } from "./input.js";
import { list, listenToParts } from "./list.js";
import { show } from "./picture.js";
import { Problem, wordsOf } from "./problem.js";

let looking = new AbortController();
let mostBytes = Infinity;

async function look(file) {
  looking.abort();
  looking = new AbortController();
  const { signal } = looking;
  begin(file);
  try {
    check(file);
    const [parts, canShow] = await Promise.all([partsOf(file, signal), show(file, file.name)]);
    const picture = canShow || await show(await drawn(file, signal), file.name);
    if (!signal.aborted) end(parts, canShow, picture);
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
}

function begin(file) {
  $("problem").hidden = true;
  $("found").hidden = true;
  $("said").textContent = `Looking at ${file.name}…`;
}

function check(file) {
  if (file.size > mostBytes) {
    const [has, most] = [file.size, mostBytes].map((bytes) => (bytes / 1e6).toFixed(1));
    throw new Problem(`The file has ${has} MB. The limit is ${most} MB.`);
  }
}

function end(parts, canShow, picture) {
  $("said").textContent = canShow ? "" : "Browsers do not show such a file as it is, so the server drew the boxes.";
  $("stage").hidden = !picture;
  $("found").hidden = false;
  draw(canShow ? parts : []);
  list(parts);
}

function fail(error) {
  $("said").textContent = "";
  $("problem").textContent = wordsOf(error);
  $("problem").hidden = false;
}

async function introduce() {
  const told = await identity();
  $("operator").textContent = told.name;
  document.title = `${told.name}: what is in a picture`;
  mostBytes = Number(told.limits.maxImageBytes) || Infinity; // a 64-bit number, which is text in JSON
}

listenToPictures(look);
listenToParts();
new ResizeObserver(fit).observe($("picture"));
introduce().catch(fail);

// What each operator answered about a picture.

import { $, element } from "./dom.js";
import { spokenError } from "./errors.js";
import { spokenSeconds } from "./facts.js";
import { showState } from "./states.js";
import { counted } from "./words.js";

const FINGERPRINT = 16; // of its characters, which tell them apart

/** List the results of a record, by operator, those that are still to come too. */
export function showResults(record) {
  const answers = new Map((record.results ?? []).map((result) => [result.operator, result]));
  const items = record.operators.map((name) => item(name, answers.get(name), record.state));
  const told = (list) => [...list].map((each) => each.textContent).join();
  if (told(items) !== told($("results").children)) $("results").replaceChildren(...items);
}

function item(name, result, state) {
  const made = element("li", "");
  const place = element("span", "");
  showState(place, result?.state ?? state);
  made.append(element("span", name), place, element("p", result ? spoken(result) : ""));
  made.firstElementChild.className = "name";
  made.lastElementChild.className = result?.error ? "error" : "told soft";
  return made;
}

function spoken(result) {
  if (result.error) return spokenError(result.error);
  const parts = [
    result.detections && (counted(result.detections.length, "part") + " found"),
    dimensionOf(result) && `a vector of ${counted(dimensionOf(result), "number")}`,
    spokenDescriptors(result.descriptors),
    Number.isFinite(result.seconds) && spokenSeconds(result.seconds),
    result.fingerprint && `fingerprint ${result.fingerprint.slice(0, FINGERPRINT)}`,
  ];
  return parts.filter(Boolean).join(" · ");
}

// Events and lists leave the numbers out.
const dimensionOf = ({ vector, dimension }) => vector?.length ?? dimension;

function spokenDescriptors(descriptors) {
  const names = Object.keys(descriptors ?? {});
  return names.length ? `descriptors ${names.join(", ")}` : "";
}

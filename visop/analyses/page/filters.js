// Which analyses are listed: what is typed into the form, and what the address of the page says.

import { $ } from "./dom.js";
import { option } from "./operators.js";
import { STATES } from "./states.js";

const NAMES = ["state", "operator", "label", "job"];
const TIMES = ["created_after", "created_before"];
const QUIET_MS = 400; // between two letters of somebody who is still typing

/** Call `use` with the filters, as parameters of the server, whenever they change. */
export function listenToFilters(use) {
  $("filter-state").append(option("", "any"), ...STATES.map((state) => option(state, state)));
  let timer = 0;
  const soon = (wait) => {
    clearTimeout(timer);
    timer = setTimeout(() => use(read()), wait);
  };
  $("filters").addEventListener("change", () => soon(0));
  $("filters").addEventListener("input", () => soon(QUIET_MS));
  $("filters").addEventListener("reset", () => soon(0)); // the controls are empty after the event
  $("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    soon(0);
  });
}

function read() {
  const form = $("filters");
  const given = NAMES.map((name) => [name, form.elements[name].value.trim()]);
  const times = TIMES.map((name) => [name, instant(form.elements[name].value)]);
  return new URLSearchParams([...given, ...times].filter(([, value]) => value));
}

/** Show filters in the form. */
export function showFilters(filters) {
  const form = $("filters");
  for (const name of NAMES) setValue(form.elements[name], filters.get(name) ?? "");
  for (const name of TIMES) setValue(form.elements[name], local(filters.get(name)));
  $("filter-job-row").hidden = !filters.get("job");
  $("filter-clear").hidden = !String(filters);
}

// A control that somebody types into is left alone.
function setValue(control, value) {
  if (control !== document.activeElement) control.value = value;
  const isOffered = control.tagName !== "SELECT" || control.value === value;
  if (isOffered) return;
  control.append(option(value, value)); // of an operator that is not there any more, say
  control.value = value;
}

const instant = (text) => text ? new Date(text).toISOString() : "";

/** A moment as a control takes it: in the time of this place, to the minute. */
function local(text) {
  const moment = text ? new Date(text) : null;
  if (!moment || Number.isNaN(moment.getTime())) return "";
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

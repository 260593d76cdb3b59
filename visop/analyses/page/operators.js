// The operators that pictures can be analysed by.

import { $, element } from "./dom.js";
import { call } from "./problem.js";

let known = [];

/** Ask which there are, and offer them to choose from. */
export async function offerOperators() {
  ({ operators: known } = await call("operators"));
  $("operators").hidden = known.length < 2;
  $("operator-choices").replaceChildren(...known.map(choice));
  const names = [option("", "any"), ...known.map(({ name }) => option(name, name))];
  const before = $("filter-operator").value;
  $("filter-operator").replaceChildren(...names);
  $("filter-operator").value = before;
}

/** The names of those that are chosen; none where there is nothing to choose. */
export function chosenOperators() {
  if (known.length < 2) return [];
  return [...$("operator-choices").querySelectorAll("input:checked")].map((input) => input.value);
}

function choice({ name, ready, error }) {
  const label = element("label", "");
  const input = document.createElement("input");
  Object.assign(input, { type: "checkbox", value: name, checked: ready !== false });
  const told = ready === false ? ` ${name} (${error || "does not answer"})` : ` ${name}`;
  label.className = "choice";
  label.append(input, told);
  return label;
}

/** One of a list to choose from. */
export function option(value, text) {
  const made = element("option", text);
  made.setAttribute("value", value);
  return made;
}

// Buttons for what can be done with a record or a job now.

import { element } from "./dom.js";
import { showProblem } from "./notices.js";

/**
 * Offer actions in a row. One that is offered still keeps its button, and with it the focus.
 * @param {HTMLElement} place
 * @param {{name: string, text: string, work: () => any, primary?: boolean}[]} actions
 */
export function offer(place, actions) {
  const buttons = new Map([...place.querySelectorAll("button")].map((button) => [button.dataset.name, button]));
  const wanted = actions.map(({ name, text, work, primary }) => {
    const button = buttons.get(name) ?? made(name);
    button.textContent = text;
    button.className = primary ? "primary" : "";
    button.onclick = () => doOnce(button, work);
    return button;
  });
  const hadFocus = place.contains(document.activeElement);
  for (const button of buttons.values()) if (!wanted.includes(button)) button.remove();
  wanted.forEach((button, at) =>
    place.children[at] === button || place.insertBefore(button, place.children[at] ?? null)
  );
  if (hadFocus && !place.contains(document.activeElement)) place.querySelector("button")?.focus();
}

function made(name) {
  const button = element("button", "");
  button.setAttribute("type", "button");
  button.dataset.name = name;
  return button;
}

async function doOnce(button, work) {
  button.setAttribute("aria-disabled", "true"); // a button that is really disabled loses the focus
  try {
    await work();
  } catch (problem) {
    showProblem(problem);
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

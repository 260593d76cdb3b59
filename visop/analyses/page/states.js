// States of analyses and jobs.

export const STATES = ["queued", "running", "done", "failed", "cancelled"];

const OVER = new Set(["done", "failed", "cancelled"]);

/** Whether nothing of it changes any more, unless somebody asks for it. */
export const isOver = ({ state }) => OVER.has(state);

/** Show a state, in words and in its colour. */
export function showState(place, state) {
  if (place.textContent === state) return; // what is said again is read again by screen readers
  place.textContent = state;
  place.className = `state state-${state}`;
}

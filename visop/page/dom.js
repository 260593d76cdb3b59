// Elements: found by id, and made. What comes from outside (file names, messages) becomes text, never HTML.

/**
 * An element that index.html is known to have.
 * @param {string} id
 * @returns {any} any: whether it is an input, a dialog or a progress bar is known where it is used
 */
export const $ = (id) => document.getElementById(id);

export function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

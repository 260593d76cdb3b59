// Elements: found by id. What comes from outside (file names, labels, messages) becomes text, never HTML.

/**
 * An element that index.html is known to have.
 * @param {string} id
 * @returns {any} any: whether it is an input or an image is known where it is used
 */
export const $ = (id) => document.getElementById(id);

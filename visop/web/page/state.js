// What several modules need to know. Each entry has one writer, named here.

export const state = {
  /** The name of the index that is shown; empty for the one that the server was started for. Written by index_choice.js and groups_served.js. */
  index: "",

  /** The index as the server last described it, or null before it has. Written by indexing.js. */
  status: null,

  /** The ids of pictures that were removed on this page. Written by removing.js. @type {Set<string>} */
  removed: new Set(),

  /**
   * What the grid shows: its pictures and, for a search, its query, metric, threshold and k. Written by results.js.
   * @type {any}
   */
  view: { query: null, pictures: [] },
};

// What several modules need to know. Each entry has one writer, named here.

export const state = {
  /** The index as the server last described it, or null before it has. Written by indexing.js. */
  status: null,

  /**
   * What the grid shows: its pictures and, for a search, its query, metric, threshold and k. Written by results.js.
   * @type {any}
   */
  view: { query: null, pictures: [] },
};

// Which files of each group of copies are kept. The others are moved, unless something speaks against it.

const kept = new Map(); // the key of a group -> the places of its files that are kept, if the person chose them
let store = null; // where choices outlive the page, if the browser lets them

/** The places of the files that are kept: the first one, unless the person chose others. @returns {Set<number>} */
export const keptOf = (group) => kept.get(group.key) ?? new Set([0]);

/** Keep a file of a group or, with false, no longer. One is always kept. */
export function keep(group, at, isToKeep) {
  const places = new Set(keptOf(group));
  if (isToKeep) places.add(at);
  else places.delete(at);
  if (places.size) set(group, places);
}

export const keepOnly = (group, at) => set(group, new Set([at]));

export const keepAll = (group) => set(group, new Set(group.files.keys()));

export const isLeft = (group) => movedOf(group).length === 0;

/** The files that are moved: none, unless the presence of one that is kept can be checked before. */
export function movedOf(group) {
  const places = keptOf(group);
  if (!pathsKept(group).length) return [];
  return group.files.filter((file, at) => !places.has(at) && !file.stays);
}

/** The paths of the files that are kept. */
export const pathsKept = (group) =>
  [...keptOf(group)].map((at) => group.files[at]?.path).filter((path) => typeof path === "string");

/** Take up the choices that were made on this page before. */
export function restore(name) {
  store = `visop-copies ${name}`;
  try {
    for (const [key, places] of JSON.parse(localStorage.getItem(store) ?? "[]")) kept.set(key, new Set(places));
  } catch {
    store = null; // a browser may keep nothing for a page that is a file
  }
}

function set(group, places) {
  kept.set(group.key, places);
  if (!store) return;
  try {
    localStorage.setItem(store, JSON.stringify([...kept].map(([key, chosen]) => [key, [...chosen]])));
  } catch {
    store = null;
  }
}

// Lists whose entries change, come and go while somebody reads them.

import { $ } from "./dom.js";

/**
 * Show entries in a list. What stays is changed in its place, so that the focus stays, too.
 * @param {any} list
 * @param {any[]} entries each with an id
 * @param {string} template id of the template of an entry
 * @param {(item: any, entry: any) => void} update shows an entry in an item
 */
export function fill(list, entries, template, update) {
  const shown = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = entries.map((entry) => {
    const item = shown.get(String(entry.id)) ?? made(template, entry.id);
    update(item, entry);
    return item;
  });
  const stay = new Set(items);
  for (const item of shown.values()) if (!stay.has(item)) item.remove();
  items.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
  });
}

function made(template, id) {
  const item = $(template).content.cloneNode(true).firstElementChild;
  item.dataset.id = id;
  return item;
}

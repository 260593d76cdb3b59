// Which groups are shown, and in which order.

import { movedOf } from "./choices.js";

const bytesMoved = (group) => movedOf(group).reduce((sum, { bytes }) => sum + bytes, 0);

const orders = {
  certain: (one, other) => other.loosest - one.loosest,
  doubtful: (one, other) => one.loosest - other.loosest,
  bytes: (one, other) => bytesMoved(other) - bytesMoved(one),
  files: (one, other) => other.files.length - one.files.length,
};

/** The groups whose pictures are all at least this much alike, in one of the orders. */
export function ordered(groups, order, cosine) {
  return groups.filter(({ loosest }) => loosest >= cosine).sort(orders[order]);
}

/** From which cosine the least certain group is, rounded down, so that a filter at it leaves out nothing. */
export function leastCosine(groups) {
  return Math.floor(100 * Math.min(1, ...groups.map(({ loosest }) => loosest))) / 100;
}

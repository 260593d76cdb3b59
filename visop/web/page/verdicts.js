// What is said of copies, and of what is merely nearest.

/** Whether it is known what is a copy: there is a threshold, or a proof, and something to compare. */
export const isJudged = ({ query, threshold, nearly_empty: isEmpty, pictures }) =>
  Boolean(query) && !isEmpty && (typeof threshold === "number" || pictures.some(({ proof }) => proof?.is_copy));

export function spokenFound(pictures) {
  const count = pictures.filter((match) => match.is_copy).length;
  if (!count) return "No copy of this picture found";
  return count === 1 ? "One copy found" : `${count} copies found`;
}

/** The copies first: what is nearly empty may be nearer, and is none. */
export const copiesFirst = (pictures) => [
  ...pictures.filter((match) => match.is_copy),
  ...pictures.filter((match) => !match.is_copy),
];

export const WHY_NOT_LIKE =
  "The encoder of this index knows a picture again, and nothing of what different pictures have in common: what is nearest is not like yours.";

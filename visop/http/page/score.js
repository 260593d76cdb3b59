// Scores as people read them.

/** A score with so many digits. One that is not quite 1 is not shown as 1. */
export function scoreText(score, digits) {
  const text = score.toFixed(digits);
  return score < 1 && Number(text) >= 1 ? (1 - 10 ** -digits).toFixed(digits) : text;
}

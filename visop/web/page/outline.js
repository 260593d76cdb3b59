// The outline of a part, over the image of its picture.

const SVG = "http://www.w3.org/2000/svg";

/** The corners of a box, which is x, y, width and height. */
export const cornersOf = ([x, y, w, h]) => [[x, y], [x + w, y], [x + w, y + h], [x, y + h]];

/**
 * Draw an outline over an image, which stands in an element that is positioned.
 * @param {HTMLImageElement} image
 * @param {{width: number, height: number}} picture whose pixels the corners are in
 * @param {number[][]} corners
 */
export function outline(image, { width, height }, corners) {
  if (!width || !height) return;
  const drawing = made("svg", { viewBox: `0 0 ${width} ${height}`, class: "outline", "aria-hidden": "true" });
  drawing.append(made("polygon", { points: corners.map((point) => point.join(",")).join(" ") }));
  image.after(drawing);
  layOver(image, drawing);
}

/**
 * Keep an element exactly over an image, whose parent is positioned.
 * @param {HTMLImageElement} image
 * @param {HTMLElement | SVGElement} over
 */
export function layOver(image, over) {
  new ResizeObserver(() => lay(over, image)).observe(image);
}

function made(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

// The drawing keeps its proportions, as an image does that is shown whole in another form.
function lay(drawing, image) {
  if (!image.isConnected) drawing.remove(); // there was nothing to show, and words took its place
  Object.assign(drawing.style, {
    left: `${image.offsetLeft}px`,
    top: `${image.offsetTop}px`,
    width: `${image.offsetWidth}px`,
    height: `${image.offsetHeight}px`,
  });
}

// Where a crop lies in a photo: {x, y, width} in percent of the photo, angle in degrees clockwise by which the photo is
// turned under it, ratio of width to height, and `of`, the photo's width and height. The rule is that of
// pipelines/photo/framing.py, which has the last word.

const ZOOM = 8; // at most
const LEAST = 64; // pixels of the photo

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Half of the upright box around a frame of some width, in pixels of the photo. */
function reach(width, { angle, ratio }) {
  const turn = (angle * Math.PI) / 180;
  const [cos, sin] = [Math.abs(Math.cos(turn)), Math.abs(Math.sin(turn))];
  const height = width / ratio;
  return [(width * cos + height * sin) / 2, (width * sin + height * cos) / 2];
}

/** The width, in percent, of the largest frame that lies inside the photo. */
export function widest(crop) {
  const [across, down] = reach(1, crop);
  return (100 * Math.min(crop.of[0] / (2 * across), crop.of[1] / (2 * down))) / crop.of[0];
}

/** The width, in percent, of the smallest frame. */
export const least = (crop) => Math.min(widest(crop), Math.max(widest(crop) / ZOOM, (100 * LEAST) / crop.of[0]));

/** The crop made smaller and moved until it lies inside the photo. */
export function fitted(crop) {
  const width = Math.min(crop.width, widest(crop));
  const [across, down] = reach((width / 100) * crop.of[0], crop);
  const [x, y] = [(100 * across) / crop.of[0], (100 * down) / crop.of[1]];
  return { ...crop, width, x: clamp(crop.x, x, 100 - x), y: clamp(crop.y, y, 100 - y) };
}

/** A way on the screen as one in the photo, which is turned there. */
export function turnedBack(across, down, angle) {
  const turn = (-angle * Math.PI) / 180;
  return [across * Math.cos(turn) - down * Math.sin(turn), across * Math.sin(turn) + down * Math.cos(turn)];
}

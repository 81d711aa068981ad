"""A picture that the picture checker refuses: blurred ovals, found by trying, in which nobody sees anything."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter

_SIDE = 256
_GROUND = (62, 187, 255)
# Middle, half axes, colour.
_OVALS = (
    (84, 166, 85, 111, (121, 132, 138)),
    (12, 94, 3, 146, (204, 196, 113)),
    (94, 222, 45, 121, (188, 148, 147)),
    (115, 94, 85, 89, (192, 167, 123)),
    (47, 198, 26, 99, (188, 148, 233)),
)


def ovals(side: int = _SIDE) -> Image.Image:
    """RGB, square. open_nsfw gives it 0.95."""
    picture = Image.new("RGB", (_SIDE, _SIDE), _GROUND)
    draw = ImageDraw.Draw(picture)
    for x, y, across, down, colour in _OVALS:
        draw.ellipse((x - across, y - down, x + across, y + down), fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(4)).resize((side, side), Image.Resampling.BICUBIC)

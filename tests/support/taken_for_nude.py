"""A picture that the picture checker refuses: blurred ovals, found by trying, in which nobody sees anything."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFilter

_SIDE = 256
_GROUND = (51, 178, 255)
# Middle, half axes, colour.
_OVALS = (
    (97, 157, 69, 103, (126, 135, 144)),
    (40, 145, 28, 99, (182, 214, 139)),
    (99, 184, 38, 123, (202, 131, 144)),
    (115, 94, 85, 89, (192, 167, 123)),
    (37, 216, 22, 103, (168, 145, 241)),
)


def ovals(side: int = _SIDE) -> Image.Image:
    """RGB, square. open_nsfw gives it 0.75."""
    picture = Image.new("RGB", (_SIDE, _SIDE), _GROUND)
    draw = ImageDraw.Draw(picture)
    for x, y, across, down, colour in _OVALS:
        draw.ellipse((x - across, y - down, x + across, y + down), fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(4)).resize((side, side), Image.Resampling.BICUBIC)

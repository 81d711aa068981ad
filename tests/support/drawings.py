"""Photos put together for tests of who is found in them."""

from __future__ import annotations

from PIL import Image, ImageDraw

FACE_WIDTH = 95  # of the astronaut, in her 512 pixels


def drawn_face(width: int) -> Image.Image:
    """A drawn smiling face, a detector's 0.88 with a mesh that fits, in a square that is 1.6 times as wide."""
    scale = 500
    image = Image.new("RGB", (int(1.6 * scale),) * 2, (235, 235, 235))
    draw = ImageDraw.Draw(image)

    def ellipse(left: float, top: float, right: float, bottom: float, fill: tuple[int, int, int]) -> None:
        draw.ellipse([scale * (0.3 + at) for at in (left, top, right, bottom)], fill=fill)

    ellipse(-0.05, -0.12, 1.05, 0.8, (60, 40, 20))
    ellipse(0, 0, 1, 1.1, (240, 200, 170))
    for x in (0.32, 0.68):
        ellipse(x - 0.12, 0.36, x + 0.12, 0.52, (255, 255, 255))
        ellipse(x - 0.055, 0.38, x + 0.055, 0.5, (20, 20, 20))
    draw.chord([scale * (0.3 + at) for at in (0.33, 0.62, 0.67, 0.9)], 10, 170, fill=(160, 30, 40))
    return image.resize((round(1.6 * width),) * 2, Image.Resampling.LANCZOS)


def person(photo: Image.Image, width: int) -> Image.Image:
    """The astronaut's head and shoulders, her face so wide."""
    scale = width / FACE_WIDTH
    whole = photo.resize((round(512 * scale),) * 2, Image.Resampling.LANCZOS)
    left, top, right, bottom = (round(at * scale) for at in (90, 20, 360, 290))
    return whole.crop((left, top, right, bottom))


def side_by_side(*pictures: Image.Image) -> Image.Image:
    """Pictures in a row, on grey."""
    row = Image.new("RGB", (sum(one.width for one in pictures), max(one.height for one in pictures)), (235, 235, 235))
    left = 0
    for one in pictures:
        row.paste(one, (left, row.height - one.height))
        left += one.width
    return row


def crowd(photo: Image.Image, count: int, columns: int, side: int = 200) -> Image.Image:
    """So many astronauts, mirrored by turns."""
    rows = -(-count // columns)
    picture = Image.new("RGB", (columns * side, rows * side), (90, 110, 130))
    head = photo.crop((130, 30, 330, 230)).resize((side, side))
    for number in range(count):
        one = head.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if number % 2 else head
        picture.paste(one, (number % columns * side, number // columns * side))
    return picture

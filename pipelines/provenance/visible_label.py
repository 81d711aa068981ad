"""The optional visible label: a few words on a small dark plate in the lower right corner."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

_SMALLEST_TEXT, _TEXT_SHARE = 10, 0.026  # pixels; of the short side
_PLATE, _RIM, _INK = (18, 18, 22, 165), (255, 255, 255, 70), (255, 255, 255, 240)


def words(*, is_diffusion: bool) -> str:
    """What the label says. Filters are not called AI."""
    return "AI portrait" if is_diffusion else "Filtered portrait"


def draw(image: Image.Image, text: str) -> Image.Image:
    """The picture with a label, legible on light and on dark: white on a dark plate with a light rim.

    Args:
        image: Any size; the label is about a fortieth of the short side high, at least 10 pixels.

    Returns:
        RGB of the same size.
    """
    scale = 4  # drawn large and made smaller, for smooth corners
    height = max(_SMALLEST_TEXT, round(min(image.size) * _TEXT_SHARE)) * scale
    font = ImageFont.load_default(height)
    left, top, right, bottom = font.getbbox(text)
    padding = round(0.55 * height)
    size = (round(right - left) + 2 * padding, round(bottom - top) + 2 * round(0.75 * padding))
    plate = Image.new("RGBA", size)
    drawn = ImageDraw.Draw(plate)
    drawn.rounded_rectangle(
        (0, 0, size[0] - 1, size[1] - 1), radius=size[1] // 3, fill=_PLATE, outline=_RIM, width=scale
    )
    drawn.text((padding - left, round(0.75 * padding) - top), text, font=font, fill=_INK)
    plate = plate.resize((max(1, size[0] // scale), max(1, size[1] // scale)), Image.Resampling.LANCZOS)
    margin = round(0.5 * plate.height)
    labelled = image.convert("RGB")
    labelled.paste(plate, (image.width - plate.width - margin, image.height - plate.height - margin), plate)
    return labelled

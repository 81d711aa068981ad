"""Words of a recipe for what is drawn and printed: flat areas, features, line, screens, cut paper."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pipelines.recipe.words import HexColor, Ramp, Share, Step, operation


class Flat(Step):
    """Flat areas with rounded borders: tones of skin and of hair apart, the rest in a small palette of its own."""

    fills_skin = True
    op: Literal["flat"] = operation("flat", "Flat areas", "colors", "rounding")
    colors: int = Field(10, ge=2, le=24, description="Of all that is neither skin nor hair.")
    skin_tones: int = Field(3, ge=1, le=8, description="How many tones of skin.")
    hair_tones: int = Field(3, ge=1, le=8, description="How many tones of hair.")
    shade: Share = Field(0.7, description="How far the tones of skin lie apart; 1 as in the photo.")
    rounding: float = Field(3.0, ge=0.5, le=16.0, description="Smallest curve of a border; larger at low likeness.")
    saturation: float = Field(1.0, ge=0.0, le=2.5, description="Colourfulness; 1 keeps it, 0 is gray.")
    wall: Share = Field(1.0, description="How far what is behind the person is flattened too.")
    inks: tuple[Ramp, ...] = Field(
        (), max_length=6, description="Pigments that clothes and wall go to, by seed.", title="Pigments"
    )
    pull: Share = Field(0.6, description="How far they go to them.", title="Pull to the pigments")


# --- line and print --------------------------------------------------------------------------------------------------


class Ink(Step):
    """Ink lines, calm on skin, clear on features (flow-based difference of Gaussians; Winnemoeller, XDoG, 2012)."""

    op: Literal["ink"] = operation("ink", "Ink lines", "width", "gain")
    width: float = Field(1.2, ge=0.4, le=5.0, description="Width of a line.")
    gain: float = Field(1.0, ge=0.1, le=4.0, description="How readily a line appears.", title="Readiness")
    blacks: Share = Field(0.0, description="Share of the picture's darks filled solid.")
    color: HexColor = Field("#111111", description="Colour of the ink.")
    amount: Share = Field(1.0, description="How strong the lines are.")
    skin: Share = Field(0.55, description="Readiness of lines on skin away from eyes, brows and mouth.")
    rough: Share = Field(0.0, description="Lines break up as on rough paper.")
    backdrop: Share = Field(1.0, description="Readiness of lines outside the person.")
    specks: float = Field(
        0.0, ge=0.0, le=40.0, description="Lines shorter than this are left out.", title="Leave out short lines"
    )


class Features(Step):
    """Eyes, brows, nose and mouth drawn anew from the face mesh. Without a mesh nothing is drawn."""

    op: Literal["features"] = operation("features", "Drawn eyes and mouth", "eyes", "weight")
    color: HexColor = Field("#1a1420", description="Colour of the lines.")
    weight: float = Field(1.0, ge=0.2, le=4.0, description="Width of the lines; 1 suits a face of 220 px.")
    eyes: float = Field(1.15, ge=1.0, le=1.6, description="How much wider than in the photo they open.")
    iris: float = Field(1.6, ge=0.0, le=3.0, description="Colourfulness of the iris.")
    lips: Share = Field(0.8, description="How firmly lips are coloured.")
    blush: Share = Field(0.0, description="Round red cheeks.")


class Hatch(Step):
    """Pen hatching: layers of lines that thicken with darkness, on paper."""

    in_pieces = True
    op: Literal["hatch"] = operation("hatch", "Hatching", "pitch", "layers")
    pitch: float = Field(5.0, ge=2.0, le=16.0, description="Distance of lines.")
    layers: int = Field(4, ge=1, le=6, description="How many layers of lines the darkest places have.")
    color: HexColor = Field("#1b1b22", description="Colour of the ink.")
    paper: HexColor = Field("#f6f1e6", description="Colour of the paper.")
    sheets: tuple[Ramp, ...] = Field((), max_length=6, description="Ink and paper by seed, instead of those two.")
    follow: Share = Field(0.5, description="How far lines bend with the form.")
    keep_color: Share = Field(0.0, description="Share of the picture's own colour in the lines.", title="Own colour")


class Charcoal(Step):
    """Charcoal and white chalk on toned paper; deposit depends on the paper's tooth."""

    op: Literal["charcoal"] = operation("charcoal", "Charcoal", "tooth", "highlights")
    paper: HexColor = Field("#c9bda8", description="Colour of the paper.")
    color: HexColor = Field("#1d1a18", description="Colour of the charcoal.")
    chalk: HexColor = Field("#fbf6ea", description="Colour of the chalk.")
    highlights: Share = Field(0.5, description="Amount of chalk.")
    tooth: Share = Field(0.5, description="Roughness of the paper.", title="Roughness")
    smudge: float = Field(8.0, ge=0.0, le=40.0, description="How far it is smudged.")


class Halftone(Step):
    """Printed dots on rotated screens."""

    op: Literal["halftone"] = operation("halftone", "Printed dots", "pitch", "amount")
    pitch: float = Field(6.0, ge=2.5, le=24.0, description="Distance of the dots.")
    mode: Literal["shade", "cmyk", "ink"] = Field(
        "shade", description="shade: dots darken what is there; cmyk: four screens; ink: dots of one colour on paper."
    )
    color: HexColor = Field("#1a1a1a", description="Colour of the dots.")
    paper: HexColor = Field("#ffffff", description="Colour of the paper.")
    amount: Share = Field(1.0, description="How strong the dots are.")
    low: Share = Field(0.0, description="shade: darkest lightness that gets dots.")
    high: Share = Field(0.6, description="shade: lightest lightness that gets dots.")


class Cutout(Step):
    """Layers of coloured paper, each with its shadow; the seed chooses the colours."""

    in_pieces = True
    op: Literal["cutout"] = operation("cutout", "Cut paper", "rounding", "shadow")
    ramps: tuple[Ramp, ...] = Field(
        min_length=1, max_length=6, description="Papers from dark to light; the seed chooses one set."
    )
    rounding: float = Field(4.0, ge=0.5, le=20.0, description="Smallest curve of the scissors; larger at low likeness.")
    shadow: Share = Field(0.5, description="How dark the shadow of a layer is.")


class Pixels(Step):
    """Pixel art: a coarse raster in a small palette with ordered dithering."""

    in_pieces = True
    op: Literal["pixels"] = operation("pixels", "Pixels", "block", "colors")
    block: float = Field(6.0, ge=2.0, le=24.0, description="Size of one pixel; larger at low likeness.")
    colors: int = Field(24, ge=4, le=64, description="How many colours.")
    dither: Share = Field(0.4, description="How far two colours are mixed in a pattern.")


class Screenprint(Step):
    """Pop art: flat colours for wall, hair and clothes, the sitter's own skin in strong colour, a black dot screen."""

    op: Literal["screenprint"] = operation("screenprint", "Screen print", "pitch", "skin")
    ramps: tuple[Ramp, ...] = Field(
        min_length=1, max_length=6, description="Wall, its dots, hair, dark and light clothes; the seed chooses one."
    )
    pitch: float = Field(5.0, ge=2.5, le=24.0, description="Distance of the dots.")
    key: HexColor = Field("#16121c", description="The screen's ink.", title="Ink")
    skin: float = Field(1.5, ge=0.5, le=3.0, description="Colourfulness of the skin.")
    misregister: float = Field(
        1.5, ge=0.0, le=12.0, description="How far the colours are out of register.", title="Out of register"
    )

"""Words of a preview recipe for light, material and film; see `pipelines.recipe`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.recipe.words import HexColor, Ramp, Share, Step

# --- light -----------------------------------------------------------------------------------------------------------


class Neon(Step):
    """A portrait bent from neon tubes on a dimmed picture; the seed chooses the colours."""

    op: Literal["neon"] = "neon"
    ramps: tuple[Ramp, ...] = Field(min_length=1, max_length=6, description="Of face, hair and outline, clothes.")
    width: float = Field(1.6, ge=0.5, le=6.0)
    base: Share = Field(0.2, description="How much of the picture is left.")
    glow: float = Field(1.0, ge=0.0, le=3.0)


class SplitLight(Step):
    """Two coloured lights from the sides, shaped by the form of the person; the seed turns them."""

    op: Literal["split_light"] = "split_light"
    pairs: tuple[tuple[HexColor, HexColor], ...] = Field(min_length=1, max_length=6)
    amount: float = Field(0.7, ge=0.0, le=2.0)
    ambient: float = Field(0.6, ge=0.0, le=1.5, description="How bright the picture stays.")


class Key(Step):
    """One lamp that models head and shoulders by the face mesh's normals, from the seed's side; a rim on the hair."""

    op: Literal["key"] = "key"
    pairs: tuple[tuple[HexColor, HexColor], ...] = Field(min_length=1, max_length=6, description="Lamp and shadow.")
    amount: Share = Field(0.8)
    gain: float = Field(1.3, ge=0.0, le=3.0, description="Of what is lit; 1 leaves it as it is.")
    ambient: float = Field(0.5, ge=0.0, le=2.0, description="Of what is not.")
    hard: Share = Field(0.5, description="How sharply shadow begins.")
    front: Share = Field(0.45, description="0: from the side; 1: from the front.")
    height: Share = Field(0.4)
    wall: Share = Field(0.3, description="How far the background follows.")
    rim: float = Field(0.0, ge=0.0, le=2.0)


class Sunset(Step):
    """A banded sun and a grid to the horizon behind the person, whose rim it lights; the seed chooses the sky."""

    op: Literal["sunset"] = "sunset"
    ramps: tuple[Annotated[Ramp, Field(min_length=5)], ...] = Field(
        min_length=1, max_length=6, description="From the top of the sky over the horizon to the top of the sun."
    )
    rim: float = Field(0.8, ge=0.0, le=2.0)


class Aberration(Step):
    """Red and blue drift apart towards the corners, as with a cheap lens; never on the features."""

    op: Literal["aberration"] = "aberration"
    shift: float = Field(2.0, ge=0.0, le=16.0)


class Hologram(Step):
    """A projection of light: one hue, scan lines, slipped rows, transparent borders."""

    op: Literal["hologram"] = "hologram"
    ramps: tuple[Ramp, ...] = Field(min_length=1, max_length=6)
    pitch: float = Field(4.0, ge=2.0, le=12.0)
    glitch: Share = Field(0.4)


class Weather(Step):
    """Rain streaks, sparks or dust in front of the picture, thin over the face; or blurred lights behind the person."""

    op: Literal["weather"] = "weather"
    kind: Literal["rain", "sparks", "dust", "bokeh"] = "rain"
    amount: Share = Field(0.4)
    color: HexColor = Field("#ffffff")


class Flare(Step):
    """Low sun from a corner that the seed chooses: warm haze, soft rays, a few lens ghosts."""

    op: Literal["flare"] = "flare"
    color: HexColor = Field("#ffb45c")
    amount: Share = Field(0.5)


# --- material and film -----------------------------------------------------------------------------------------------


class Sculpt(Step):
    """Stone or metal: lightness freed of skin and hair colour becomes relief, lit and mapped to a material ramp."""

    op: Literal["sculpt"] = "sculpt"
    material: Literal["marble", "bronze", "chrome"] = "marble"
    ramps: tuple[Ramp, ...] = Field(min_length=1, max_length=4)
    gloss: float = Field(0.4, ge=0.0, le=2.0)
    relief: float = Field(1.0, ge=0.0, le=3.0)
    background: HexColor = Field("#2a2a2e", description="The photo's background sinks into this.")


class Vein(Step):
    """Veins of marble, or verdigris in the hollows of bronze, on the person; calm on the face."""

    op: Literal["vein"] = "vein"
    kind: Literal["marble", "verdigris"] = "marble"
    amount: Share = Field(0.6)


class Android(Step):
    """Panel seams, a jaw line and lit circuits along the face mesh. Without a face mesh nothing is drawn."""

    op: Literal["android"] = "android"
    colors: tuple[HexColor, ...] = Field(min_length=1, max_length=6, description="Light of the circuits, by seed.")
    amount: Share = Field(0.9)


class Blinds(Step):
    """Light through a window blind, bent over the face, a bar of it on the eyes."""

    op: Literal["blinds"] = "blinds"
    amount: Share = Field(0.4)
    pitch: float = Field(46.0, ge=10.0, le=160.0)


class Plate(Step):
    """Wet plate collodion: poured border, streaks, comets and dust, shallow sharpness towards the rim."""

    op: Literal["plate"] = "plate"
    border: Share = Field(0.6)
    streaks: Share = Field(0.4)
    blur: float = Field(3.0, ge=0.0, le=12.0, description="At the rim.")
    color: HexColor = Field("#0d0a08", description="Of bare plate.")
    light: bool = Field(False, description="True where the uncoated rim is paper and not dark metal.")

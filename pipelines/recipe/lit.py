"""Words of a preview recipe for light, material and film; see `pipelines.recipe`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.recipe.words import HexColor, Ramp, Share, Step, operation

# --- light -----------------------------------------------------------------------------------------------------------


class Neon(Step):
    """A portrait bent from neon tubes on a dimmed picture; the seed chooses the colours."""

    op: Literal["neon"] = operation("neon", "Neon tubes", "width", "glow")
    ramps: tuple[Ramp, ...] = Field(min_length=1, max_length=6, description="Of face, hair and outline, clothes.")
    width: float = Field(1.6, ge=0.5, le=6.0, description="Width of the tubes.")
    base: Share = Field(0.2, description="How much of the picture is left.", title="Picture beneath")
    glow: float = Field(1.0, ge=0.0, le=3.0, description="How far the tubes shine.")


class SplitLight(Step):
    """Two coloured lights from the sides, shaped by the form of the person; the seed turns them."""

    op: Literal["split_light"] = operation("split_light", "Two coloured lights", "amount", "ambient")
    pairs: tuple[tuple[HexColor, HexColor], ...] = Field(
        min_length=1, max_length=6, description="Left and right light; the seed chooses one pair."
    )
    amount: float = Field(0.7, ge=0.0, le=2.0, description="How strong the lights are.")
    ambient: float = Field(
        0.6, ge=0.0, le=1.5, description="How bright the picture stays.", title="Rest of the picture"
    )


class Key(Step):
    """One lamp that models head and shoulders by the face mesh's normals, from the seed's side; a rim on the hair."""

    op: Literal["key"] = operation("key", "One lamp", "gain", "ambient")
    pairs: tuple[tuple[HexColor, HexColor], ...] = Field(min_length=1, max_length=6, description="Lamp and shadow.")
    amount: Share = Field(0.8, description="0 keeps the light of the photo.")
    gain: float = Field(
        1.3, ge=0.0, le=3.0, description="How bright what is lit gets; 1 leaves it as it is.", title="Lamp"
    )
    ambient: float = Field(0.5, ge=0.0, le=2.0, description="How bright what is not lit stays.", title="Shadow")
    hard: Share = Field(0.5, description="How sharply shadow begins.", title="Hardness")
    front: Share = Field(0.45, description="0: from the side; 1: from the front.", title="From the front")
    height: Share = Field(0.4, description="How high the lamp hangs.")
    wall: Share = Field(0.3, description="How far the background follows.")
    rim: float = Field(0.0, ge=0.0, le=2.0, description="Light on the edge of the hair.")


class Sunset(Step):
    """A banded sun and a grid to the horizon behind the person, whose rim it lights; the seed chooses the sky."""

    op: Literal["sunset"] = operation("sunset", "Sunset behind the person", "rim")
    ramps: tuple[Annotated[Ramp, Field(min_length=5)], ...] = Field(
        min_length=1, max_length=6, description="From the top of the sky over the horizon to the top of the sun."
    )
    rim: float = Field(0.8, ge=0.0, le=2.0, description="Light on the edge of the person.")


class Aberration(Step):
    """Red and blue drift apart towards the corners, as with a cheap lens; never on the features."""

    op: Literal["aberration"] = operation("aberration", "Colour fringes", "shift")
    shift: float = Field(2.0, ge=0.0, le=16.0, description="How far the colours drift apart.")


class Hologram(Step):
    """A projection of light: one hue, scan lines, slipped rows, transparent borders."""

    op: Literal["hologram"] = operation("hologram", "Projection", "pitch", "glitch")
    ramps: tuple[Ramp, ...] = Field(
        min_length=1, max_length=6, description="Colours from dark to light; the seed chooses one set."
    )
    pitch: float = Field(4.0, ge=2.0, le=12.0, description="Distance of the lines.", title="Distance of lines")
    glitch: Share = Field(0.4, description="How many rows slip.")


class Weather(Step):
    """Rain streaks, sparks or dust in front of the picture, thin over the face; or blurred lights behind the person."""

    op: Literal["weather"] = operation("weather", "Weather", "kind", "amount")
    kind: Literal["rain", "sparks", "dust", "bokeh"] = Field("rain", description="What is in the air.")
    amount: Share = Field(0.4, description="How much of it.")
    color: HexColor = Field("#ffffff", description="Its colour.")


class Flare(Step):
    """Low sun from a corner that the seed chooses: warm haze, soft rays, a few lens ghosts."""

    op: Literal["flare"] = operation("flare", "Low sun", "amount")
    color: HexColor = Field("#ffb45c", description="Colour of the sun.")
    amount: Share = Field(0.5, description="How strong the sun is.")


# --- material and film -----------------------------------------------------------------------------------------------


class Sculpt(Step):
    """Stone or metal: lightness freed of skin and hair colour becomes relief, lit and mapped to a material ramp."""

    op: Literal["sculpt"] = operation("sculpt", "Stone or metal", "material", "relief", "gloss")
    material: Literal["marble", "bronze", "chrome"] = Field("marble", description="What it is made of.")
    ramps: tuple[Ramp, ...] = Field(
        min_length=1, max_length=4, description="The material from dark to light; the seed chooses one."
    )
    gloss: float = Field(0.4, ge=0.0, le=2.0, description="How far it shines.")
    relief: float = Field(1.0, ge=0.0, le=3.0, description="How deep the relief is.")
    background: HexColor = Field("#2a2a2e", description="The photo's background sinks into this.")


class Vein(Step):
    """Veins of marble, or verdigris in the hollows of bronze, on the person; calm on the face."""

    op: Literal["vein"] = operation("vein", "Veins", "kind", "amount")
    kind: Literal["marble", "verdigris"] = Field("marble", description="What runs through it.")
    amount: Share = Field(0.6, description="How much of it.")


class Android(Step):
    """Panel seams, a jaw line and lit circuits along the face mesh. Without a face mesh nothing is drawn."""

    op: Literal["android"] = operation("android", "Circuits", "amount")
    colors: tuple[HexColor, ...] = Field(min_length=1, max_length=6, description="Light of the circuits, by seed.")
    amount: Share = Field(0.9, description="How bright the circuits are.")


class Blinds(Step):
    """Light through a window blind, bent over the face, a bar of it on the eyes."""

    op: Literal["blinds"] = operation("blinds", "Light through a blind", "amount")
    amount: Share = Field(0.4, description="How strong the light is.")
    pitch: float = Field(46.0, ge=10.0, le=160.0, description="Distance of the slats.")


class Plate(Step):
    """Wet plate collodion: poured border, streaks, comets and dust, shallow sharpness towards the rim."""

    op: Literal["plate"] = operation("plate", "Old glass plate", "border", "streaks")
    border: Share = Field(0.6, description="How much of the rim is bare.")
    streaks: Share = Field(0.4, description="How many streaks.")
    blur: float = Field(3.0, ge=0.0, le=12.0, description="How blurred the rim is.")
    color: HexColor = Field("#0d0a08", description="Colour of the bare plate.")
    light: bool = Field(False, description="True where the uncoated rim is paper and not dark metal.")

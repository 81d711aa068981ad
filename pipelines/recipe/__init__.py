"""The words of a preview recipe: one frozen class an operation, every number with its range.

A recipe is a list of these in a style file. Lengths are in pixels of a 512 px portrait and scale with the picture;
operations that say so also grow when likeness is low and shrink when it is high.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipelines.recipe.drawn import Charcoal, Cutout, Features, Flat, Halftone, Hatch, Ink, Pixels, Screenprint
from pipelines.recipe.lit import (
    Aberration,
    Android,
    Blinds,
    Flare,
    Hologram,
    Key,
    Neon,
    Plate,
    Sculpt,
    SplitLight,
    Sunset,
    Vein,
    Weather,
)
from pipelines.recipe.words import HexColor, Ramp, Share, Signed, Step, operation

# --- tone ------------------------------------------------------------------------------------------------------------


class Grade(Step):
    """Colour grading: exposure, contrast, saturation, white balance and a tint for shadows and highlights."""

    op: Literal["grade"] = operation("grade", "Light and colour", "contrast", "saturation", "temperature")
    exposure: float = Field(0.0, ge=-2.0, le=2.0, description="Darker below 0, lighter above, in stops.")
    contrast: Signed = Field(0.0, description="Flatter below 0, stronger above, around the picture's own middle.")
    saturation: float = Field(1.0, ge=0.0, le=3.0, description="1 keeps, 0 is gray.")
    temperature: Signed = Field(0.0, description="Below 0 cold, above 0 warm.")
    shadows: HexColor = Field("#808080", description="Tint of the shadows; mid-gray does nothing.")
    highlights: HexColor = Field("#808080", description="Tint of the highlights; mid-gray does nothing.")
    clarity: Signed = Field(0.0, description="Contrast of middle-sized detail.")
    fade: Share = Field(0.0, description="Lifts the blacks.")


class ToneMap(Step):
    """Maps lightness to a colour ramp (monotone, duotone, tritone); the seed chooses one of the ramps."""

    op: Literal["tone_map"] = operation("tone_map", "Colours by lightness", "amount", "contrast")
    ramps: tuple[Ramp, ...] = Field(min_length=1, max_length=6, description="Colours from dark to light.")
    amount: Share = Field(1.0, description="0 keeps the colours.")
    balance: tuple[Share, Share, Share] = Field((0.3, 0.59, 0.11), description="Weights of R, G, B in lightness.")
    contrast: float = Field(0.0, ge=-1.0, le=2.0, description="S-curve before the ramp.")
    equalise: Share = Field(0.0, description="Spreads local contrast first (CLAHE).", title="Even out")


class Backwash(Step):
    """The background washed over with a gradient, as a printer's bokashi; its shapes stay faintly visible."""

    op: Literal["backwash"] = operation("backwash", "Wash behind the person", "amount")
    ramps: tuple[Ramp, ...] = Field(min_length=1, max_length=6, description="Colours from the top to the bottom.")
    amount: Share = Field(0.6, description="0 leaves the background as it is.")
    flatten: Share = Field(0.5, description="How far the background's own light and dark are pressed together.")


class Vignette(Step):
    """Darker or tinted corners; the seed moves the centre a little."""

    op: Literal["vignette"] = operation("vignette", "Dark corners", "amount")
    amount: Share = Field(0.4, description="How dark the corners get.")
    color: HexColor = Field("#000000", description="Colour of the corners.")
    reach: float = Field(0.75, ge=0.3, le=1.5, description="Where it begins, in half diagonals.")


class Bloom(Step):
    """Highlights glow into their surroundings."""

    op: Literal["bloom"] = operation("bloom", "Glow", "amount")
    radius: float = Field(14, ge=1, le=120, description="How far the glow reaches.", title="Reach")
    threshold: Share = Field(0.6, description="How light a place must be to glow.", title="From this light on")
    amount: float = Field(0.5, ge=0.0, le=2.0, description="How strong the glow is.")
    color: HexColor = Field("#ffffff", description="Tint of the glow.")


class Grain(Step):
    """Film grain, strongest in the mid-tones, weaker on eyes and mouth."""

    op: Literal["grain"] = operation("grain", "Film grain", "amount")
    amount: Share = Field(0.06, description="How much grain.")
    size: float = Field(1.0, ge=0.5, le=6.0, description="Size of the grain.")
    colour: Share = Field(0.0, description="0 monochrome grain, 1 coloured grain.")


class Surface(Step):
    """What it is made on: paper tooth, canvas weave, wood grain or laid paper, pressed into the picture."""

    op: Literal["surface"] = operation("surface", "Paper or canvas", "kind", "amount")
    kind: Literal["paper", "canvas", "wood", "laid", "plaster"] = Field("paper", description="What it is made on.")
    amount: Share = Field(0.25, description="How deep the surface is pressed into the picture.")
    size: float = Field(1.0, ge=0.3, le=6.0, description="1 is fine.")
    tint: HexColor = Field("#ffffff", description="Colour of the ground, multiplied in.")


class PhotoDetail(Step):
    """The photo's own pores and strands of hair, its fine light and dark, back on a picture that was smoothed."""

    op: Literal["photo_detail"] = operation("photo_detail", "Detail of the photo", "amount")
    amount: Share = Field(0.6, description="How much of the photo's fine detail comes back.")
    reach: float = Field(3.0, ge=1, le=20, description="What counts as fine, in pixels of a 512 px portrait.")
    person: bool = Field(
        False, description="Not on the wall behind, which the style made another.", title="Person only"
    )


# --- paint -----------------------------------------------------------------------------------------------------------


class Kuwahara(Step):
    """Paint-like flat patches with crisp borders (Papari 2007's smooth weights on eight Gaussian sectors)."""

    op: Literal["kuwahara"] = operation("kuwahara", "Patches of paint", "radius")
    radius: float = Field(5, ge=1, le=16, description="Larger at low likeness.", title="Size of the patches")
    sharpness: float = Field(6, ge=1, le=16, description="How clearly the flattest sector wins.")


class Flow(Step):
    """Smears colour along the forms (edge tangent flow of the structure tensor; Kyprianidis and Doellner 2008)."""

    op: Literal["flow"] = operation("flow", "Smear along the forms", "length")
    length: float = Field(12, ge=2, le=64, description="Reach along the flow; larger at low likeness.")
    sharpen: Share = Field(0.3, description="Shock-like sharpening across the flow afterwards.")


class Neural(Step):
    """Neural paint: a network redraws the picture as one of 26 painters (Dumoulin 2017); a filter, not diffusion."""

    is_slow = True
    op: Literal["neural"] = operation("neural", "Neural paint", "amount", "colour")
    style: int = Field(0, ge=0, le=25, description="Which painter.", title="Painter")
    amount: Share = Field(1.0, description="0 keeps the picture.")
    colour: Share = Field(0.5, description="0: the network's palette; 1: colour and broad light from before.")
    person_light: Share = Field(
        1.0,
        description="How far the person, whom networks lighten, keeps their broad light.",
        title="Light on the person",
    )
    face: Share = Field(0.6, description="Share of the amount on face and neck, so that no stroke becomes a scar.")
    detail: float = Field(512, ge=128, le=1024, description="Size at which it sees a 512 px portrait: less is broader.")


class AfterPicture(Step):
    """The visitor's own picture as a style: a network takes over its colours and marks (Ghiasi et al. 2017)."""

    is_slow = True
    op: Literal["after_picture"] = operation("after_picture", "After your picture", "amount", "style")
    amount: Share = Field(1.0, description="0 keeps the picture.")
    style: Share = Field(
        0.9, description="1: marks of the style picture alone; 0: the photo's own.", title="Marks of your picture"
    )
    colour: Share = Field(0.1, description="0: the style picture's palette; 1: the photo's.")
    skin_colour: Share = Field(1.0, description="The same on skin.", title="Colour of skin")
    person_light: Share = Field(
        1.0,
        description="How far the person, whom networks lighten, keeps their broad light.",
        title="Light on the person",
    )
    face: Share = Field(0.45, description="Share of the amount on face and neck, so that no mark becomes a scar.")
    soft: float = Field(1.2, ge=0.0, le=6.0, description="Blur before it is painted: marks for grain.")


class Strokes(Step):
    """Brush strokes laid along the flow, coarse to fine (Litwinowicz 1997, Hertzmann 1998), with relief and light."""

    is_slow = True
    op: Literal["strokes"] = operation("strokes", "Brush strokes", "width", "length")
    width: float = Field(9, ge=1.5, le=40, description="Width of the coarsest strokes; larger at low likeness.")
    length: float = Field(3.2, ge=1.0, le=10.0, description="Length of a stroke in widths.")
    layers: int = Field(3, ge=1, le=4, description="How many, each finer than the one before.")
    finer: float = Field(
        0.55, ge=0.3, le=1.0, description="Width of the next layer, as a share of the one before.", title="Next layer"
    )
    opacity: Share = Field(0.95, description="How far a stroke covers what is beneath.")
    bristle: Share = Field(0.5, description="How dry the brush is: 0 flat, 1 every hair seen.")
    relief: float = Field(0.4, ge=0.0, le=2.0, description="Thickness of the paint as seen in side light.")
    edges: Share = Field(0.6, description="1: strokes stop at outlines, 0: they run across.")
    detail: Share = Field(0.3, description="How much difference calls for a finer stroke; 0 paints fine everywhere.")
    swirl: Share = Field(0.0, description="Curls the flow where the picture is flat.")
    light_jitter: Share = Field(0.06, description="Lightness differs from stroke to stroke.", title="Varied light")
    hue_jitter: Share = Field(0.04, description="Colour differs from stroke to stroke.", title="Varied colour")
    ground: HexColor | None = Field(None, description="Toned ground that shows between the strokes.")
    under: Share = Field(
        1.0, description="How much of the picture is painted beneath; 0 shows the ground.", title="Picture beneath"
    )
    tooth: Share = Field(
        0.0,
        description="How far strokes break up on the grain of the ground, as chalk does.",
        title="Grain of the ground",
    )


class Watercolour(Step):
    """Washes of pigment: dark rims, clouds, grain, wandering borders, white paper (density model of Bousseau 2006)."""

    op: Literal["watercolour"] = operation("watercolour", "Watercolour", "edge", "wobble")
    wobble: float = Field(3.0, ge=0.0, le=20.0, description="How far wet borders wander; less on the features.")
    edge: float = Field(0.9, ge=0.0, le=3.0, description="Dark rim where a wash dried.")
    turbulence: float = Field(0.5, ge=0.0, le=2.0, description="Clouds in the pigment.")
    granulation: float = Field(0.4, ge=0.0, le=2.0, description="Grains of pigment in the paper.")
    margin: Share = Field(0.5, description="Unpainted paper around the picture.")


# --- tiles -----------------------------------------------------------------------------------------------------------


class Polygons(Step):
    """Low poly: triangles (Delaunay) whose corners lie on the face's own corners and on the outlines of the figure."""

    in_pieces = True
    op: Literal["polygons"] = operation("polygons", "Facets", "points")
    points: int = Field(280, ge=50, le=4000, description="Squares of a facet's pitch in the picture, face apart.")
    facet: Share = Field(0.25, description="Light differs from facet to facet.")
    edge: Signed = Field(0.1, description="Lighter (above 0) or darker seams.")


class Glass(Step):
    """Stained glass: panes cut along the parts of a person, rays behind them; the seed chooses the wall's glass."""

    op: Literal["glass"] = operation("glass", "Stained glass", "panes", "lead")
    palettes: tuple[Ramp, ...] = Field(min_length=1, max_length=6, description="Glass of the wall, pane by pane.")
    panes: int = Field(100, ge=30, le=300, description="Per cent of the usual number in hair and clothes.")
    lead: float = Field(2.2, ge=0.5, le=8.0, description="Width of the lead between the panes.")
    glow: Share = Field(0.5, description="How far the glass shines.")


class Mosaic(Step):
    """Roman mosaic: small stones in mortar, in rows along the outlines of the figure, finer on the face."""

    in_pieces = True
    op: Literal["mosaic"] = operation("mosaic", "Mosaic", "stone")
    stone: float = Field(7.0, ge=3.0, le=20.0, description="Size of a stone; larger at low likeness.")
    mortar: HexColor = Field("#4a4239", description="Colour between the stones.")
    frames: tuple[Ramp, ...] = Field((), max_length=6, description="Rows of stones around the picture, by seed.")
    variety: Share = Field(0.3, description="How far the stones differ in colour.")


RecipeStep = Annotated[
    Grade
    | ToneMap
    | Backwash
    | Vignette
    | Bloom
    | Grain
    | Surface
    | PhotoDetail
    | Kuwahara
    | Flow
    | Flat
    | Features
    | Neural
    | AfterPicture
    | Strokes
    | Watercolour
    | Ink
    | Hatch
    | Charcoal
    | Halftone
    | Cutout
    | Pixels
    | Screenprint
    | Polygons
    | Glass
    | Mosaic
    | Neon
    | SplitLight
    | Key
    | Sunset
    | Aberration
    | Hologram
    | Weather
    | Flare
    | Sculpt
    | Vein
    | Android
    | Blinds
    | Plate,
    Field(discriminator="op"),
]

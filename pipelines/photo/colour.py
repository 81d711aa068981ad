"""What the numbers of a photo mean: profiles, code points and gamma, converted to sRGB as browsers do.

A file may make several claims about its colours. They are tried in the order in which the file format ranks them, and
the first one that makes sense counts; a claim that does not costs nothing but itself.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE_BYTES = 8 * 2**20  # the largest press profiles have 3 MB
_BAND_PIXELS = 500_000  # converted at a time, in float
_NEAR = 2  # 8-bit steps; a claim that changes no colour by more is sRGB said in other words
_WHITE_NITS = 203.0  # of diffuse white in HDR pictures (ITU-R BT.2408)
_KNEE = 0.5  # linear light, 1 is white; below it HDR and SDR are the same
_STEPS = 4096  # of the table that encodes linear light

_Xy = tuple[float, float]
_D65: _Xy = (0.3127, 0.3290)
_SRGB = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), _D65)
_PRIMARIES: dict[int, tuple[_Xy, _Xy, _Xy, _Xy]] = {  # ITU-T H.273, table 2: red, green, blue, white
    1: _SRGB,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.310, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    7: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.310, 0.316)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
_VIDEO = (1, 6, 14, 15)  # transfer characteristics that share one curve
_PQ, _HLG = 16, 18


@dataclass(frozen=True)
class Profile:
    """An ICC profile."""

    data: bytes

    def apply(self, image: Image.Image) -> Image.Image | None:
        """RGB in sRGB, or None where the profile is broken, absurd or of another kind of picture."""
        space = self.data[16:20]
        mode = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}.get(space)
        if mode is None or not 128 < len(self.data) <= MAX_PROFILE_BYTES:
            return None
        if image.mode == "L" and mode == "RGB":  # as browsers do
            image = image.convert("RGB")
        if image.mode != mode:
            return None
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(self.data))
            target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
            transform = ImageCms.ImageCmsTransform(
                source,
                target,
                mode,
                "RGB",
                ImageCms.Intent.PERCEPTUAL,
                flags=ImageCms.Flags.HIGHRESPRECALC,  # profiles of tables that bend a lot, as of JPEG in XYB
            )
            ramp = np.asarray(transform.apply(_samples(mode)))
            if not _sensible(ramp, mode):
                return None
            if mode == "RGB" and np.abs(ramp.astype(int) - np.asarray(_samples(mode))).max() <= _NEAR:
                return image
            converted = transform.apply(image)
            converted.info.clear()  # of the profile that LittleCMS puts there
            return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Codes:
    """Coding-independent code points (ITU-T H.273) of RGB, from nclx or cICP."""

    primaries: int
    transfer: int
    full_range: bool = True

    def apply(self, image: Image.Image) -> Image.Image | None:
        """RGB in sRGB, HDR tone-mapped, or None where the numbers mean nothing that is known."""
        primaries = _PRIMARIES.get(1 if self.primaries == 2 else self.primaries)
        transfer = 13 if self.transfer == 2 else self.transfer
        if primaries == _SRGB and transfer in (1, 6):
            transfer = 13  # what most programs write beside plain sRGB
        levels = np.arange(256, dtype=np.float64)
        signal = levels / 255 if self.full_range else np.clip((levels - 16) / 219, 0, 1)
        linear = None if transfer == _HLG else _linear(transfer, signal)
        if primaries is None or image.mode not in ("RGB", "L") or (linear is None and transfer != _HLG):
            return None
        image = image.convert("RGB")
        if primaries == _SRGB and transfer == 13 and self.full_range:
            return image
        table = _hlg_scene(signal) if linear is None else linear
        return _converted(image, table, primaries, hlg=transfer == _HLG, high=transfer in (_PQ, _HLG))


@dataclass(frozen=True)
class Gamma:
    """PNG's gAMA and cHRM.

    Attributes:
        exponent: Of encoding, 1 / 2.2 for most; None where only the chromaticities are known.
        chromaticities: x and y of white, red, green and blue; None where only the exponent is known.
    """

    exponent: float | None
    chromaticities: tuple[float, ...] | None = None

    def apply(self, image: Image.Image) -> Image.Image | None:
        """RGB in sRGB, or None where the numbers are absurd."""
        signal = np.arange(256) / 255
        curve = _srgb_light(signal)
        if self.exponent is not None:
            if not 0.1 <= self.exponent <= 4.0:
                return None
            if abs(self.exponent * 2.2 - 1) > 0.05:  # else it is sRGB, roughly said
                curve = signal ** (1 / self.exponent)
        primaries = _SRGB
        if self.chromaticities is not None:
            white, red, green, blue = zip(self.chromaticities[::2], self.chromaticities[1::2], strict=True)
            if not _possible(red, green, blue, white):
                return None
            points = (red, green, blue, white)
            if np.abs(np.subtract(points, _SRGB)).max() > 2e-3:
                primaries = points
        if image.mode not in ("RGB", "L"):
            return None
        image = image.convert("RGB")
        if primaries == _SRGB and np.allclose(curve, _srgb_light(signal)):
            return image
        return _converted(image, curve, primaries)


@dataclass(frozen=True)
class Srgb:
    """The file says that it is sRGB."""

    def apply(self, image: Image.Image) -> Image.Image | None:
        """RGB as it is, None where it is no RGB."""
        return image.convert("RGB") if image.mode in ("RGB", "L") else None


Claim = Profile | Codes | Gamma | Srgb


def to_srgb(image: Image.Image, claims: Sequence[Claim]) -> Image.Image:
    """RGB, L or CMYK to RGB in sRGB, by the first of the claims that makes sense, else as numbers."""
    for claim in claims:
        converted = claim.apply(image)
        if converted is not None:
            return converted
    return image.convert("RGB")


def keeps_ink(claims: Sequence[Claim]) -> bool:
    """Whether a CMYK picture must stay one until its profile has been applied."""
    return any(isinstance(claim, Profile) and claim.data[16:20] == b"CMYK" for claim in claims)


def _samples(mode: str) -> Image.Image:
    """Colours in which a profile is tried: a grid with gray on its diagonal, or the two ends of a range."""
    if mode == "RGB":
        side = np.linspace(0, 255, 6).astype(np.uint8)
        return Image.fromarray(np.stack(np.meshgrid(side, side, side, indexing="ij"), -1).reshape(6, 36, 3))
    if mode == "L":
        return Image.fromarray(np.linspace(0, 255, 6).astype(np.uint8)[None])
    ink = Image.new("CMYK", (2, 1), (0, 0, 0, 0))
    ink.putpixel((0, 0), (255, 255, 255, 255))
    return ink


def _sensible(seen: np.ndarray, mode: str) -> bool:
    """Whether black is dark, white is light and gray rises: what else a profile does is its own affair."""
    gray = seen.reshape(-1, 3).mean(-1)
    if mode == "RGB":
        gray = gray[[step * 43 for step in range(6)]]
    rising = bool((np.diff(gray) >= 0).all())
    return rising and gray[0] < 110 and gray[-1] > 180 and (mode == "CMYK" or 20 < gray[2:5].mean() < 240)


def _srgb_light(signal: np.ndarray) -> np.ndarray:
    return np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)


def _linear(transfer: int, signal: np.ndarray) -> np.ndarray | None:
    """Light of a signal in 0..1, 1 is white; H.273, table 3."""
    if transfer in _VIDEO:
        return np.where(signal < 0.0812429, signal / 4.5, ((signal + 0.0992968) / 1.0992968) ** (1 / 0.45))
    if transfer == 13:
        return _srgb_light(signal)
    if transfer == _PQ:  # SMPTE ST 2084
        power = signal ** (1 / 78.84375)
        light = np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)
        return 10_000 / _WHITE_NITS * light ** (1 / 0.1593017578125)
    exponent = {4: 2.2, 5: 2.8, 8: 1.0}.get(transfer)
    if transfer == 17:  # SMPTE ST 428-1, digital cinema
        return signal**2.6 * 52.37 / 48
    return None if exponent is None else signal**exponent


def _hlg_scene(signal: np.ndarray) -> np.ndarray:
    """Scene light in 0..1 of a hybrid log-gamma signal (ITU-R BT.2100)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def _to_xyz(primaries: Sequence[_Xy]) -> np.ndarray:
    """(3, 3) from linear RGB to XYZ; red, green, blue, white."""
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in primaries]).T
    return columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])


def _possible(*points: _Xy) -> bool:
    """Whether red, green, blue and white make a space of colours."""
    if not all(0 <= x <= 1 and 0.001 < y <= 1 for x, y in points):
        return False
    columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in points]).T
    if abs(np.linalg.det(columns[:, :3])) < 1e-3:
        return False
    return bool((np.linalg.solve(columns[:, :3], columns[:, 3]) > 1e-3).all())


def _matrix(primaries: Sequence[_Xy]) -> np.ndarray:
    """(3, 3) from linear RGB of these primaries to linear sRGB, white onto white (Bradford)."""
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    source, target = _to_xyz(primaries), _to_xyz(_SRGB)
    scale = (cone @ target.sum(1)) / (cone @ source.sum(1))
    adapted = np.linalg.inv(cone) @ np.diag(scale) @ cone @ source
    return np.linalg.solve(target, adapted)


def _converted(
    image: Image.Image, table: np.ndarray, primaries: Sequence[_Xy], *, hlg: bool = False, high: bool = False
) -> Image.Image:
    """Through a table of 256 lights and a matrix; light above white is compressed where there may be any."""
    matrix = _matrix(primaries).T.astype(np.float32)
    luminance = _to_xyz(primaries)[1].astype(np.float32)
    lights = table.astype(np.float32)
    peak = max(_brightest(band, lights, luminance, hlg) for band in _bands(image)) if high else 1.0
    light = np.linspace(0, 1, _STEPS) ** 2  # finer where eyes are
    encode = (np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255 + 0.5).astype(
        np.uint8
    )
    result = np.empty((image.height, image.width, 3), np.uint8)
    top = 0
    for band in _bands(image):
        linear = _light(band, lights, luminance, hlg)
        if high:
            linear = _mapped(linear, peak)
        linear = np.clip(linear @ matrix, 0, 1)
        result[top : top + len(band)] = encode[(np.sqrt(linear) * (_STEPS - 1) + 0.5).astype(np.int32)]
        top += len(band)
    return Image.fromarray(result)


def _bands(image: Image.Image) -> Iterator[np.ndarray]:
    pixels = np.asarray(image)
    rows = max(1, _BAND_PIXELS // image.width)
    return (pixels[top : top + rows] for top in range(0, image.height, rows))


def _light(band: np.ndarray, table: np.ndarray, luminance: np.ndarray, hlg: bool) -> np.ndarray:
    """Linear light of a band, 1 is white. HLG is shown as on a display of 1000 nits (BT.2100)."""
    light: np.ndarray = table[band]
    if hlg:
        light = light * (1000 / _WHITE_NITS * np.maximum(light @ luminance, 1e-6) ** 0.2)[..., None]
    return light


def _brightest(band: np.ndarray, table: np.ndarray, luminance: np.ndarray, hlg: bool) -> float:
    """The light that all but a thousandth of the pixels keep below."""
    return float(np.percentile(_light(band, table, luminance, hlg).max(-1), 99.9))


def _mapped(light: np.ndarray, peak: float) -> np.ndarray:
    """Light up to `peak` brought down to white, hue kept: Reinhard's extended curve above a knee.

    With a peak at or below white nothing changes, so that a plain photo in an HDR file is the plain photo.
    """
    most = light.max(-1, keepdims=True)
    high = max((peak - _KNEE) / (1 - _KNEE), 1.0)
    above = np.maximum(most - _KNEE, 0) / (1 - _KNEE)
    wanted = np.where(most > _KNEE, _KNEE + (1 - _KNEE) * above * (1 + above / high**2) / (1 + above), most)
    return light * (wanted / np.maximum(most, 1e-6))

"""A photo is the same photo in whatever colours it is written."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from PIL import Image, ImageCms
from skimage import color

from pipelines.photo.decoding import MAX_SIDE, decode
from pipelines.photo.opening import open_photo
from tests.support import profiles
from tests.support.png_chunks import SIGNATURE, chunks
from tests.support.searches import search
from tests.support.sweeps import sweep

FACE = (60, 60, 180, 210)  # of the crop below
CARRIERS = ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"]
# The encoder of AVIF rounds down in each channel, by which a face is 0.8 off even without any profile.
QUALITY: dict[str, dict[str, object]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "HEIF": {"quality": 95, "chroma": 444},
    "AVIF": {"quality": 100, "speed": 9, "subsampling": "4:4:4"},
}
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def face(face_photo: Image.Image) -> Image.Image:
    """The head alone, 256 x 256."""
    return face_photo.crop((110, 0, 366, 256))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **{**QUALITY.get(kind, {}), **options})
    return buffer.getvalue()


def into(image: Image.Image, profile: bytes, mode: str = "RGB") -> Image.Image:
    source, target = (ImageCms.ImageCmsProfile(io.BytesIO(data)) for data in (SRGB, profile))
    return ImageCms.ImageCmsTransform(source, target, "RGB", mode).apply(image)


def off(first: Image.Image, second: Image.Image) -> float:
    """Mean CIEDE2000 on the face, in squares of 3 x 3 pixels, for the noise of compression to even out."""
    a, b = (color.rgb2lab(np.asarray(image.convert("RGB").crop(FACE).reduce(3))) for image in (first, second))
    return float(color.deltaE_ciede2000(a, b).mean())


def opened(data: bytes) -> Image.Image:
    return decode(data)[0]


def with_chunks(image: Image.Image, **bodies: bytes) -> bytes:
    """A PNG with these chunks before its pixels."""
    parts = [SIGNATURE]
    for kind, body in chunks(encode(image, "PNG")):
        more = [(name.encode(), content) for name, content in bodies.items()] if kind == b"IDAT" else []
        for name, content in [*more, (kind, body)]:
            parts.append(struct.pack(">I", len(content)) + name + content)
            parts.append(struct.pack(">I", zlib.crc32(name + content)))
        bodies = bodies if kind != b"IDAT" else {}
    return b"".join(parts)


@pytest.mark.parametrize("space", profiles.SPACES)
@pytest.mark.parametrize("kind", sweep(CARRIERS))
def test_a_profile_is_applied(face: Image.Image, space: str, kind: str) -> None:
    profile = profiles.matrix(space)
    other = into(face, profile)
    assert off(other, face) > 1.2, "without its profile it is another picture"
    assert off(opened(encode(other, kind, icc_profile=profile)), face) < (1.6 if kind == "AVIF" else 1.0)


def test_the_photo_of_the_page_is_converted_and_large_ones_are_too(face: Image.Image) -> None:
    profile = profiles.matrix("ProPhoto")
    large = into(face, profile).resize((3072, 3072), Image.Resampling.BICUBIC)
    photo = open_photo(encode(large, "JPEG", icc_profile=profile))
    assert photo.image.size == (MAX_SIDE, MAX_SIDE)
    assert off(photo.image.resize((256, 256), Image.Resampling.BOX), face) < 1.0
    assert "icc_profile" not in photo.image.info
    handed = into(face, profile)
    handed.info["icc_profile"] = profile
    assert off(open_photo(handed).image, face) < 1.0


def test_srgb_said_as_a_profile_changes_nothing(face: Image.Image) -> None:
    assert opened(encode(face, "PNG", icc_profile=SRGB)).tobytes() == face.tobytes()


def gamma_of(image: Image.Image, gamma: float) -> Image.Image:
    """Gray by luminance, encoded with another gamma."""
    light = np.asarray(image.convert("L")) / 255
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    return Image.fromarray(np.round(linear ** (1 / gamma) * 255).astype(np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_gray_has_profiles_of_its_own_and_takes_those_of_colour(face: Image.Image, kind: str) -> None:
    plain = face.convert("L")
    assert off(opened(encode(gamma_of(face, 1.0), kind, icc_profile=profiles.gray(1.0))), plain) < 1.0
    wide = gamma_of(face, 1.8)
    assert off(opened(encode(wide, kind, icc_profile=profiles.matrix("ProPhoto"))), plain) < 1.0


def lab_of(rgb: np.ndarray) -> np.ndarray:
    """(N, 3) sRGB in 0..1 to L*a*b* as profiles count it, under D50."""
    return color.xyz2lab(color.rgb2xyz(rgb[None])[0] @ profiles.adaptation(profiles.D65).T, illuminant="D50")


def lab_of_ink(ink: np.ndarray) -> np.ndarray:
    """A press without dot gain."""
    return lab_of((1 - ink[:, :3]) * (1 - ink[:, 3:]))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_are_what_their_profile_says(face: Image.Image, kind: str) -> None:
    profile = profiles.table(b"CMYK", 9, lab_of_ink)
    inks = face.convert("CMYK")
    assert off(opened(encode(inks, kind, icc_profile=profile)), face) < 1.5

    def yellowed(ink: np.ndarray) -> np.ndarray:
        return lab_of_ink(ink) + np.array([0, 0, 15])

    yellow = opened(encode(inks, kind, icc_profile=profiles.table(b"CMYK", 9, yellowed)))
    more = color.rgb2lab(np.asarray(yellow.crop(FACE)))[..., 2] - color.rgb2lab(np.asarray(face.crop(FACE)))[..., 2]
    assert 7 < more.mean() < 18  # what leaves the gamut is cut off


def test_components_that_are_no_rgb_but_for_their_profile(face: Image.Image) -> None:
    """As JPEG in XYB: stored without a colour transform, and only a table tells what they mean."""
    rotated = Image.merge("RGB", face.split()[1:] + face.split()[:1])
    profile = profiles.table(b"RGB ", 17, lambda gbr: lab_of(gbr[:, [2, 0, 1]]))
    data = encode(rotated, "JPEG", keep_rgb=True, icc_profile=profile)
    assert off(opened(data), face) < 1.5


def test_a_lab_tiff_is_a_photo_too(face: Image.Image) -> None:
    source, target = (ImageCms.ImageCmsProfile(ImageCms.createProfile(name)) for name in ("sRGB", "LAB"))
    lab = ImageCms.ImageCmsTransform(source, target, "RGB", "LAB").apply(face)
    lab.info.clear()
    assert off(opened(encode(lab, "TIFF")), face) < 1.0


BROKEN = {
    "short": profiles.matrix("ProPhoto")[:140],
    "tiny": b"ICC",
    "garbage": bytes(range(256)) * 8,
    "of gray": profiles.gray(1.0),
    "of ink": profiles.table(b"CMYK", 2, lab_of_ink),
    "without tags": profiles.build(b"RGB ", {}),
    "all black": profiles.table(b"RGB ", 2, lambda rgb: np.zeros((len(rgb), 3))),
    "upside down": profiles.table(b"RGB ", 3, lambda rgb: lab_of(1 - rgb)),
    "of no known space": b"\0" * 16 + b"HSV " + b"\0" * 300,
}


@pytest.mark.parametrize("kind", CARRIERS)
@pytest.mark.parametrize("fault", sweep(BROKEN, 4))
def test_a_broken_profile_costs_only_the_profile(face: Image.Image, kind: str, fault: str) -> None:
    small = face.resize((128, 128))
    plain = opened(encode(small, kind))
    assert opened(encode(small, kind, icc_profile=BROKEN[fault])).tobytes() == plain.tobytes()


@search(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=st.binary(min_size=1, max_size=600), kind=st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF"]))
def test_any_bytes_for_a_profile(face: Image.Image, profile: bytes, kind: str) -> None:
    small = face.resize((96, 96))
    assert opened(encode(small, kind, icc_profile=profile)).tobytes() == opened(encode(small, kind)).tobytes()


@search(60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_to_a_profile_keeps_the_photo(face: Image.Image, data: st.DataObject) -> None:
    profile = bytearray(profiles.matrix("Adobe RGB"))
    for _ in range(data.draw(st.integers(1, 5))):
        profile[data.draw(st.integers(0, len(profile) - 1))] = data.draw(st.integers(0, 255))
    small = face.resize((96, 96))
    assert opened(encode(small, "PNG", icc_profile=bytes(profile))).size == small.size


# Code points, by the formulas of H.273 and BT.2100 the other way round.

DISPLAY_WHITE = 203.0


def linear_in(image: Image.Image, space: str) -> np.ndarray:
    signal = np.asarray(image) / 255
    light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    primaries, white, _ = profiles.SPACES[space]
    srgb = profiles.xyz_of(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), profiles.D65)
    return np.clip(light @ (np.linalg.inv(profiles.xyz_of(primaries, white)) @ srgb).T, 0, None)


def pq(light: np.ndarray) -> np.ndarray:
    power = (light * DISPLAY_WHITE / 10_000) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(light: np.ndarray) -> np.ndarray:
    shown = light * DISPLAY_WHITE / 1000
    luminance = shown @ profiles.xyz_of(*profiles.SPACES["BT.2020"][:2])[1]
    scene = shown * np.maximum(luminance, 1e-9)[..., None] ** (1 / 1.2 - 1)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def video(light: np.ndarray) -> np.ndarray:
    return np.where(light < 0.018054, 4.5 * light, 1.0992968 * light**0.45 - 0.0992968)


def srgb(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


CODES: dict[str, tuple[str, int, int, Callable[[np.ndarray], np.ndarray]]] = {
    "P3": ("Display P3", 12, 13, srgb),
    "BT.2020": ("BT.2020", 9, 14, video),
    "BT.2020 as sRGB": ("BT.2020", 9, 13, srgb),
    "PQ": ("BT.2020", 9, 16, pq),
    "HLG": ("BT.2020", 9, 18, hlg),
    "P3 PQ": ("Display P3", 12, 16, pq),
    "linear": ("Display P3", 12, 8, lambda light: light),
}


def coded(image: Image.Image, kind: str, code: str, brighter: float = 1.0) -> bytes:
    space, primaries, transfer, curve = CODES[code]
    signal = np.clip(curve(linear_in(image, space) * brighter), 0, 1)
    other = Image.fromarray(np.round(signal * 255).astype(np.uint8))
    if kind == "PNG":
        return with_chunks(other, cICP=bytes([primaries, transfer, 0, 1]))
    data = encode(other, kind)
    place = data.index(b"nclx") + 4
    return data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]


@pytest.mark.parametrize("kind", ["PNG", "HEIF", "AVIF"])
@pytest.mark.parametrize("code", sweep(["P3", "BT.2020", "BT.2020 as sRGB", "PQ", "HLG", "P3 PQ"], 2))
def test_code_points_are_followed(face: Image.Image, kind: str, code: str) -> None:
    most = {"PNG": 0.5, "HEIF": 1.2, "AVIF": 1.5}[kind] * (2.3 if kind == "AVIF" and "PQ" in code else 1.2)
    assert off(opened(coded(face, kind, code)), face) < most


@pytest.mark.parametrize("code", ["PQ", "HLG"])
def test_light_above_white_is_brought_down_and_keeps_its_shape(face: Image.Image, code: str) -> None:
    bright = np.asarray(opened(coded(face, "PNG", code, brighter=4.0)).crop(FACE)).astype(float)
    plain = np.asarray(face.crop(FACE)).astype(float)
    assert (bright >= 254).all(-1).mean() < 0.02, "not burnt out"
    assert np.corrcoef(bright.mean(-1).ravel(), plain.mean(-1).ravel())[0, 1] > 0.95
    dark = Image.fromarray((np.asarray(face) // 3).astype(np.uint8))
    assert off(opened(coded(dark, "PNG", code)), dark) < 1.5, "what is dark stays as it is"


def test_narrow_range_and_unknown_codes(face: Image.Image) -> None:
    narrow = Image.fromarray(np.round(np.asarray(face) / 255 * 219 + 16).astype(np.uint8))
    assert off(opened(with_chunks(narrow, cICP=bytes([1, 13, 0, 0]))), face) < 1.0
    for codes in ([99, 13, 0, 1], [9, 99, 0, 1], [9, 16, 9, 1], [0, 0, 0, 1], [9, 16, 0, 7]):
        assert opened(with_chunks(face, cICP=bytes(codes))).tobytes() == face.tobytes()


# PNG says it in four ways, and they have ranks.


def gama(exponent: float) -> bytes:
    return struct.pack(">I", round(exponent * 100_000))


def chrm(space: str) -> bytes:
    primaries, white, _ = profiles.SPACES[space]
    return struct.pack(">8I", *(round(value * 100_000) for point in (white, *primaries) for value in point))


def iccp(profile: bytes) -> bytes:
    return b"p\0\0" + zlib.compress(profile)


def test_gamma_and_chromaticities(face: Image.Image) -> None:
    adobe = into(face, profiles.matrix("Adobe RGB"))
    assert off(opened(with_chunks(adobe, gAMA=gama(256 / 563), cHRM=chrm("Adobe RGB"))), face) < 1.0
    signal = srgb(linear_in(face, "Display P3"))
    p3 = Image.fromarray(np.round(np.clip(signal, 0, 1) * 255).astype(np.uint8))
    assert off(opened(with_chunks(p3, cHRM=chrm("Display P3"))), face) < 1.0
    light = np.asarray(face) / 255
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    flat = Image.fromarray(np.round(linear ** (1 / 1.5) * 255).astype(np.uint8))
    assert off(opened(with_chunks(flat, gAMA=gama(1 / 1.5))), face) < 1.0


def test_what_most_programs_write_changes_nothing(face: Image.Image) -> None:
    usual = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    assert opened(with_chunks(face, gAMA=gama(0.45455), cHRM=usual)).tobytes() == face.tobytes()


def test_ranks_of_the_third_edition(face: Image.Image) -> None:
    wide = profiles.matrix("ProPhoto")
    lower = {"gAMA": gama(1.0), "cHRM": chrm("BT.2020")}
    plain = face.tobytes()
    assert opened(with_chunks(face, cICP=bytes([1, 13, 0, 1]), iCCP=iccp(wide), **lower)).tobytes() == plain
    assert off(opened(with_chunks(into(face, wide), iCCP=iccp(wide), sRGB=b"\0", **lower)), face) < 1.0
    assert opened(with_chunks(face, sRGB=b"\0", **lower)).tobytes() == plain
    assert opened(with_chunks(face, cICP=b"\x09\x10", iCCP=b"p\0\0no", sRGB=b"\0", **lower)).tobytes() == plain
    assert opened(with_chunks(face, gAMA=gama(0), cHRM=b"\xff" * 32)).tobytes() == plain


def test_a_large_profile_is_read_all_the_same(face: Image.Image) -> None:
    wide = profiles.matrix("ProPhoto") + b"\0" * 3_000_000
    wide = struct.pack(">I", len(wide)) + wide[4:]
    assert off(opened(with_chunks(into(face, wide), iCCP=iccp(wide))), face) < 1.0

"""What is thrown away anyway never decides whether a photo is taken, nor what it looks like."""

from __future__ import annotations

import functools
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from skimage import data as sample

from pipelines.errors import PhotoUnreadable
from pipelines.photo import hints as photo_hints
from pipelines.photo.decoding import decode
from pipelines.photo.opening import open_photo
from tests.support.png_chunks import SIGNATURE, chunks
from tests.support.searches import search

KINDS = ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "GIF", "TIFF"]
SMALL = Image.fromarray(sample.astronaut()).crop((110, 0, 366, 256)).resize((120, 96))
LENGTHS = st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1), st.sampled_from([2, 0xFFFF, 2**31, 2**32 - 1]))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@functools.cache
def plain(kind: str) -> bytes:
    return encode(SMALL, kind)


@functools.cache
def pixels(kind: str) -> bytes:
    return decode(plain(kind))[0].tobytes()


def with_helper(kind: str, name: bytes, body: bytes, length: int | None = None, crc: int | None = None) -> bytes:
    """The small photo with one more helper of that name, and a wrong length or sum where one is given."""
    whole = plain(kind)
    if kind == "JPEG":
        marker = b"\xff" + (name if len(name) == 1 else b"\xe1")
        size = len(body) + 2 if length is None else length & 0xFFFF
        return whole[:2] + marker + struct.pack(">H", size) + body[:65533] + whole[2:]
    if kind == "PNG":
        total = zlib.crc32(name + body) if crc is None else crc
        size = len(body) if length is None else length
        chunk = struct.pack(">I", size) + name + body + struct.pack(">I", total)
        return whole[:33] + chunk + whole[33:]
    if kind == "WEBP":
        size = len(body) if length is None else length
        chunk = name + struct.pack("<I", size) + body + b"\0" * (len(body) % 2)
        return whole + chunk  # after the pixels, where EXIF and XMP are; RIFF's own length is wrong now
    if kind in ("HEIF", "AVIF"):
        size = len(body) + 8 if length is None else length
        return whole + struct.pack(">I4s", size, b"free" if name == b"\0\0\0\0" else name) + body
    assert kind == "GIF"
    blocks = b"".join(bytes([len(part)]) + part for part in (body[i : i + 200] for i in range(0, len(body), 200)))
    end = 13 + (3 << (whole[10] & 7) + 1 if whole[10] & 0x80 else 0)
    return whole[:end] + b"\x21\xfe" + blocks + b"\0" + whole[end:]


NAMES = {
    "JPEG": [b"\xe0", b"\xe1", b"\xe2", b"\xec", b"\xed", b"\xee", b"\xfe"],
    "PNG": [
        *(b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP", b"pHYs", b"tIME", b"sBIT", b"hIST", b"bKGD", b"acTL", b"fcTL"),
        *(b"sPLT", b"oFFs", b"caBX", b"tRNS", b"cICP", b"gAMA", b"cHRM", b"sRGB"),
    ],
    "WEBP": [b"EXIF", b"XMP ", b"ICCP", b"C2PA", b"junk"],
    "HEIF": [b"free", b"uuid", b"skip"],
    "AVIF": [b"free", b"uuid", b"skip"],
    "GIF": [b"\xfe"],
}
HARMLESS = {kind: [n for n in names if n not in (b"cICP", b"gAMA", b"cHRM", b"tRNS")] for kind, names in NAMES.items()}


@pytest.mark.parametrize("kind", HARMLESS)
def test_any_helper_with_any_bytes(kind: str) -> None:
    @search(60)
    @given(name=st.sampled_from(HARMLESS[kind]), body=st.binary(max_size=700))
    @example(name=HARMLESS[kind][0], body=b"JFIF\0\1\1\1\0\x48\0\x48\0\0")
    @example(name=HARMLESS[kind][-1], body=b"")
    def check(name: bytes, body: bytes) -> None:
        assert decode(with_helper(kind, name, body)) == (decode(plain(kind))[0], False)

    check()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_any_helper_with_a_wrong_length(kind: str) -> None:
    @search(60)
    @given(name=st.sampled_from(HARMLESS[kind]), body=st.binary(max_size=300), length=LENGTHS)
    @example(name=HARMLESS[kind][0], body=b"Exif\0\0 and words", length=2**32 - 1)
    @example(name=HARMLESS[kind][0], body=b"Exif\0\0 and words", length=4)
    @example(name=HARMLESS[kind][0], body=b"Exif\0\0 and words", length=30_000)
    @example(name=HARMLESS[kind][0], body=bytes(16), length=105)  # of a JPEG: up to the second of two tables
    def check(name: bytes, body: bytes, length: int) -> None:
        assert decode(with_helper(kind, name, body, length))[0].tobytes() == pixels(kind)

    check()


@search(80)
@given(name=st.sampled_from(NAMES["PNG"]), body=st.binary(max_size=300), crc=st.integers(0, 2**32 - 1))
def test_a_png_helper_with_a_wrong_sum_is_as_if_it_were_not_there(name: bytes, body: bytes, crc: int) -> None:
    if crc != zlib.crc32(name + body):
        assert decode(with_helper("PNG", name, body, crc=crc))[0].tobytes() == pixels("PNG")


EXIFS = [
    b"no TIFF at all",
    b"Exif\0\0",
    b"Exif\0\0II*\0\xff\xff\xff\xff",
    b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
    b"\0" * 40,
]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF"])
def test_any_bytes_for_exif(kind: str) -> None:
    """Put in by hand or after the fact: encoders refuse to write them."""
    exif = Image.Exif()
    exif[0x010E] = "x" * 400
    sound = encode(SMALL, kind, exif=exif.tobytes(), **({"dpi": (72, 72)} if kind == "JPEG" else {}))
    start = max(0, sound.index(b"x" * 400) - 66)
    place = max(sound.find(b"II*\0", start), sound.find(b"MM\0*", start))
    assert place > 0

    @search(40)
    @given(body=st.one_of(st.binary(max_size=400), st.sampled_from(EXIFS)))
    @example(body=b"This is no TIFF")
    @example(body=b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\xff\xff\xff\xff\xff\xff\xff")
    def check(body: bytes) -> None:
        bent = sound[:place] + body + sound[place + len(body) :]
        if kind == "PNG":  # with a right sum, so that only its content is wrong
            bent = SIGNATURE + b"".join(
                struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
                for name, part in chunks(bent)
            )
        assert decode(bent)[0].tobytes() == pixels(kind)

    check()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("value", range(1, 9))
def test_a_sound_orientation_is_still_followed(kind: str, value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    size = decode(encode(SMALL, kind, exif=exif))[0].size
    assert size == (SMALL.size if value < 5 else SMALL.size[::-1])


def test_exif_in_png_text_that_is_no_hex_and_text_that_inflates() -> None:
    big = zlib.compress(b"k" * 5_000_000)
    for name, body in [
        (b"tEXt", b"Raw profile type exif\0\nexif\n  20\nnot hex at all"),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 8\nzz")),
        (b"zTXt", b"Comment\0\0" + big),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + big),
        (b"iCCP", b"p\0\0" + big),
        (b"iCCP", b"p\0\0" + zlib.compress(b"\0" * 40_000_000)),
    ]:
        assert decode(with_helper("PNG", name, body))[0].tobytes() == pixels("PNG")
    turned = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"
    text = b"Raw profile type exif\0\nexif\n  %d\n%s\n" % (len(turned) + 6, (b"Exif\0\0" + turned).hex().encode())
    assert decode(with_helper("PNG", b"tEXt", text))[0].size == SMALL.size[::-1]


@search(60)
@given(length=st.integers(0, 2**32 - 1))
def test_webp_with_any_riff_length(length: int) -> None:
    whole = plain("WEBP")
    assert decode(whole[:4] + struct.pack("<I", length) + whole[8:])[0].tobytes() == pixels("WEBP")


def test_tiff_with_broken_helper_tags() -> None:
    exif = Image.Exif()
    exif[0x010E] = "words " * 20
    exif.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    sound = encode(SMALL, "TIFF", exif=exif, icc_profile=b"\0" * 200, dpi=(72, 72))
    (start,) = struct.unpack_from("<I", sound, 4)
    (count,) = struct.unpack_from("<H", sound, start)
    needed = {254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 284}
    bent = 0
    for place in range(start + 2, start + 2 + 12 * count, 12):
        if struct.unpack_from("<H", sound, place)[0] not in needed:
            for entry in (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x02\0\xff\xff\xff\x7f\1\0\0\0", b"\0" * 10):
                broken = sound[: place + 2] + entry + sound[place + 12 :]
                assert decode(broken)[0].tobytes() == pixels("TIFF")
                bent += 1
    assert bent >= 12


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_last_bytes_opens_with_a_note(progressive: bool) -> None:
    photo = Image.fromarray(sample.astronaut())
    whole = encode(photo, "JPEG", progressive=progressive)
    before = np.asarray(decode(whole)[0]).astype(int)
    for missing in (1, 2, 3, 10, 37, 64, 100):
        image, incomplete = decode(whole[:-missing])
        assert incomplete
        assert np.abs(np.asarray(image).astype(int) - before).mean() < 1
    hints = photo_hints.hints(open_photo(whole[:-60]))
    assert [(hint.kind, hint.blocking) for hint in hints] == [("incomplete", False)]
    assert not photo_hints.hints(open_photo(whole))
    with pytest.raises(PhotoUnreadable, match="cut off"):
        decode(encode(photo, "JPEG")[:20_000])


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "GIF"])
def test_rows_at_the_end_that_are_missing_cost_those_rows(kind: str) -> None:
    whole = plain(kind)
    for missing in (2, 3, 50, 100, 1000):
        image, incomplete = decode(whole[:-missing])
        assert incomplete
        kept = np.asarray(image) == np.asarray(decode(whole)[0])
        assert kept.mean() > 0.98 - 1.5 * missing / len(whole)
    with pytest.raises(PhotoUnreadable, match="cut off"):
        decode(whole[: len(whole) // 3])


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIF"])
def test_others_without_their_last_bytes(kind: str) -> None:
    photo = Image.fromarray(sample.astronaut()).resize((256, 256))
    whole = encode(photo, kind)
    before = np.asarray(decode(whole)[0]).astype(int)
    for missing in (2, 13, 60, 100):
        image, _ = decode(whole[:-missing])
        assert np.abs(np.asarray(image).astype(int) - before).mean() < 2


def tiff(pages: list[tuple[Image.Image, dict[int, int]]], children: bool = True, extra: bytes = b"") -> bytes:
    """Uncompressed pages; the others are children of the first one, as in camera raws, or follow it."""
    out = bytearray(b"II*\0\0\0\0\0" + extra)
    places: list[int] = []
    for number, (image, tags) in enumerate(reversed(pages)):
        at = len(out)
        out += image.tobytes()
        out += b"\0" * (len(out) % 2)
        depth = len(out)
        out += struct.pack("<3H", 8, 8, 8)
        entries = {256: image.width, 257: image.height, 259: 1, 262: 2, 273: at, 277: 3, 278: image.height}
        entries |= {279: len(image.tobytes()), **tags}
        below = places[-1] if places and number == len(pages) - 1 else 0
        if below and children:
            entries[330] = below
        places.append(len(out))
        out += struct.pack("<H", len(entries) + 1)
        for tag, value in sorted([*entries.items(), (258, -depth)]):
            out += struct.pack("<HHII", tag, 3 if value < 0 else 4, 3 if value < 0 else 1, abs(value))
        out += struct.pack("<I", 0 if children else below)
    struct.pack_into("<I", out, 4, places[-1])
    return bytes(out)


def test_a_raw_is_read_at_its_largest_page() -> None:
    photo = Image.fromarray(sample.astronaut()).resize((800, 640))
    thumbnail = photo.resize((256, 205))
    for children in (True, False):
        assert decode(tiff([(thumbnail, {254: 1}), (photo, {})], children))[0].size == photo.size
        assert decode(tiff([(thumbnail, {}), (photo, {})], children))[0].size == photo.size
    turned = decode(tiff([(thumbnail, {254: 1, 274: 6}), (photo, {})]))[0]
    assert turned.size == photo.size[::-1]


def test_a_raw_gives_its_preview_or_a_sentence() -> None:
    photo = Image.fromarray(sample.astronaut()).resize((1200, 900))
    sensor = Image.new("RGB", (1300, 1000))
    preview = encode(photo, "JPEG")
    small = photo.resize((256, 192))
    raw = tiff([(small, {254: 1, 50706: 0x0401}), (sensor, {262: 32803})], extra=preview)
    assert decode(raw)[0].size == photo.size
    with pytest.raises(PhotoUnreadable, match="raw files are not read"):
        decode(tiff([(small, {254: 1, 50706: 0x0401}), (sensor, {262: 32803})], extra=encode(small, "JPEG")))
    assert decode(b"FUJIFILMCCD-RAW 0201" + b"\0" * 64 + preview)[0].size == photo.size
    with pytest.raises(PhotoUnreadable, match="raw files are not read"):
        decode(b"IIU\0" + b"\0" * 400)


def test_the_first_of_several_pages_of_a_scan_counts() -> None:
    photo = Image.fromarray(sample.astronaut()).resize((700, 560))
    other = Image.new("RGB", (900, 700), "red")
    assert decode(tiff([(photo, {}), (other, {})], children=False))[0].size == photo.size


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_huge_heic_or_avif_is_told_by_its_megapixels(kind: str) -> None:
    whole = plain(kind)
    place = whole.index(b"ispe") + 8
    huge = whole[:place] + struct.pack(">II", 17_000, 17_000) + whole[place + 8 :]
    with pytest.raises(PhotoUnreadable, match="more than 64 megapixels"):
        decode(huge)

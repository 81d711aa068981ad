"""Reads a C2PA manifest. Also a program of its own, in which a stranger's file is parsed and a crash harms nobody.

    python manifest_reader.py < JSON line {"mime", "anchors"}, then the file's bytes; prints the answer as JSON

Knows nothing of this project, so that the program starts in a tenth of a second.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

import c2pa

_MEMORY_BYTES = 2 * 1024**3
_CPU_SECONDS = 10
_DEEPEST = 16  # levels of CBOR in a signature; real ones have three
_JPEG, _APP11, _SCAN = b"\xff\xd8\xff", 0xEB, 0xDA
_X5CHAIN = 33  # COSE header parameter (RFC 9360): the leaf, or a list that begins with it


def context(anchors: str) -> c2pa.Context:
    """Settings for signing and reading: nothing is fetched, no thumbnail is made.

    Args:
        anchors: PEM certificates whose signatures count as this studio's own.
    """
    settings = {
        "verify": {
            "verify_after_sign": False,  # what was written is read back from the disk instead
            "verify_trust": True,
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
        },
        "builder": {"thumbnail": {"enabled": False}},  # the default embeds half a megabyte of picture
        "trust": {"user_anchors": anchors},
    }
    return c2pa.Context(settings=c2pa.Settings.from_dict(settings))


def read(data: bytes, mime: str, using: c2pa.Context) -> dict[str, Any]:
    """What the manifest of a file says.

    Returns:
        {"store": the library's manifest store with its validation results, "leaf": see `leaf`}, or {"store": None}
        where there is none, or {"problem": "remote" | "unreadable"}.
    """
    try:
        with c2pa.Reader(mime, io.BytesIO(data), context=using) as reader:
            store = json.loads(reader.json())
        return {"store": store, "leaf": leaf(data, str(store.get("active_manifest")))}
    except c2pa.C2paError.ManifestNotFound:
        return {"store": None}
    except c2pa.C2paError.RemoteManifest:
        return {"problem": "remote"}
    except c2pa.C2paError as error:
        return {"problem": "remote" if "remote" in str(error).lower() else "unreadable"}
    except (ValueError, UnicodeError, RecursionError):
        return {"problem": "unreadable"}


def leaf(data: bytes, label: str) -> str:
    """Which certificate the signature of a manifest names, so that one of ours is known by itself.

    The library takes no chain for good whose time is over, and tells of the leaf no more than its number, which anybody
    could give to a certificate of his own.

    Args:
        data: A PNG or JPEG file; this studio signs no other.
        label: Of the manifest.

    Returns:
        SHA-256 of the DER certificate, in hexadecimal; "" where it cannot be told without doubt.
    """
    try:
        (store,) = _stores(data)
        (whole,) = _labelled(store, "c2pa")
        (manifest,) = _labelled(whole, label)
        (signature,) = _labelled(manifest, "c2pa.signature")
        (cose,) = (body for kind, body in _boxes(signature) if kind == b"cbor")
        (protected, *_), _ = _cbor(cose, 0)
        chain = _cbor(protected, 0)[0][_X5CHAIN]
        return hashlib.sha256(chain[0] if isinstance(chain, list) else chain).hexdigest()
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return ""


def _stores(data: bytes) -> list[bytes]:
    """The manifest stores of a file, as JUMBF."""
    if data.startswith(_JPEG):
        return _jumbf(data)
    return [body for kind, body in _chunks(data) if kind == b"caBX"]


def _jumbf(jpeg: bytes) -> list[bytes]:
    """JUMBF boxes of a JPEG's APP11 segments (ISO/IEC 19566-5, annex D): each box in one segment or, in their order, in
    several, of which those after the first say its head again."""
    boxes: dict[bytes, bytes] = {}
    place = 2
    while place + 4 <= len(jpeg) and jpeg[place] == 0xFF and jpeg[place + 1] != _SCAN:
        length = int.from_bytes(jpeg[place + 2 : place + 4], "big")
        body = jpeg[place + 4 : place + 2 + length]
        if jpeg[place + 1] == _APP11 and body[:2] == b"JP":
            number, order, part = body[2:4], int.from_bytes(body[4:8], "big"), body[8:]
            if (order == 1) is (number in boxes):  # a part that is missing, or that there are two of
                raise ValueError
            boxes[number] = boxes.get(number, b"") + (part if order == 1 else part[8:])
        place += 2 + length
    return list(boxes.values())


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place + 8 <= len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += 12 + length


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """JUMBF boxes (ISO/IEC 19566-5) that lie side by side; long ones, which ours never are, end the row."""
    place = 0
    while place + 8 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if length < 8:
            return
        yield data[place + 4 : place + 8], data[place + 8 : place + length]
        place += length


def _labelled(data: bytes, label: str) -> list[bytes]:
    """Of the boxes that hold boxes, those with this label."""
    supers = (body for kind, body in _boxes(data) if kind == b"jumb")
    return [body for body in supers if _label(body) == label]


def _label(superbox: bytes) -> str | None:
    kind, description = next(_boxes(superbox), (b"", b""))
    return description[17:].split(b"\0")[0].decode("utf-8", "replace") if kind == b"jumd" else None


def _cbor(data: bytes, place: int, depth: int = 0) -> tuple[Any, int]:
    """One item of CBOR (RFC 8949) and where it ends. What a COSE signature needs: no floats, no open lengths."""
    major, small = data[place] >> 5, data[place] & 31
    place += 1
    if depth > _DEEPEST or small > 27:
        raise ValueError
    width = 1 << (small - 24) if small >= 24 else 0
    number = int.from_bytes(data[place : place + width], "big") if width else small
    place += width
    if major in (2, 3):
        text = data[place : place + number]
        return (text if major == 2 else text.decode()), place + number
    if major == 4:
        items = []
        for _ in range(number):
            item, place = _cbor(data, place, depth + 1)
            items.append(item)
        return items, place
    if major == 5:
        pairs = {}
        for _ in range(number):
            key, place = _cbor(data, place, depth + 1)
            pairs[key], place = _cbor(data, place, depth + 1)
        return pairs, place
    if major == 6:  # a tag; what is tagged counts
        return _cbor(data, place, depth + 1)
    return {0: number, 1: -1 - number}.get(major), place


def main() -> None:
    """Answer one question from stdin."""
    for kind, limit in ((resource.RLIMIT_AS, _MEMORY_BYTES), (resource.RLIMIT_CPU, _CPU_SECONDS)):
        with contextlib.suppress(ValueError, OSError):  # macOS has no limit on memory
            resource.setrlimit(kind, (limit, limit))
    question = json.loads(sys.stdin.buffer.readline())
    answer = read(sys.stdin.buffer.read(), question["mime"], context(question["anchors"]))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

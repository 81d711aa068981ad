"""Reads a C2PA manifest. Also a program of its own, in which a stranger's file is parsed and a crash harms nobody.

    python manifest_reader.py < JSON line {"mime", "anchors"}, then the file's bytes; prints the answer as JSON

Knows nothing of this project, so that the program starts in a tenth of a second.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import sys
from typing import Any

import c2pa

_MEMORY_BYTES = 2 * 1024**3
_CPU_SECONDS = 10


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
        {"store": the library's manifest store with its validation results}, or {"store": None} where there is none, or
        {"problem": "remote" | "unreadable"}.
    """
    try:
        with c2pa.Reader(mime, io.BytesIO(data), context=using) as reader:
            return {"store": json.loads(reader.json())}
    except c2pa.C2paError.ManifestNotFound:
        return {"store": None}
    except c2pa.C2paError.RemoteManifest:
        return {"problem": "remote"}
    except c2pa.C2paError as error:
        return {"problem": "remote" if "remote" in str(error).lower() else "unreadable"}
    except (ValueError, UnicodeError, RecursionError):
        return {"problem": "unreadable"}


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

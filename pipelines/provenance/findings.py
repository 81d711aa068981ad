"""What the codes of a C2PA validation mean for a visitor (C2PA specification 2.2, section 15.2.2; CAWG identity 1.1).

Only a few of them say that something was changed. The others speak of the certificate, of a statement of identity, of
an earlier picture or of the form, and a picture that nobody touched carries them. Pure functions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from pipelines.results import Finding, MarkState

# What was signed and what is there are not the same.
CHANGED = frozenset(
    {
        "assertion.dataHash.mismatch",
        "assertion.bmffHash.mismatch",
        "assertion.boxesHash.mismatch",
        "assertion.boxesHash.unknownBox",
        "assertion.collectionHash.mismatch",
        "assertion.collectionHash.incorrectFileCount",
        "assertion.multiAssetHash.mismatch",
        "assertion.hashedURI.mismatch",
        "hashedURI.mismatch",
        "claimSignature.mismatch",
    }
)
_BOUND = frozenset(code.replace(".mismatch", ".match") for code in CHANGED if code.endswith("Hash.mismatch"))
_EXACT: dict[str, Finding] = {
    "signingCredential.untrusted": "untrusted",
    "signingCredential.expired": "expired",
    "claimSignature.outsideValidity": "expired",
    "signingCredential.ocsp.revoked": "revoked",
    "signingCredential.revoked": "revoked",
}
_BEGINNINGS: tuple[tuple[str, Finding], ...] = (
    ("cawg.", "identity"),
    ("ingredient.", "ingredient"),
    ("assertion.ingredient.", "ingredient"),
    ("signingCredential.ocsp.", "status-unknown"),
    ("signingCredential.", "credential"),
    ("timeStamp.", "time-stamp"),
    ("manifest.timestamp.", "time-stamp"),
    ("assertion.timestamp.", "time-stamp"),
    ("algorithm.", "algorithm"),
)
_ENDINGS = (".missing", ".inaccessible", "Missing")
_FORM = ("assertion.", "claim.", "claimSignature.", "manifest.", "hashedURI.")


def finding(code: str) -> Finding:
    """What one code of a failure means."""
    if code in CHANGED:
        return "changed"
    if code in _EXACT:
        return _EXACT[code]
    for beginning, kind in _BEGINNINGS:
        if code.startswith(beginning):
            return kind
    if code.endswith(_ENDINGS):
        return "incomplete"
    return "malformed" if code.startswith(_FORM) else "other"


def findings(failed: Iterable[str]) -> tuple[Finding, ...]:
    """Each kind once, in a fixed order."""
    return tuple(sorted({finding(code) for code in failed}))


def state(validation: str, passed: Collection[str], failed: Collection[str], *, is_ours: bool) -> MarkState:
    """How far a manifest holds.

    Args:
        validation: The library's word: Trusted, Valid, Invalid or another one.
        passed: Codes of success.
        failed: Codes of failure.
        is_ours: Signed with a certificate of this studio.
    """
    found = findings(failed)
    if "changed" in found:
        return "changed"
    # The library calls all invalid for a form that it does not like; the bytes are another matter.
    covers_all = "claimSignature.validated" in passed and not _BOUND.isdisjoint(passed)
    if "revoked" in found or not (validation in ("Valid", "Trusted") or covers_all):
        return "unverified"
    return "intact" if is_ours else "untrusted-signer"

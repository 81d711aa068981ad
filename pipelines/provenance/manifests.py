"""C2PA manifests: written into our pictures, read from anybody's (C2PA specification 2.2).

A manifest of ours says which program made the picture, with which engine, how (IPTC's digital source type), when, and
the facts needed to make it again. It holds no thumbnail, no ingredient and nothing of the photo.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import c2pa

from languages.saying import say
from pipelines import VERSION
from pipelines.errors import CredentialsError
from pipelines.provenance import findings, manifest_reader
from pipelines.provenance.credentials import Credentials
from pipelines.provenance.said import plain
from pipelines.results import Finding, MarkState

SOFTWARE = "Self-Portrait Studio"
FACTS_LABEL = "selfportraitstudio.portrait"
# C2PA 2.3: an invisible watermark that is no soft binding. Ours has no number by which a manifest could be looked up.
_WATERMARKED = "c2pa.watermarked.unbound"
_TITLE = "AI self-portrait"
_TITLE_PREVIEW = "Filtered self-portrait"
_SECONDS = 20  # for a stranger's file of 40 MB


@dataclass(frozen=True)
class Manifest:
    """What the active manifest of a file says, and whether it holds."""

    state: MarkState = "unsigned"
    is_ours: bool = False
    signer: str = ""
    software: str = ""
    source_type: str = ""
    date: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    history: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_too_slow: bool = False


def sign(
    data: bytes,
    credentials: Credentials,
    *,
    source_type: str,
    facts: dict[str, str],
    is_diffusion: bool,
    when: datetime,
    is_watermarked: bool = False,
    mime: Literal["image/png", "image/jpeg"] = "image/png",
) -> bytes:
    """A file with our manifest, about 3.5 kB longer. The last thing that happens to it: any later change shows.

    Args:
        data: The finished file, its pixels watermarked before.
        source_type: IPTC's digital source type, an address.
        facts: How the picture was made.
        is_diffusion: Chooses the title.
        when: UTC.
        is_watermarked: Record the watermark as an action.
        mime: What the file is.

    Raises:
        CredentialsError: The certificate is not fit for C2PA, or the time stamp authority does not answer.
    """
    engine, model = facts.get("Engine", ""), facts.get("Model", "")
    agent = {"name": engine or SOFTWARE, **({"version": model} if model else {})}
    action = {
        "action": "c2pa.created",
        "when": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "digitalSourceType": source_type,
        "softwareAgent": agent,
    }
    actions = [action]
    if is_watermarked:
        actions.append({"action": _WATERMARKED, "softwareAgent": {"name": SOFTWARE, "version": VERSION}})
    definition = {
        "claim_generator_info": [{"name": SOFTWARE, "version": VERSION}],
        "title": _TITLE if is_diffusion else _TITLE_PREVIEW,
        "format": mime,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": FACTS_LABEL, "data": facts},
        ],
    }
    info = c2pa.C2paSignerInfo(
        credentials.algorithm.encode(), credentials.chain.encode(), credentials.key.encode(), _bytes(credentials.tsa)
    )
    signed = io.BytesIO()
    try:
        with c2pa.Builder(definition, context=_context(credentials.anchors)) as builder:
            builder.sign(c2pa.Signer.from_info(info), mime, io.BytesIO(data), signed)
    except c2pa.C2paError as error:
        if credentials.tsa and "http" in str(error):
            sentence = say("The time stamp authority of STUDIO_C2PA_TSA does not answer; portraits cannot be signed.")
        else:
            sentence = say("Portraits cannot be signed with this certificate; use one for C2PA signing.")
        raise CredentialsError(sentence, detail=type(error).__name__) from error
    return signed.getvalue()


def read(data: bytes, mime: str, credentials: Credentials) -> Manifest:
    """The manifest of a file of ours, read in this process in about 2 ms."""
    return judge(manifest_reader.read(data, mime, _context(credentials.anchors)), credentials)


def read_foreign(data: bytes, mime: str, credentials: Credentials) -> Manifest:
    """The manifest of anybody's file, read in a process of its own with bounded memory and time."""
    question = json.dumps({"mime": mime, "anchors": credentials.anchors}).encode() + b"\n"
    try:
        answer = subprocess.run(
            [sys.executable, "-P", str(Path(manifest_reader.__file__))],
            input=question + data,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
        )
        return judge(json.loads(answer.stdout), credentials)
    except subprocess.TimeoutExpired:
        return Manifest(state="unreadable", is_too_slow=True)
    except (subprocess.SubprocessError, ValueError):
        return Manifest(state="unreadable")


@lru_cache(maxsize=4)
def _context(anchors: str) -> c2pa.Context:
    return manifest_reader.context(anchors)


def _bytes(text: str | None) -> bytes | None:
    return text.encode() if text else None


def judge(answer: dict[str, Any], credentials: Credentials) -> Manifest:
    """The library's answer as ours. A stranger wrote it, so no field is taken for granted.

    Args:
        answer: From `manifest_reader.read`.
        credentials: Tell our signatures from others'.
    """
    if answer.get("problem"):
        return Manifest(state="remote" if answer["problem"] == "remote" else "unreadable")
    store = _dict(answer.get("store"))
    if not store:
        return Manifest()
    label = str(store.get("active_manifest"))
    active = _dict(_dict(store.get("manifests")).get(label))
    results = _dict(_dict(store.get("validation_results")).get("activeManifest"))
    if not active:  # a store that says nothing, which no program writes
        return Manifest(state="unreadable")
    passed, failed = (_codes(results.get(key)) for key in ("success", "failure"))
    if not results:
        failed = _codes(store.get("validation_status"))
    signature = _dict(active.get("signature_info"))
    is_ours = (
        answer.get("leaf") in credentials.leaves
        and passed.get("claimSignature.validated") == f"self#jumbf=/c2pa/{label}/c2pa.signature"  # not an earlier one
        and "assertion.hashedURI.mismatch" not in failed  # else the facts are not what was signed
    )
    found = findings.findings(failed)
    if _deltas_fail(store):
        found = tuple(sorted({*found, "ingredient"}))
    actions = list(_actions(active))
    facts = next((_dict(a.get("data")) for a in _assertions(active) if a.get("label") == FACTS_LABEL), {})
    created = next(
        (a for a in actions if a.get("action") in ("c2pa.created", "c2pa.opened")), actions[0] if actions else {}
    )
    return Manifest(
        state=findings.state(str(store.get("validation_state")), passed, failed, is_ours=is_ours),
        is_ours=is_ours,
        findings=found,
        signer=plain(signature.get("common_name")) or plain(signature.get("issuer")),
        software=_software(active),
        source_type=next((plain(a["digitalSourceType"]) for a in actions if a.get("digitalSourceType")), ""),
        date=plain(signature.get("time")) or plain(created.get("when")),
        facts=tuple((plain(key), plain(value)) for key, value in list(facts.items())[:20]),
        history=tuple(_step(action) for action in actions[:20]),
    )


def _codes(statuses: object) -> dict[str, str]:
    """Addresses of what was validated, by code."""
    return {str(_dict(one).get("code")): str(_dict(one).get("url")) for one in _list(statuses)}


def _deltas_fail(store: dict[str, Any]) -> bool:
    """Whether a picture that this one was made from does not hold any more, as its own signature has it."""
    deltas = (_dict(one) for one in _list(_dict(store.get("validation_results")).get("ingredientDeltas")))
    failed = {code for one in deltas for code in _codes(_dict(one.get("validationDeltas")).get("failure"))}
    return bool(set(findings.findings(failed)) & {"changed", "revoked", "ingredient", "incomplete", "malformed"})


def _assertions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (_dict(one) for one in _list(manifest.get("assertions")))


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for assertion in _assertions(manifest):
        if str(assertion.get("label")).startswith("c2pa.actions"):
            yield from (_dict(one) for one in _list(_dict(assertion.get("data")).get("actions")))


def _software(manifest: dict[str, Any]) -> str:
    for info in _list(manifest.get("claim_generator_info")):
        words = (plain(_dict(info).get("name")), plain(_dict(info).get("version")))
        return " ".join(word for word in words if word)
    return plain(manifest.get("claim_generator"))


def _step(action: dict[str, Any]) -> str:
    agent = action.get("softwareAgent")
    name = plain(_dict(agent).get("name")) or plain(agent if isinstance(agent, str) else "")
    what = plain(action.get("action"))
    verb = "watermarked" if what.startswith("c2pa.watermarked") else what.rpartition(".")[2].replace("_", " ")
    return f"{verb} with {name}" if name else verb


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []

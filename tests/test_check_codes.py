"""What the check of a manifest found is told as what it is: changed only where something was changed."""

from __future__ import annotations

import io
import re
import time
from datetime import timedelta
from pathlib import Path

import c2pa
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.provenance import credentials, findings, manifest_reader, manifests, marking
from pipelines.provenance import words as provenance_words
from pipelines.results import ProvenanceReport
from tests.support.operators import Operator
from tests.support.png_chunks import rebuilt
from tests.support.searches import search
from tests.support.sweeps import sweep

CREATED = {
    "action": "c2pa.created",
    "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
    "softwareAgent": {"name": "Another Program"},
}
# C2PA 2.2 section 15.2.2, CAWG identity 1.1, and what the library adds; "changed" is not among them.
CODES = [
    "signingCredential.untrusted",
    "signingCredential.invalid",
    "signingCredential.expired",
    "signingCredential.ocsp.revoked",
    "signingCredential.ocsp.unknown",
    "signingCredential.ocsp.inaccessible",
    "claim.missing",
    "claim.multiple",
    "claim.malformed",
    "claim.hardBindings.missing",
    "claim.cbor.invalid",
    "claimSignature.missing",
    "claimSignature.outsideValidity",
    "manifest.inaccessible",
    "manifest.multipleParents",
    "manifest.update.invalid",
    "manifest.timestamp.invalid",
    "ingredient.hashedURI.mismatch",
    "ingredient.manifest.mismatch",
    "ingredient.manifest.missing",
    "ingredient.claimSignature.mismatch",
    "timeStamp.mismatch",
    "timeStamp.malformed",
    "timeStamp.outsideValidity",
    "timeStamp.untrusted",
    "assertion.missing",
    "assertion.undeclared",
    "assertion.inaccessible",
    "assertion.selfRedacted",
    "assertion.action.malformed",
    "assertion.action.softBindingMissing",
    "assertion.action.ingredientMismatch",
    "assertion.action.redactionMismatch",
    "assertion.required.missing",
    "assertion.json.invalid",
    "assertion.cbor.invalid",
    "assertion.dataHash.malformed",
    "assertion.bmffHash.malformed",
    "assertion.multipleHardBindings",
    "hashedURI.missing",
    "algorithm.unsupported",
    "algorithm.deprecated",
    "general.error",
    "com.adobe.prerelease",
    "cawg.identity.sig_type.unknown",
    "cawg.identity.cbor.invalid",
    "cawg.identity.assertion.mismatch",
    "cawg.identity.pad.invalid",
    "cawg.identity.hard_binding_missing",
    "cawg.x509.credential.untrusted",
    "cawg.x509.signature.mismatch",
    "cawg.x509.signature.outside_validity",
    "cawg.ica.untrusted_issuer",
    "cawg.ica.signature_mismatch",
    "cawg.ica.did_unavailable",
    "cawg.ica.signer_payload.mismatch",
]
LABEL = "urn:c2pa:1"


def answer(validation: str, failed: list[str], passed: tuple[str, ...] = ()) -> dict:
    """As the library gives it."""

    def statuses(codes) -> list[dict]:
        return [{"code": code, "url": f"self#jumbf=/c2pa/{LABEL}/c2pa.signature"} for code in codes]

    manifest = {"claim_generator_info": [{"name": "Camera"}], "signature_info": {"common_name": "Somebody"}}
    results = {"activeManifest": {"success": statuses(passed), "failure": statuses(failed)}}
    store = {"active_manifest": LABEL, "manifests": {LABEL: manifest}, "validation_state": validation}
    return {"store": {**store, "validation_results": results, "validation_status": statuses(failed)}, "leaf": ""}


def told(found: manifests.Manifest, **more: object) -> str:
    """All that a visitor reads."""
    report = ProvenanceReport(
        digital_source_type=found.source_type,
        software=found.software,
        marks=("C2PA",),
        state=found.state,
        signer=found.signer,
        format="JPEG",
        width=9,
        height=9,
        is_ours=found.is_ours,
        findings=found.findings,
        watermark="none",
        **more,
    )
    return provenance_words.as_text(provenance_words.card(report))


@settings(deadline=None)
@given(
    st.sets(st.sampled_from(CODES) | st.from_regex(r"[a-z]{1,9}(\.[a-zA-Z]{1,9}){1,3}", fullmatch=True)),
    st.sampled_from(["Valid", "Trusted", "Invalid", ""]),
    st.sets(st.sampled_from(["claimSignature.validated", "assertion.dataHash.match"])),
)
def test_without_a_code_that_means_changed_nothing_is_called_changed(failed, validation, passed) -> None:
    failed -= findings.CHANGED
    found = manifests.judge(answer(validation, sorted(failed), tuple(passed)), credentials.load())
    words = told(found)
    assert found.state != "changed"
    assert "Changed after" not in words
    assert "was changed after" not in words
    assert "are not as they were signed" not in words
    assert "file was changed" not in words
    assert not [code for code in failed if code in words], "no raw codes"


@settings(deadline=None)
@given(
    st.sets(st.sampled_from(CODES)), st.sampled_from(sorted(findings.CHANGED)), st.sampled_from(["Valid", "Invalid"])
)
def test_with_one_it_always_is(failed, code, validation) -> None:
    codes = [*sorted(failed), code]
    found = manifests.judge(answer(validation, codes, ("claimSignature.validated",)), credentials.load())
    assert found.state == "changed"
    assert "Changed after it was signed" in told(found)


def test_an_identity_that_was_not_verified_is_no_change() -> None:
    failed = ["signingCredential.untrusted", "cawg.x509.credential.untrusted"]
    found = manifests.judge(answer("Valid", failed), credentials.load())
    assert found.state == "untrusted-signer"
    words = told(found)
    assert "Unchanged since it was signed" in words
    assert "statement of identity" in words


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("signingCredential.expired", "has expired"),
        ("signingCredential.ocsp.revoked", "revoked"),
        ("signingCredential.invalid", "not of a kind"),
        ("timeStamp.mismatch", "time stamp"),
        ("assertion.action.malformed", "badly formed"),
        ("assertion.missing", "incomplete"),
        ("algorithm.unsupported", "method of signing"),
        ("ingredient.manifest.mismatch", "made from"),
        ("cawg.ica.did_unavailable", "identity"),
    ],
)
def test_each_kind_has_words_of_its_own(code: str, word: str) -> None:
    whole = ("claimSignature.validated", "assertion.dataHash.match")
    assert word in told(manifests.judge(answer("Invalid", [code], whole), credentials.load()))


@pytest.mark.parametrize(
    "store",
    [
        {"validation_state": "Invalid", "validation_status": [{"code": "claim.missing"}]},
        {"validation_state": "Invalid", "active_manifest": "gone", "manifests": {}},
        {"manifests": {"a": {}}, "active_manifest": "a", "validation_state": "Invalid"},
    ],
)
def test_a_store_without_a_readable_manifest_is_damaged(store: dict) -> None:
    found = manifests.judge({"store": store}, credentials.load())
    assert found.state == "unreadable"
    assert "damaged credentials" in told(found)


@pytest.mark.parametrize(
    "mangle", sweep([lambda b: b"", lambda b: b[:10], lambda b: b[:-10], lambda b: bytes(len(b))], 1)
)
def test_a_broken_manifest_is_never_told_as_none(tmp_path: Path, face_photo: Image.Image, mangle) -> None:
    marking.save(face_photo.resize((64, 64)), tmp_path / "p.png", is_diffusion=True, facts={})
    whole = (tmp_path / "p.png").read_bytes()
    report = marking.check(rebuilt(whole, lambda kind, body: mangle(body) if kind == b"caBX" else body))
    assert report.state == "unreadable"
    assert provenance_words.card(report).title == "It carries damaged credentials"
    assert dict(provenance_words.card(report).rows)["Content credentials (C2PA)"] == "damaged"


# --- other programs' signatures ---


def signed(picture: Image.Image, actions: list[dict], *, name: str = "Another Program") -> bytes:
    """A JPEG as another program signs it, with a certificate that is not this studio's."""
    pem = credentials._make()
    middle = pem.index(b"-----BEGIN CERTIFICATE")
    plain, out = io.BytesIO(), io.BytesIO()
    picture.save(plain, "JPEG")
    definition = {
        "claim_generator_info": [{"name": name, "version": "1"}],
        "format": "image/jpeg",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    info = c2pa.C2paSignerInfo(b"es256", pem[middle:], pem[:middle], None)
    with c2pa.Builder(definition, context=manifest_reader.context(credentials.load().anchors)) as builder:
        builder.sign(c2pa.Signer.from_info(info), "image/jpeg", io.BytesIO(plain.getvalue()), out)
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("action", sweep(["c2pa.watermarked.unbound", "c2pa.watermarked.bound", "c2pa.watermarked"], 1))
def test_another_programs_watermark_proves_nothing_against_its_signature(face_photo: Image.Image, action: str) -> None:
    mark = {"action": action, "softwareAgent": {"name": "Another Program"}}
    report = marking.check(signed(face_photo, [CREATED, mark]))
    assert (report.state, report.watermark, report.is_ours) == ("untrusted-signer", "none", False)
    shown = provenance_words.card(report)
    assert not any("watermark" in note for note in shown.notes)
    assert "another program's" in dict(shown.rows)["Watermark in the pixels"]
    assert ("badly formed" in " ".join(shown.notes) or "incomplete" in " ".join(shown.notes)) == (
        action != "c2pa.watermarked.unbound"
    )


# --- after a certificate's end ---


@pytest.mark.slow  # until a certificate has ended
@pytest.mark.parametrize("is_earlier", [True, False])
def test_portraits_stay_the_studios_after_their_certificates_end(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch, is_earlier: bool
) -> None:
    old = Operator(tmp_path, ec.generate_private_key(ec.SECP256R1()), days=timedelta(seconds=6) / timedelta(days=1))
    old.use(monkeypatch)
    marking.save(face_photo, tmp_path / "p.png", is_diffusion=True, facts={"Seed": "7"})
    end = credentials.load().not_after.timestamp()
    if is_earlier:
        (tmp_path / "earlier.pem").write_bytes(old.certificate_file.read_bytes())
        monkeypatch.setenv("STUDIO_C2PA_EARLIER", str(tmp_path / "earlier.pem"))
        (tmp_path / "new").mkdir()
        Operator(tmp_path / "new", ec.generate_private_key(ec.SECP256R1())).use(monkeypatch)
    time.sleep(max(0.0, end + 2 - time.time()))
    report = marking.check(tmp_path / "p.png")
    assert (report.state, report.is_ours, report.facts["Seed"]) == ("intact", True, "7")
    shown = provenance_words.card(report)
    assert shown.title == "Made by this studio, unchanged"
    assert shown.notes == ("The certificate that signed it has expired since.",)
    if is_earlier:
        monkeypatch.delenv("STUDIO_C2PA_EARLIER")
        strange = marking.check(tmp_path / "p.png")
        assert (strange.state, strange.is_ours) == ("untrusted-signer", False)
        assert any("expired" in note for note in provenance_words.card(strange).notes)


@pytest.mark.slow
def test_a_strangers_certificate_with_our_number_is_not_ours(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = Operator(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    operator.use(monkeypatch)
    held = credentials.load()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("cryptography.x509.random_serial_number", lambda: held.serial)
        (tmp_path / "other").mkdir()
        Operator(tmp_path / "other", ec.generate_private_key(ec.SECP256R1())).use(elsewhere)
        marking.save(face_photo.resize((64, 64)), tmp_path / "p.png", is_diffusion=True, facts={})
        assert credentials.load().serial == held.serial
    operator.use(monkeypatch)
    assert marking.check(tmp_path / "p.png").state == "untrusted-signer"


@search(300, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_bent_signature_names_no_certificate_or_the_same_one(portrait: bytes, data: st.DataObject) -> None:
    """The reader of the certificate takes anything."""
    bent = bytearray(portrait)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(bent) - 1))
        bent[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    assert len(manifest_reader.leaf(bytes(bent), "urn:c2pa:x")) in (0, 64)


@search(300, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_bent_jpeg_names_no_certificate_or_the_same_one(jpeg: bytes, data: st.DataObject) -> None:
    label = re.search(rb"urn:c2pa:[0-9a-f-]{36}", jpeg)
    assert label is not None
    own = manifest_reader.leaf(jpeg, label.group().decode())
    assert own == credentials.load().leaf
    bent = bytearray(jpeg)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(bent) - 1))
        bent[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    assert len(manifest_reader.leaf(bytes(bent), label.group().decode())) in (0, 64)


def test_a_manifest_in_several_segments_of_a_jpeg_is_one(jpeg: bytes) -> None:
    start = jpeg.index(b"\xff\xeb")
    length = int.from_bytes(jpeg[start + 2 : start + 4], "big")
    body = jpeg[start + 4 : start + 2 + length]
    head, store = body[:4], body[8:]
    pieces = [store[:1000], store[:8] + store[1000:2000], store[:8] + store[2000:]]

    def segment(number: int, piece: bytes) -> bytes:
        inner = head + number.to_bytes(4, "big") + piece
        return b"\xff\xeb" + (len(inner) + 2).to_bytes(2, "big") + inner

    split = b"".join(segment(number, piece) for number, piece in enumerate(pieces, 1))
    whole = jpeg[:start] + split + jpeg[start + 2 + length :]
    label = re.search(rb"urn:c2pa:[0-9a-f-]{36}", jpeg)
    assert label is not None
    assert manifest_reader.leaf(whole, label.group().decode()) == credentials.load().leaf


@pytest.fixture(scope="module")
def jpeg(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("codes") / "p.png"
    marking.save(Image.new("RGB", (64, 64)), path, is_diffusion=True, facts={})
    return marking.signed_jpeg(path)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("codes") / "p.png"
    marking.save(Image.new("RGB", (64, 64)), path, is_diffusion=True, facts={})
    return path.read_bytes()

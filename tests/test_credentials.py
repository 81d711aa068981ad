"""The certificate: made once, private, the operator's where one is set, and never another one silently."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from PIL import Image

from pipelines import VERSION
from pipelines.errors import CredentialsError
from pipelines.provenance import credentials, marking
from pipelines.self_portrait import SelfPortraitPipeline
from tests.conftest import ROOT
from tests.support.operators import Operator, issue
from tests.support.sweeps import sweep


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STUDIO_CREDENTIALS_DIR", str(tmp_path / "data" / "studio"))
    return tmp_path / "data" / "studio"


def certificates(pem: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(pem.encode())


def test_own_credentials_are_made_once_and_for_the_owner_alone(folder: Path) -> None:
    first = credentials.load()
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    credentials._load.cache_clear()
    assert credentials.load() == first
    assert first.key not in repr(first)
    file.chmod(0o644)
    credentials._load.cache_clear()
    credentials.load()
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_leaf_follows_the_c2pa_profile_and_lives_long(folder: Path) -> None:
    leaf, authority = certificates(credentials.load().chain)
    constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    assert (usage.critical, usage.value.digital_signature, usage.value.key_cert_sign) == (True, True, False)
    extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(extended) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    issuer = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert issuer == authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    leaf.verify_directly_issued_by(authority)
    assert leaf.not_valid_after_utc - datetime.now(UTC) > timedelta(days=19 * 365)
    key = serialization.load_pem_private_key(credentials.load().key.encode(), None)
    assert key.public_key() == leaf.public_key() != authority.public_key()


def test_nothing_in_it_names_the_machine_or_its_user(folder: Path) -> None:
    names = {attribute.value for one in certificates(credentials.load().chain) for attribute in one.subject}
    assert names == {"Self-Portrait Studio", "Self-Portrait Studio, own authority"}


@pytest.mark.slow
def test_processes_that_start_together_get_the_same_certificate(folder: Path) -> None:
    code = (
        "import sys; from pipelines.provenance import credentials;"
        "print('ready', flush=True); sys.stdin.readline(); print(credentials.load().serial)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    serials = {process.communicate(timeout=60)[0] for process in started}
    assert len(serials) == 1
    assert serials == {f"{credentials.load().serial}\n"}
    assert [file.name for file in folder.iterdir()] == ["signing.pem"]


def test_the_default_place_follows_the_xdg_directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_CREDENTIALS_DIR", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for data_home, place in (
        (str(tmp_path / "xdg"), "xdg"),
        ("relative", "home/.local/share"),
        ("", "home/.local/share"),
    ):
        monkeypatch.setenv("XDG_DATA_HOME", data_home)
        credentials._load.cache_clear()
        credentials.load()
        assert (tmp_path / place / "self-portrait-studio" / "signing.pem").exists()


def test_an_unwritable_folder_means_a_certificate_in_memory_and_the_log_says_so(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STUDIO_CREDENTIALS_DIR", str(tmp_path / "file" / "below"))
    with caplog.at_level(logging.WARNING):
        marking.prepare()
    assert "STUDIO_CREDENTIALS_DIR" in caplog.text
    assert "in memory" in caplog.text
    assert str(tmp_path) not in caplog.text
    summary = marking.save(face_photo, tmp_path / "p.png", is_diffusion=True, facts={}).summary
    assert summary.state == "intact"
    assert marking.check(tmp_path / "p.png").is_ours


def test_a_damaged_own_certificate_is_told_and_kept(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "signing.pem").write_text("damaged")
    with pytest.raises(CredentialsError, match="STUDIO_CREDENTIALS_DIR") as refused:
        marking.prepare()
    assert (folder / "signing.pem").read_text() == "damaged"
    assert str(folder) not in refused.value.hint


# --- the operator's own ---


@pytest.mark.parametrize(
    "make_key",
    sweep(
        [
            lambda: ec.generate_private_key(ec.SECP256R1()),
            lambda: ec.generate_private_key(ec.SECP384R1()),
            ed25519.Ed25519PrivateKey.generate,
            lambda: rsa.generate_private_key(65537, 2048),
        ],
        1,
    ),
    ids=["P-256", "P-384", "Ed25519", "RSA"],
)
def test_the_operators_certificate_signs(
    tmp_path: Path, folder: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch, make_key
) -> None:
    Operator(tmp_path, make_key()).use(monkeypatch)
    marking.prepare()
    summary = marking.save(face_photo.resize((64, 64)), tmp_path / "p.png", is_diffusion=True, facts={}).summary
    assert (summary.state, summary.signer) == ("intact", "Museum of Portraits")
    assert marking.check(tmp_path / "p.png").is_ours
    assert not folder.exists(), "no certificate of our own beside the operator's"


@pytest.mark.slow
def test_another_leaf_of_the_same_authority_is_not_this_studio(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = Operator(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    operator.use(monkeypatch)
    marking.save(face_photo.resize((64, 64)), tmp_path / "p.png", is_diffusion=True, facts={})
    root_key, neighbour_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = issue("Root", root_key, None, root_key, authority=True)
    for key in (operator.key, neighbour_key):
        operator.key = key
        operator.write([issue("Museum of Portraits", key, root, root_key), root])
        credentials._load.cache_clear()
        marking.save(face_photo.resize((64, 64)), tmp_path / f"{key is neighbour_key}.png", is_diffusion=True, facts={})
    assert marking.check(tmp_path / "True.png").state == "intact"
    assert marking.check(tmp_path / "False.png").state == "untrusted-signer"


@pytest.mark.slow
def test_after_a_renewal_earlier_portraits_are_still_this_studios(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = face_photo.resize((64, 64))
    operator = Operator(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    operator.use(monkeypatch)
    marking.save(small, tmp_path / "before.png", is_diffusion=True, facts={})
    (tmp_path / "earlier.pem").write_bytes(operator.certificate_file.read_bytes())
    (tmp_path / "new").mkdir()
    Operator(tmp_path / "new", ec.generate_private_key(ec.SECP256R1())).use(monkeypatch)
    assert marking.check(tmp_path / "before.png").state == "untrusted-signer"
    monkeypatch.setenv("STUDIO_C2PA_EARLIER", str(tmp_path / "earlier.pem"))
    marking.save(small, tmp_path / "after.png", is_diffusion=True, facts={})
    for name in ("before.png", "after.png"):
        report = marking.check(tmp_path / name)
        assert (report.state, report.is_ours) == ("intact", True)
    for content in ("no certificate", operator.certificate_file.read_text().split("-----END")[0]):
        (tmp_path / "broken.pem").write_text(content)
        monkeypatch.setenv("STUDIO_C2PA_EARLIER", str(tmp_path / "broken.pem"))
        with pytest.raises(CredentialsError, match="STUDIO_C2PA_EARLIER"):
            marking.prepare()


def test_a_certificate_that_runs_out_while_the_studio_runs_is_told(
    tmp_path: Path, face_photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    Operator(tmp_path, ec.generate_private_key(ec.SECP256R1())).use(monkeypatch)
    held = credentials.load()
    credentials.require_in_time(held, held.not_after)
    with pytest.raises(CredentialsError, match="expired"):
        credentials.require_in_time(held, held.not_after + timedelta(seconds=1))


def test_a_key_that_others_can_read_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    operator = Operator(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    for mode, warned in ((0o600, False), (0o644, True)):
        operator.key_file.chmod(mode)
        caplog.clear()
        operator.use(monkeypatch)
        credentials.load()
        assert ("STUDIO_C2PA_KEY can be read by others" in caplog.text) is warned


def test_a_folder_without_hard_links_keeps_the_certificate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    first = credentials.load()
    assert [path.name for path in folder.iterdir()] == ["signing.pem"]
    credentials._load.cache_clear()
    assert credentials.load() == first


def broken(operator: Operator, how: str) -> None:
    if how == "text":
        operator.certificate_file.write_text("no certificate")
    elif how == "absent":
        operator.key_file.unlink()
    elif how == "other-key":
        operator.key = ec.generate_private_key(ec.SECP256R1())
        operator.write(operator.chain)
    elif how == "locked":
        operator.write(operator.chain, b"secret")
    elif how == "no-issuers":
        operator.write(operator.chain[:1])
    elif how == "wrong-order":
        operator.write(operator.chain[::-1])


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ("text", "damaged"),
        ("absent", "cannot be read"),
        ("other-key", "belong together"),
        ("locked", "password"),
        ("no-issuers", "issuers"),
        ("wrong-order", "belong together"),
    ],
)
def test_a_broken_operator_certificate_is_one_sentence_at_the_start(
    tmp_path: Path, folder: Path, presets, monkeypatch: pytest.MonkeyPatch, how: str, word: str
) -> None:
    operator = Operator(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    broken(operator, how)
    operator.use(monkeypatch)
    with pytest.raises(CredentialsError, match=word) as refused:
        SelfPortraitPipeline(presets, tmp_path / "out")
    assert "STUDIO_C2PA_" in refused.value.hint
    assert str(tmp_path) not in refused.value.hint
    assert not folder.exists(), "never silently another one"


def test_an_expired_certificate_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Operator(tmp_path, ec.generate_private_key(ec.SECP256R1()), days=-5).use(monkeypatch)
    with pytest.raises(CredentialsError, match="expired"):
        marking.prepare()


def test_a_certificate_for_something_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = issue("Root", root_key, None, root_key, authority=True)
    operator.write([issue("A website", operator.key, root, root_key, authority=True), root])
    operator.use(monkeypatch)
    with pytest.raises(CredentialsError, match="C2PA"):
        marking.prepare()


def test_half_of_the_setting_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_C2PA_CERTIFICATE", str(tmp_path / "chain.pem"))
    with pytest.raises(CredentialsError, match="STUDIO_C2PA_KEY is missing"):
        credentials.load()


@pytest.mark.slow
def test_the_app_does_not_start_with_a_broken_certificate(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("no certificate")
    env = {**os.environ, "STUDIO_C2PA_CERTIFICATE": str(tmp_path / "chain.pem"), "STUDIO_TEMP_DIR": str(tmp_path)}
    env["STUDIO_C2PA_KEY"] = env["STUDIO_C2PA_CERTIFICATE"]
    app = subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=90)
    assert app.returncode == 1
    assert "STUDIO_C2PA_CERTIFICATE" in app.stderr.strip().splitlines()[-1]
    assert "Traceback" not in app.stderr


def test_a_time_stamp_authority_that_does_not_answer_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setenv("STUDIO_C2PA_TSA", f"http://127.0.0.1:{closed.getsockname()[1]}/tsa")
        with pytest.raises(CredentialsError, match="time stamp authority"):
            marking.prepare()


def test_a_time_stamp_authority_must_be_a_web_address(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_C2PA_TSA", "ftp://example.org")
    with pytest.raises(CredentialsError, match="STUDIO_C2PA_TSA"):
        marking.prepare()


def test_the_version_in_portraits_is_the_projects() -> None:
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text("utf-8")

"""The certificate that signs portraits: the studio's own, made at first use, or the operator's.

Own: a certificate authority that signs one leaf and whose key is then thrown away, so that nothing else can ever be
issued in its name. Both are valid for 20 years: without a time stamp authority a signature counts no longer than its
certificate. The leaf follows the C2PA certificate profile (C2PA specification 2.2, section 14.5). Key, leaf and
authority lie in one file, mode 0600, so that there is never half of it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipelines.errors import CredentialsError
from pipelines.settings import Settings

log = logging.getLogger(__name__)

_OWNER = "Self-Portrait Studio"
_DAYS = 20 * 365
_FILE = "signing.pem"
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@dataclass(frozen=True)
class Credentials:
    """What signs, and what tells our signatures from others'."""

    chain: str  # PEM, leaf first
    key: str  # PEM, PKCS 8
    algorithm: str  # as C2PA names it
    serial: int  # of the leaf
    leaf: str  # SHA-256 of its DER bytes, hexadecimal
    earlier: frozenset[str]  # the same of leaves that signed before
    anchors: str  # PEM of the last issuer, and of those of earlier leaves
    not_after: datetime  # UTC, of the leaf
    tsa: str | None

    @property
    def leaves(self) -> frozenset[str]:
        """Of all certificates whose signatures are this studio's own, also after their time is over."""
        return self.earlier | {self.leaf}

    def __repr__(self) -> str:  # the key must not end up in a log
        return f"Credentials(serial={self.serial}, algorithm={self.algorithm!r})"


def load() -> Credentials:
    """The credentials that the settings ask for, made if need be. The same object until a setting changes.

    Raises:
        CredentialsError: The operator's certificate, or the stored one, cannot be used. It is never replaced silently.
    """
    said = Settings.read()
    held = _load(said.c2pa_certificate, said.c2pa_key, said.c2pa_tsa, said.credentials_dir, said.xdg_data_home)
    return _with_earlier(held, said.c2pa_earlier)


def require_in_time(held: Credentials, now: datetime) -> None:
    """That a certificate still counts: a process may outlive it.

    Raises:
        CredentialsError: It has expired.
    """
    if now > held.not_after:
        raise CredentialsError("The certificate that signs portraits has expired; replace it and start again.")


@lru_cache(maxsize=4)
def _with_earlier(held: Credentials, file: str) -> Credentials:
    if not file:
        return held
    try:
        certificates = x509.load_pem_x509_certificates(_read(file, "STUDIO_C2PA_EARLIER"))
    except ValueError as error:
        raise CredentialsError("The file of STUDIO_C2PA_EARLIER is damaged or not PEM.") from error
    leaves = [one for one in certificates if not _is_authority(one)]
    anchors = "".join(_pem(one) for one in certificates if _is_authority(one))
    if not leaves or not anchors:
        raise CredentialsError("The file of STUDIO_C2PA_EARLIER must hold each leaf and all its issuers.")
    return replace(held, earlier=frozenset(map(_fingerprint, leaves)), anchors=held.anchors + anchors)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


@lru_cache(maxsize=4)
def _load(certificate: str, key: str, tsa: str, folder: str, data_home: str) -> Credentials:
    if tsa and not tsa.startswith(("http://", "https://")):
        raise CredentialsError("STUDIO_C2PA_TSA must be an address that begins with http:// or https://.")
    if bool(certificate) != bool(key):
        missing = "STUDIO_C2PA_KEY" if certificate else "STUDIO_C2PA_CERTIFICATE"
        raise CredentialsError(f"{missing} is missing: set both the certificate and its key, or neither.")
    if certificate:
        chain = _read(certificate, "STUDIO_C2PA_CERTIFICATE")
        if os.name == "posix" and Path(key).exists() and Path(key).stat().st_mode & 0o077:
            log.warning("The file of STUDIO_C2PA_KEY can be read by others on this machine; make it mode 0600.")
        return _checked(chain, _read(key, "STUDIO_C2PA_KEY"), tsa, "of STUDIO_C2PA_CERTIFICATE and STUDIO_C2PA_KEY")
    try:
        pem = _own(Path(folder) if folder else _data_folder(data_home))
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder
        log.warning(
            "The folder for the signing certificate cannot be written to (%s); the certificate lives in memory, so "
            "after a restart this studio will not know its earlier portraits. Set STUDIO_CREDENTIALS_DIR.",
            type(error).__name__,
        )
        pem = _make()
    return _checked(pem, pem, tsa, "in the folder of STUDIO_CREDENTIALS_DIR")


def _data_folder(data_home: str) -> Path:
    """By the XDG base directory specification 0.8: a relative path counts as unset."""
    base = Path(data_home) if data_home and Path(data_home).is_absolute() else Path.home() / ".local" / "share"
    return base / "self-portrait-studio"


def _read(path: str, setting: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CredentialsError(f"The file of {setting} cannot be read.", detail=type(error).__name__) from error


def _own(folder: Path) -> bytes:
    """Key, leaf and authority. Whoever comes first writes them; linking a finished file lets nobody see half of it."""
    file = folder / _FILE
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = folder / f".{_FILE}.{secrets.token_hex(6)}"
        try:
            with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
                stream.write(_make())
                stream.flush()
                os.fsync(stream.fileno())
            with contextlib.suppress(FileExistsError):
                _put(unfinished, file)
                log.info("a signing certificate for this studio was made; it is valid for 20 years")
        finally:
            unfinished.unlink(missing_ok=True)
    with file.open("rb") as stream:
        if os.fstat(stream.fileno()).st_mode & 0o077:
            os.fchmod(stream.fileno(), 0o600)
        return stream.read()


def _put(unfinished: Path, file: Path) -> None:
    """Give a finished file its name, unless another process was first (FileExistsError)."""
    try:
        os.link(unfinished, file)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if file.exists():
            raise FileExistsError from None
        unfinished.rename(file)


def _checked(chain: bytes, key: bytes, tsa: str, whose: str) -> Credentials:
    """Parsed, matching, in time. What only a signature can show is left to the trial in `provenance.prepare`."""
    try:
        certificates = x509.load_pem_x509_certificates(chain)
        private = serialization.load_pem_private_key(key, password=None)
    except TypeError as error:
        raise CredentialsError(f"The key {whose} is locked with a password; store it without one.") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CredentialsError(
            f"The certificate {whose} is damaged or not PEM.", detail=type(error).__name__
        ) from error
    leaf = certificates[0]
    if leaf.public_key() != private.public_key():
        raise CredentialsError(f"Certificate and key {whose} do not belong together.")
    if not leaf.not_valid_before_utc <= datetime.now(UTC) <= leaf.not_valid_after_utc:
        raise CredentialsError(f"The certificate {whose} has expired or is not valid yet; replace it.")
    if isinstance(private, ec.EllipticCurvePrivateKey):
        algorithm = _CURVES.get(private.curve.name, "")
    elif isinstance(private, rsa.RSAPrivateKey):
        algorithm = "ps256"
    else:
        algorithm = "ed25519" if isinstance(private, ed25519.Ed25519PrivateKey) else ""
    if not algorithm:
        raise CredentialsError(f"The key {whose} is of a kind that C2PA does not know; use P-256, Ed25519 or RSA.")
    return Credentials(
        chain="".join(map(_pem, certificates)),
        key=private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        algorithm=algorithm,
        serial=leaf.serial_number,
        leaf=_fingerprint(leaf),
        earlier=frozenset(),
        anchors=_pem(certificates[-1]),
        not_after=leaf.not_valid_after_utc,
        tsa=tsa or None,
    )


def _make() -> bytes:
    """A new leaf of a new authority: key, leaf, authority as PEM. Nothing in it names the machine or its user."""
    authority_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name, leaf_name = _name(f"{_OWNER}, own authority"), _name(_OWNER)
    begin = datetime.now(UTC) - timedelta(days=1)  # clocks differ

    def draft(subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(subject_name=subject, issuer_name=authority_name, public_key=key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + timedelta(days=_DAYS))
            .add_extension(x509.BasicConstraints(is_authority, 0 if is_authority else None), critical=True)
            .add_extension(_usage(is_authority), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    authority = draft(authority_name, authority_key, is_authority=True).sign(authority_key, hashes.SHA256())
    leaf = (
        draft(leaf_name, leaf_key, is_authority=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    key = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key + (_pem(leaf) + _pem(authority)).encode()


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, _OWNER), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _usage(is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()

"""Certificates as an operator could have bought them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from pipelines.provenance import credentials

PEM = serialization.Encoding.PEM
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def issue(
    name: str, key: Key, issuer: x509.Certificate | None, issuer_key: Key, *, days: float = 30, authority: bool = False
) -> x509.Certificate:
    """A certificate as an authority would sell it for C2PA signing."""
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    begin = datetime.now(UTC) - timedelta(days=60)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=60 + days))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **usage),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer_key, None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


class Operator:
    """A root, an intermediate and a leaf, and files for the settings."""

    def __init__(self, folder: Path, leaf_key: Key, days: float = 30) -> None:
        root_key, middle_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
        root = issue("Root", root_key, None, root_key, authority=True)
        middle = issue("Middle", middle_key, root, root_key, authority=True)
        self.key = leaf_key
        self.chain = [issue("Museum of Portraits", leaf_key, middle, middle_key, days=days), middle, root]
        self.certificate_file, self.key_file = folder / "chain.pem", folder / "key.pem"
        self.write(self.chain)

    def write(self, chain: list[x509.Certificate], password: bytes | None = None) -> None:
        self.certificate_file.write_bytes(b"".join(one.public_bytes(PEM) for one in chain))
        locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        self.key_file.write_bytes(self.key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, locked))

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STUDIO_C2PA_CERTIFICATE", str(self.certificate_file))
        monkeypatch.setenv("STUDIO_C2PA_KEY", str(self.key_file))
        credentials._load.cache_clear()

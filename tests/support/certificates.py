"""Certificates for tests: an authority, and what it signs.

authority = Authority()
authority.pem                                     # for `ca_bundle`
server = authority.issue("localhost", "127.0.0.1")
server.certificate, server.key                    # PEM texts
server.files(tmp_path)                            # for a server that wants files
"""

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, PEM."""

    certificate: str
    key: str

    def files(self, folder: Path) -> tuple[Path, Path]:
        """Write both; answers their paths."""
        paths = folder / "certificate.pem", folder / "key.pem"
        for path, text in zip(paths, (self.certificate, self.key), strict=True):
            path.write_text(text)
        return paths


@dataclass
class Authority:
    """Signs certificates; nobody trusts it but who is told to."""

    name: str = "Authority of the tests"
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        basic = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = self._builder(self.name, self._key).add_extension(basic, critical=True).sign(
            self._key, hashes.SHA256()
        )  # fmt: skip
        self.pem = _pem(self._certificate)

    def issue(self, *names: str) -> Issued:
        """A certificate for these host names and addresses, the first of which is its subject."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_alternative(name) for name in names])
        signed = self._builder(names[0], key).add_extension(alternatives, critical=False).sign(
            self._key, hashes.SHA256()
        )  # fmt: skip
        plain = serialization.NoEncryption()
        text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
        return Issued(_pem(signed), text)

    def _builder(self, subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()

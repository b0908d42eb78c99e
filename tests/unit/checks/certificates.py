"""Authorities and certificates for servers of the tests, made anew each time."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from inferencehealth.api.server import CaSource, ConfigMapKey, Tls

NAME = "triton.ml.svc"
"""Name that the servers' certificates are made out to."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes

    @property
    def text(self) -> str:
        return self.certificate.decode()

    def written(self, folder: Path) -> tuple[Path, Path]:
        paths = folder / "tls.crt", folder / "tls.key"
        for path, content in zip(paths, (self.certificate, self.key), strict=True):
            path.write_bytes(content)
        return paths


def authority() -> Pair:
    """An authority that signs itself."""
    return _made("an authority", None, ca=True, ends=timedelta(days=1))


def signed_by(issuer: Pair | None, name: str = NAME, *, ends: timedelta | None = None) -> Pair:
    """A server's certificate; without an issuer it signs itself."""
    return _made(name, issuer, ca=False, ends=ends or timedelta(days=1))


def server_context(pair: Pair, folder: Path, clients: Pair | None = None) -> ssl.SSLContext:
    """A server's side of TLS; with `clients` it demands certificates that they signed."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pair.written(folder))
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.text)
    return context


def verifying(name: str = NAME) -> Tls:
    """A policy's word for a verified server."""
    source = CaSource(config_map=ConfigMapKey(name="server-ca"))
    return Tls(ca_from=source, server_name=name)


def _made(name: str, issuer: Pair | None, *, ca: bool, ends: timedelta) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    if issuer is None:
        issuer_name, signer = subject, key
    else:
        issuer_name = x509.load_pem_x509_certificate(issuer.certificate).subject
        loaded = serialization.load_pem_private_key(issuer.key, None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signer = loaded
    until = datetime.now(UTC) + ends
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=30))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )

"""The webhook's certificates: what there is, and what has to be there by now. No I/O, no clock.

An authority of our own signs a short-lived serving certificate. Before the authority ends a second
one stands beside it in the bundle, and signs only once everybody trusts both: the API server always
finds a certificate that the bundle in its configuration vouches for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVING: Final = timedelta(days=90)
"""Life of a serving certificate."""
AUTHORITY: Final = timedelta(days=730)
"""Life of an authority: several times that of what it signs."""
RENEW: Final = 1 / 3
"""What is left of a life when its successor is made: a month for a serving certificate, so that
weeks of an API server that takes no writes do no harm."""
SETTLE: Final = timedelta(hours=1)
"""Time in which everybody has read a new bundle: replicas look every minute."""
SKEW: Final = timedelta(minutes=10)
"""Certificates begin that much in the past: clocks differ."""

BUNDLE, AUTHORITY_KEYS, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
"""Keys of the Secret, the last two as kubernetes.io/tls wants them."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, PEM."""

    certificate: bytes
    key: bytes

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate."""
        return x509.load_pem_x509_certificate(self.certificate)


@dataclass(frozen=True, slots=True)
class Material:
    """All that the webhook's Secret holds: the authorities, oldest first, and what is served."""

    authorities: tuple[Pair, ...]
    serving: Pair

    @property
    def bundle(self) -> bytes:
        """What the API server has to trust."""
        return b"".join(each.certificate for each in self.authorities)


def renewed(material: Material | None, names: Sequence[str], now: datetime) -> Material:
    """What has to be there now; the same value where nothing is due.

    `names` are the host names and addresses by which the API server calls the webhook.
    """
    kept = tuple(a for a in material.authorities if _ends(a) > now) if material else ()
    if not kept or _due(kept[-1], now):
        kept = (*kept, _authority(now))
    signer = _signer(kept, now)
    serving = material.serving if material else None
    if serving is None or not _serves(serving, signer, names, now):
        serving = _signed(signer, names, now)
    fresh = Material(kept, serving)
    return material if material == fresh else fresh


def next_look(material: Material, now: datetime) -> timedelta:
    """How long nothing is due."""
    dates = [_begins(a) + SKEW + SETTLE for a in material.authorities]
    dates += [_renewal(each) for each in (*material.authorities, material.serving)]
    return min((date - now for date in dates if date > now), default=timedelta(0))


def to_secret(material: Material) -> dict[str, bytes]:
    """The Secret's data."""
    return {
        BUNDLE: material.bundle,
        AUTHORITY_KEYS: b"".join(each.key for each in material.authorities),
        CERTIFICATE: material.serving.certificate,
        KEY: material.serving.key,
    }


def from_secret(data: Mapping[str, bytes]) -> Material | None:
    """The material in a Secret's data; None where it is not whole or not ours: made anew then."""
    try:
        certificates = _split(data[BUNDLE])
        keys = _split(data[AUTHORITY_KEYS])
        serving = Pair(data[CERTIFICATE], data[KEY])
        pairs = tuple(Pair(*both) for both in zip(certificates, keys, strict=True))
        if not all(map(_matches, (*pairs, serving))):
            return None
    except (KeyError, ValueError, TypeError):
        return None
    return Material(pairs, serving)


def _signer(authorities: tuple[Pair, ...], now: datetime) -> Pair:
    """The newest that everybody trusts by now; the only one where there is no other."""
    settled = [a for a in authorities if _begins(a) + SKEW + SETTLE <= now]
    return settled[-1] if settled else authorities[0]


def _serves(serving: Pair, signer: Pair, names: Sequence[str], now: datetime) -> bool:
    certificate = serving.parsed
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        not _due(serving, now)
        and certificate.issuer == signer.parsed.subject
        and list(found) == _names(names)
    )


def _due(pair: Pair, now: datetime) -> bool:
    return now >= _renewal(pair)


def _renewal(pair: Pair) -> datetime:
    begins, ends = _begins(pair), _ends(pair)
    return ends - (ends - begins) * RENEW


def _begins(pair: Pair) -> datetime:
    return pair.parsed.not_valid_before_utc


def _ends(pair: Pair) -> datetime:
    return pair.parsed.not_valid_after_utc


def _authority(now: datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial in the name tells two authorities apart that stand in one bundle; a common name
    # has 64 characters at most (RFC 5280).
    serial = x509.random_serial_number()
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"inferencehealth webhook {serial:x}"[:64])]
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    built = (
        _builder(now, AUTHORITY, serial)
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _pair(built.sign(key, hashes.SHA256()), key)


def _signed(authority: Pair, names: Sequence[str], now: datetime) -> Pair:
    signing = serialization.load_pem_private_key(authority.key, password=None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)  # noqa: S101 - we made it
    issuer = authority.parsed
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "inferencehealth webhook")])
    built = (
        _builder(now, SERVING, x509.random_serial_number())
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName(_names(names)), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
            critical=False,
        )
    )
    return _pair(built.sign(signing, hashes.SHA256()), key)


def _builder(now: datetime, life: timedelta, serial: int) -> x509.CertificateBuilder:
    begins = (now - SKEW).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .serial_number(serial)
        .not_valid_before(begins)
        .not_valid_after(begins + life)
    )


def _names(names: Sequence[str]) -> list[x509.GeneralName]:
    return [_name(each) for each in names]


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    pem = serialization.Encoding.PEM
    return Pair(
        certificate.public_bytes(pem),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


def _matches(pair: Pair) -> bool:
    """Whether the key is the certificate's."""
    key = serialization.load_pem_private_key(pair.key, password=None)
    return key.public_key() == pair.parsed.public_key()


def _split(pem: bytes) -> list[bytes]:
    """The single blocks of a PEM text."""
    marker = b"-----BEGIN "
    return [marker + block for block in pem.split(marker)[1:]]

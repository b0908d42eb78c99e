"""The keys, certificates and kubeconfigs of a cluster, written to its state folder before start.

One authority signs everything: the cluster lives for an hour on one machine.
"""

import base64
import datetime as dt
import ipaddress
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# A demo may stay up for a while; a leaked state folder should not be of use for ever.
LIFETIME = dt.timedelta(days=30)
# A clock that is set back a little between two starts must not make a certificate invalid.
BACKDATING = dt.timedelta(hours=1)

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority: what signs, and what everyone trusts."""

    key: Key
    certificate: x509.Certificate


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a certificate speaks for: a user and its groups, a server's names and addresses."""

    user: str
    groups: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signed:
    """A certificate and its private key, as PEM."""

    certificate: bytes
    key: bytes


def authority(now: dt.datetime) -> Authority:
    """Make a new certificate authority."""
    key = _new_key()
    name = _name(Identity(user="inferencehealth-e2e"))
    builder = (
        _builder(name, name, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Authority(key=key, certificate=builder.sign(key, hashes.SHA256()))


def sign(signer: Authority, identity: Identity, now: dt.datetime) -> Signed:
    """Make a key and a certificate for an identity, good for both ends of a connection."""
    key = _new_key()
    both_ends = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
    builder = (
        _builder(_name(identity), signer.certificate.subject, key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both_ends), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()),
            critical=False,
        )
    )
    if identity.hosts:
        names = [_general_name(host) for host in identity.hosts]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(signer.key, hashes.SHA256())
    return Signed(certificate=_pem(certificate), key=_key_pem(key))


def write_pki(folder: Path, identities: dict[str, Identity], now: dt.datetime) -> None:
    """Fill a folder: ca.crt, sa.key, sa.pub, and NAME.crt and NAME.key for every identity."""
    folder.mkdir(mode=0o700, exist_ok=True)
    signer = authority(now)
    accounts = _new_key()
    (folder / "ca.crt").write_bytes(_pem(signer.certificate))
    _write_private(folder / "sa.key", _key_pem(accounts))
    (folder / "sa.pub").write_bytes(
        accounts.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    for name, identity in identities.items():
        signed = sign(signer, identity, now)
        (folder / f"{name}.crt").write_bytes(signed.certificate)
        _write_private(folder / f"{name}.key", signed.key)


def write_kubeconfigs(folder: Path, server: str, users: Sequence[str]) -> None:
    """Write NAME.kubeconfig for users whose certificates are in the folder already."""
    for user in users:
        text = kubeconfig(
            server=server,
            authority=(folder / "ca.crt").read_bytes(),
            client=Signed(
                certificate=(folder / f"{user}.crt").read_bytes(),
                key=(folder / f"{user}.key").read_bytes(),
            ),
        )
        _write_private(folder / f"{user}.kubeconfig", text.encode())


def kubeconfig(*, server: str, authority: bytes, client: Signed) -> str:
    """A kubeconfig with everything in it, so that it can be copied elsewhere; JSON is YAML."""
    name = "inferencehealth-e2e"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "clusters": [
            {
                "name": name,
                "cluster": {"server": server, "certificate-authority-data": _base64(authority)},
            }
        ],
        "users": [
            {
                "name": name,
                "user": {
                    "client-certificate-data": _base64(client.certificate),
                    "client-key-data": _base64(client.key),
                },
            }
        ],
    }
    return json.dumps(document, indent=1)


def _new_key() -> Key:
    # An elliptic curve: a dozen RSA keys would cost as much time as the API server's start.
    return ec.generate_private_key(ec.SECP256R1())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, now: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATING)
        .not_valid_after(now + LIFETIME)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    # Python 3.13 and newer refuse an authority that does not say it may sign certificates.
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(identity: Identity) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, identity.user)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _write_private(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)

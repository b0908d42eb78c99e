"""What a policy says about TLS made into the trust of a peer, and failed TLS put into words.

Kept apart from the transports: the rounds make the trust once, `http` and `grpc` use it.
"""

import ssl
from collections.abc import Mapping
from typing import Final

from inferencehealth.api.server import Tls
from inferencehealth.checks.steps import Trust

MAX_CA_PEM: Final = 1024 * 1024
"""Characters of certificates that are read: as much as a ConfigMap holds (Kubernetes docs)."""

# OpenSSL's verification codes (openssl/x509_vfy.h, X509_V_ERR_*).
_UNTRUSTED: Final = frozenset({2, 7, 18, 19, 20, 21, 24, 26, 79})
_WRONG_NAME: Final = frozenset({62, 64})

_BY_CODE: Final[Mapping[int, str]] = {
    9: "the server's certificate is not valid yet",
    10: "the server's certificate has expired",
    **dict.fromkeys(_UNTRUSTED, "no authority of spec.server.tls.caFrom signed its certificate"),
    **dict.fromkeys(_WRONG_NAME, "its certificate is not made out to spec.server.tls.serverName"),
}

NO_TLS: Final = "the server does not speak TLS on this port; spec.server.scheme HTTP would ask it"
_NOT_TLS_REASONS: Final = frozenset(
    {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
)
"""How OpenSSL calls bytes that are no TLS record: the beginning of an answer in plain HTTP."""
_OWN_CERTIFICATE: Final = frozenset(
    {
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "SSLV3_ALERT_BAD_CERTIFICATE",
    }
)


def trust(tls: Tls, ca_pem: str = "") -> Trust:
    """The trust that a policy asks for; `ca_pem` are the certificates that its caFrom names.

    At least TLS 1.2. Raises ValueError, with a sentence for people, where the certificates can't
    be used. Reading them takes a millisecond: make it once for many checks.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.ca_from is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return Trust(context, tls.server_name)
    where = f'key "{tls.ca_from.config_map.key}" of ConfigMap "{tls.ca_from.config_map.name}"'
    if len(ca_pem) > MAX_CA_PEM or "-----BEGIN CERTIFICATE-----" not in ca_pem:
        raise ValueError(f"{where} has no certificates in PEM form")
    try:
        context.load_verify_locations(cadata=ca_pem)
    except ssl.SSLError as error:
        raise ValueError(f"{where} has a certificate that can't be read") from error
    return Trust(context, tls.server_name, ca_pem)


def what_failed(error: ssl.SSLError) -> str:
    """What went wrong, in our own words: neither the server's nor OpenSSL's text is repeated."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _BY_CODE.get(error.verify_code, "the server's certificate is not trusted")
    if error.reason in _NOT_TLS_REASONS:
        return NO_TLS
    if error.reason in _OWN_CERTIFICATE:
        return "the server ends the handshake; it may demand a certificate of its clients"
    return "the handshake fails; the server may not speak TLS 1.2 or newer"

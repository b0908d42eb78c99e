"""Secrets and ConfigMaps that a policy names: what is read, how often, and what is never told."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from inferencehealth.api.bodies import MAX_CANARY_FILE, BodyKeyRef
from inferencehealth.api.server import Tls
from inferencehealth.checker.peers import peer_of
from inferencehealth.checker.references import FORGET_AFTER, MAX_AGE, References, UnreadableError
from inferencehealth.checks.steps import Peer, Reading, Sign
from inferencehealth.kube.errors import Forbidden, NotFound, Unreachable
from inferencehealth.kube.requests import Resource

from .values import pod, spec

TLS = {"caFrom": {"configMap": {"name": "ca"}}, "serverName": "models.example"}


class Objects:
    """What the API server holds, and how often it was asked."""

    def __init__(self, *data: dict[str, Any] | Exception) -> None:
        self.now = 0.0
        self.answers = list(data)
        self.asked: list[tuple[str, str, str]] = []
        self.references = References(self._get, lambda: self.now)

    async def _get(
        self, resource: Resource, name: str, *, namespace: str = "", **_: Any
    ) -> dict[str, Any]:
        self.asked.append((resource.plural, namespace, name))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def secret(**data: str) -> dict[str, Any]:
    return {"data": {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}}


async def test_a_secret_is_read_by_name_from_its_own_namespace_and_seldom() -> None:
    objects = Objects(secret(Authorization="Bearer a"), secret(Authorization="Bearer b"))
    for _ in range(3):
        assert await objects.references.headers("ml", "key") == (("Authorization", "Bearer a"),)
    assert objects.asked == [("secrets", "ml", "key")]
    objects.now = MAX_AGE
    assert await objects.references.headers("ml", "key") == (("Authorization", "Bearer b"),)


async def test_a_secret_that_was_refused_is_read_anew() -> None:
    objects = Objects(secret(key="a"), secret(key="b"))
    await objects.references.headers("ml", "key")
    objects.references.forget("ml", "key")
    assert await objects.references.headers("ml", "key") == (("key", "b"),)


@pytest.mark.parametrize(
    "data",
    [
        {"data": {}},
        {"data": {"Authorization": "not base64!"}},
        secret(Authorization="two\nlines-s3cret"),
        secret(Authorization="s3crét"),
        secret(**{"Content-Length": "s3cret"}),
        secret(**{"in valid": "s3cret"}),
        secret(**{f"h{number}": "s3cret" for number in range(17)}),
    ],
)
async def test_what_is_no_header_is_refused_without_telling_its_value(data: dict[str, Any]) -> None:
    objects = Objects(data)
    with pytest.raises(UnreadableError, match="Secret key") as refused:
        await objects.references.headers("ml", "key")
    assert "s3cr" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (NotFound(404, "NotFound", "no"), "does not exist in namespace ml"),
        (Forbidden(403, "Forbidden", "no"), r"resourceNames \[key\]"),
        (Unreachable("away", sent=False), "cannot be read now"),
    ],
)
async def test_what_cannot_be_read_says_what_mends_it(error: Exception, says: str) -> None:
    with pytest.raises(UnreadableError, match=says):
        await Objects(error).references.headers("ml", "key")


async def test_while_the_api_server_is_away_the_last_value_counts() -> None:
    objects = Objects(secret(key="a"), Unreachable("away", sent=False))
    await objects.references.headers("ml", "key")
    objects.now = MAX_AGE
    assert await objects.references.headers("ml", "key") == (("key", "a"),)


async def test_a_key_that_nobody_asks_for_any_more_is_forgotten() -> None:
    objects = Objects(secret(key="a"))
    await objects.references.headers("ml", "old")
    objects.now = FORGET_AFTER
    await objects.references.headers("ml", "new")
    assert [name for _, _, name, _ in objects.references._known] == ["new"]


def authority() -> str:
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


async def test_the_same_authorities_are_the_same_trust() -> None:
    pem = authority()
    objects = Objects({"data": {"ca.crt": pem}})
    tls = Tls.model_validate(TLS)
    first = await objects.references.trust("ml", tls)
    objects.now = MAX_AGE
    assert await objects.references.trust("ml", tls) is first
    assert objects.asked == [("configmaps", "ml", "ca")] * 2
    objects.answers = [{"data": {"ca.crt": authority()}}]
    objects.now = 2 * MAX_AGE
    assert await objects.references.trust("ml", tls) is not first


async def test_a_peer_carries_all_that_its_spec_says() -> None:
    objects = Objects({"data": {"ca.crt": authority()}})
    check = spec(scheme="HTTPS", tls=TLS, keepAlive=True)
    peer = await peer_of(check, pod(), "10.0.0.1", objects.references)
    assert isinstance(peer, Peer)
    assert peer.trust is not None
    assert (peer.trust.name, peer.keep_alive) == ("models.example", True)
    assert (peer.address, peer.namespace, peer.pod) == ("10.0.0.1", "ml", "triton-0")


@pytest.mark.parametrize(
    "found", [{"data": {"ca.crt": "no PEM"}}, {}, NotFound(404, "NotFound", "no")]
)
async def test_without_authorities_nobody_is_asked_and_no_pod_is_to_blame(
    found: dict[str, Any] | Exception,
) -> None:
    check = spec(scheme="HTTPS", tls=TLS)
    reading = await peer_of(check, pod(), "10.0.0.1", Objects(found).references)
    assert isinstance(reading, Reading)
    assert (reading.sign, reading.reason) == (Sign.UNKNOWN, "AuthoritiesUnreadable")
    assert '"ca"' in reading.message or " ca " in reading.message


CLIP = BodyKeyRef(name="clips", key="hello.wav")


async def test_a_file_of_a_config_map_is_read_by_name_and_seldom() -> None:
    binary = {"binaryData": {"hello.wav": base64.b64encode(b"RIFF\xff").decode()}}
    objects = Objects(binary)
    for _ in range(3):
        assert await objects.references.file("ml", CLIP) == b"RIFF\xff"
    assert objects.asked == [("configmaps", "ml", "clips")]


async def test_a_text_of_a_config_map_is_a_file_too() -> None:
    assert await Objects({"data": {"hello.wav": "ü"}}).references.file("ml", CLIP) == "ü".encode()


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, 'ConfigMap clips has no key "hello.wav"'),
        ({"data": {"other": "a"}, "binaryData": None}, 'has no key "hello.wav"'),
        ({"binaryData": {"hello.wav": "!"}}, "is no base64"),
        ({"binaryData": {"hello.wav": 7}}, "is no base64"),
        ({"data": {"hello.wav": "x" * (MAX_CANARY_FILE + 1)}}, "is longer than 512 KiB"),
        (NotFound(404, "NotFound", "no"), "ConfigMap clips does not exist in namespace ml"),
        (Forbidden(403, "Forbidden", "no"), "resourceNames .clips."),
        (Unreachable("away", sent=False), "cannot be read now"),
    ],
)
async def test_a_file_that_is_none_is_told(found: Any, said: str) -> None:
    with pytest.raises(UnreadableError, match=said):
        await Objects(found).references.file("ml", CLIP)

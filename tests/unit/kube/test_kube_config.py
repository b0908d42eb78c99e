import datetime as dt
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from inferencehealth.kube import config
from inferencehealth.kube.config import TokenFile, in_cluster, load
from inferencehealth.kube.errors import ConfigError

ENV = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of whoever runs the tests is seen."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("KUBECONFIG", *ENV):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def account(tmp_path: Path) -> Path:
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text("secret\n")
    (folder / "namespace").write_text("inferencehealth-system")
    (folder / "ca.crt").write_bytes(certificate())
    return folder


def certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


def kubeconfig(
    path: Path, *, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None
) -> Path:
    path.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "one",
                "contexts": [
                    {"name": "one", "context": {"cluster": "c", "user": "u"}},
                    {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "ml"}},
                ],
                "clusters": [
                    {"name": "c", "cluster": {"server": "http://127.0.0.1:1", **(cluster or {})}}
                ],
                "users": [{"name": "u", "user": user or {}}],
            }
        )
    )
    return path


async def test_a_pod_finds_its_api_server(account: Path) -> None:
    access = in_cluster(ENV, account)
    assert access.server == "https://10.96.0.1:443"
    assert access.namespace == "inferencehealth-system"
    assert await access.credentials() == {"Authorization": "Bearer secret"}
    assert access.tls is not None


def test_a_pod_of_an_ipv6_cluster_finds_its_api_server(account: Path) -> None:
    access = in_cluster({**ENV, "KUBERNETES_SERVICE_HOST": "fd00::1"}, account)
    assert access.server == "https://[fd00::1]:443"


async def test_a_projected_token_is_read_again_when_it_is_replaced(account: Path) -> None:
    token = TokenFile(account / "token")
    assert await token() == {"Authorization": "Bearer secret"}
    (account / "next").write_text("newer")
    (account / "next").rename(account / "token")
    assert await token() == {"Authorization": "Bearer newer"}


async def test_a_token_that_vanished_is_named(account: Path) -> None:
    token = TokenFile(account / "token")
    (account / "token").unlink()
    with pytest.raises(ConfigError, match="token"):
        await token()


def test_a_pod_without_its_service_account_says_what_to_check(account: Path) -> None:
    (account / "token").unlink()
    with pytest.raises(ConfigError, match="automountServiceAccountToken"):
        in_cluster(ENV, account)


async def test_the_given_file_and_context_are_used(tmp_path: Path) -> None:
    access = await load(kubeconfig(tmp_path / "a.yaml", user={"token": "t"}), "two")
    assert access.server == "http://127.0.0.1:1"
    assert access.namespace == "ml"
    assert access.source == f"context two of {tmp_path / 'a.yaml'}"
    assert await access.credentials() == {"Authorization": "Bearer t"}


async def test_the_variable_and_then_the_home_folder_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home" / ".kube").mkdir(parents=True)
    home = kubeconfig(tmp_path / "home" / ".kube" / "config")
    other = kubeconfig(tmp_path / "other.yaml")
    assert (await load()).source == f"context one of {home}"
    monkeypatch.setenv("KUBECONFIG", str(other))
    assert (await load()).source == f"context one of {other}"


async def test_a_pod_uses_its_service_account_unless_told_otherwise(
    tmp_path: Path, account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "SERVICE_ACCOUNT", account)
    for variable, value in ENV.items():
        monkeypatch.setenv(variable, value)
    assert (await load()).source == "the pod's ServiceAccount"
    assert (await load(kubeconfig(tmp_path / "a.yaml"))).server == "http://127.0.0.1:1"


async def test_tls_follows_the_file(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(certificate())
    file = kubeconfig(
        tmp_path / "a.yaml",
        cluster={
            "server": "https://127.0.0.1:1",
            "certificate-authority": "ca.crt",
            "tls-server-name": "api.internal",
        },
    )
    access = await load(file)
    assert access.tls is not None
    assert access.tls.check_hostname
    assert access.tls_server_name == "api.internal"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no kubeconfig"),
        ("{", "no readable kubeconfig"),
        ("", "no readable kubeconfig"),
        ("just text", "no readable kubeconfig"),
        ("apiVersion: v1", "cannot be used"),
    ],
)
async def test_an_unusable_file_is_named(tmp_path: Path, content: str | None, says: str) -> None:
    file = tmp_path / "broken.yaml"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigError, match=says) as error:
        await load(file)
    assert str(file) in str(error.value)


async def test_a_context_that_does_not_exist_is_named_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"context three of .*kubectl config get-contexts"):
        await load(kubeconfig(tmp_path / "a.yaml"), "three")


async def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    file = kubeconfig(
        tmp_path / "a.yaml",
        cluster={"server": "https://127.0.0.1:1", "certificate-authority": "gone.crt"},
    )
    with pytest.raises(ConfigError, match=r"gone\.crt"):
        await load(file)


def plugin(path: Path, script: str) -> dict[str, Any]:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {
        "exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "args": []}
    }


async def test_a_plugin_gives_a_token_and_a_new_one_when_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first")
    answer = (
        '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", '
        '"status": {"token": "%s", "expirationTimestamp": "2126-01-01T00:00:00Z"}}'
    )
    user = plugin(tmp_path / "login", f"printf '{answer}' $(cat {tmp_path}/token)")
    access = await load(kubeconfig(tmp_path / "a.yaml", user=user))
    assert await access.credentials() == {"Authorization": "Bearer first"}
    (tmp_path / "token").write_text("second")
    assert await access.credentials() == {"Authorization": "Bearer first"}
    assert await access.credentials(renew=True) == {"Authorization": "Bearer second"}


async def test_a_plugin_that_fails_is_named(tmp_path: Path) -> None:
    user = plugin(tmp_path / "login", "exit 1")
    with pytest.raises(ConfigError, match=r"login gave nothing"):
        await load(kubeconfig(tmp_path / "a.yaml", user=user))

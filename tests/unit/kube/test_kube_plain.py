"""A plain kubeconfig means the same, read with and without the `kubernetes` package."""

import base64
import os
import ssl
from pathlib import Path
from typing import Any

import pytest

from inferencehealth.kube import plain
from inferencehealth.kube.config import load, load_briefly
from inferencehealth.kube.errors import ConfigError
from tests.unit.checks.certificates import signed_by
from tests.unit.kube.test_kube_config import certificate, kubeconfig


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of whoever runs the tests is seen."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for variable in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        monkeypatch.delenv(variable, raising=False)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


SECURE = {"server": "https://127.0.0.1:1/"}
AUTHORITY = certificate()


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({}, {}),
        ({"token": "t"}, {}),
        ({"token": "t"}, {**SECURE, "certificate-authority-data": encoded(AUTHORITY)}),
        ({"token": "t"}, {**SECURE, "insecure-skip-tls-verify": True}),
        ({"token": "t"}, {**SECURE, "certificate-authority": "ca.pem"}),
        ({"token": "t"}, {**SECURE, "tls-server-name": "api"}),
        ({"tokenFile": "token"}, {}),
    ],
    ids=["nobody", "token", "inline authority", "insecure", "file", "name", "token file"],
)
async def test_what_is_plain_means_the_same(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any]
) -> None:
    (tmp_path / "ca.pem").write_bytes(AUTHORITY)
    (tmp_path / "token").write_text("from a file\n")
    path = kubeconfig(tmp_path / "config", user=user, cluster=cluster)
    quick, whole = plain.read(str(path)), await load(path)
    assert quick is not None
    for field in ("server", "source", "namespace", "tls_server_name", "proxy"):
        assert getattr(quick, field) == getattr(whole, field)
    assert await quick.credentials() == await whole.credentials()
    assert (quick.tls is None) == (whole.tls is None)
    if quick.tls is not None and whole.tls is not None:
        assert quick.tls.verify_mode == whole.tls.verify_mode
        assert quick.tls.check_hostname == whole.tls.check_hostname
        assert quick.tls.verify_flags == whole.tls.verify_flags
        assert quick.tls.get_ca_certs() == whole.tls.get_ca_certs()


@pytest.mark.parametrize(
    ("user", "cluster"),
    [
        ({"exec": {"command": "login", "apiVersion": "client.authentication.k8s.io/v1"}}, {}),
        ({"token": "t", "as": "somebody"}, {}),
        ({"token": "t", "tokenFile": "f"}, {}),
        ({}, {"proxy-url": "http://proxy:1"}),
        ({}, {**SECURE, "certificate-authority-data": "%%%"}),
        ({}, {**SECURE, "certificate-authority": "nowhere"}),
        ({}, {"server": None}),
    ],
)
def test_what_is_not_plain_is_left_to_who_knows_all_of_it(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any]
) -> None:
    path = kubeconfig(tmp_path / "config", user=user, cluster=cluster)
    assert plain.read(str(path)) is None


@pytest.mark.parametrize("text", ["", "{[", "[]", "current-context: gone", "\x00"])
async def test_what_is_broken_is_told_as_ever(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match=str(path)):
        await load_briefly(path)


async def test_several_files_are_merged_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = kubeconfig(tmp_path / "one", user={"token": "t"})
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join((str(one), str(tmp_path / "none"))))
    assert await (await load_briefly()).credentials() == {"Authorization": "Bearer t"}


def test_a_client_certificate_is_presented_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    made = signed_by(None)
    presented: list[str] = []

    def note(_: ssl.SSLContext, file: str) -> None:
        presented.append(Path(file).read_text())

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", note)
    user = {
        "client-certificate-data": encoded(made.certificate),
        "client-key-data": encoded(made.key),
    }
    path = kubeconfig(tmp_path / "config", user=user, cluster=SECURE)
    assert plain.read(str(path)) is not None
    assert "BEGIN CERTIFICATE" in presented[0]
    assert "PRIVATE KEY" in presented[0]
    assert list(scratch.iterdir()) == []

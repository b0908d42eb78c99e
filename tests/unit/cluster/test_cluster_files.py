"""Certificates, kubeconfigs, image archives and the exports of a shell."""

import base64
import datetime as dt
import io
import json
import ssl
import tarfile
from pathlib import Path

import pytest
from cryptography import x509

from e2e.cluster import certs, images
from e2e.cluster.__main__ import exports
from e2e.cluster.certs import Identity
from e2e.cluster.model import Cluster, ClusterError, ProviderName, Tier
from e2e.cluster.providers import kind, source
from e2e.cluster.state import State

NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
SERVER = Identity("server", (), ("10.96.0.1", "kubernetes.default.svc"))


def test_a_certificate_names_user_groups_and_hosts() -> None:
    signed = certs.sign(certs.authority(NOW), Identity("u", ("g",), SERVER.hosts), NOW)
    found = x509.load_pem_x509_certificate(signed.certificate)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.subject.rfc4514_string() == "CN=u,O=g"
    assert [str(name.value) for name in names] == list(SERVER.hosts)
    assert found.not_valid_before_utc < NOW < found.not_valid_after_utc


def test_openssl_trusts_what_the_authority_signs_with_the_strictest_checks(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    certs.write_pki(tmp_path, {"server": SERVER, "admin": Identity("admin")}, now)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    asking = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    assert handshake(asking, serving, "10.96.0.1")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(asking, serving, "10.96.0.2")


def handshake(asking: ssl.SSLContext, serving: ssl.SSLContext, host: str) -> bool:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(down, up, server_hostname=host)
    server = serving.wrap_bio(up, down, server_side=True)
    for _ in range(3):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return client.version() is not None


def test_private_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "pki"
    certs.write_pki(folder, {"admin": Identity("admin")}, NOW)
    certs.write_kubeconfigs(folder, "https://127.0.0.1:1", ["admin"])
    secret = [*folder.glob("*.key"), *folder.glob("*.kubeconfig")]
    assert len(secret) == 3
    assert {path.stat().st_mode & 0o077 for path in [folder, *secret]} == {0}


def test_a_kubeconfig_holds_all_it_needs() -> None:
    text = certs.kubeconfig(
        server="https://127.0.0.1:1", authority=b"ca", client=certs.Signed(b"crt", b"key")
    )
    document = json.loads(text)
    user = document["users"][0]["user"]
    assert base64.b64decode(user["client-key-data"]) == b"key"
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"
    assert document["current-context"] == document["contexts"][0]["name"]


def test_an_image_of_one_program_is_an_archive_with_its_name(tmp_path: Path) -> None:
    binary, archive = tmp_path / "binary", tmp_path / "image.tar"
    binary.write_bytes(b"\x7fELF")
    images.single_binary_archive(binary, "localhost/x:1", archive)
    assert images.image_names(archive) == ["localhost/x:1"]
    with tarfile.open(archive) as tar:
        layer = tar.extractfile("layer.tar")
        assert layer
        with tarfile.open(fileobj=io.BytesIO(layer.read())) as inner:
            assert inner.getmember("program").mode == 0o755


def test_a_file_that_is_no_image_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "no.tar").write_text("no")
    with pytest.raises(ClusterError, match="docker-archive"):
        images.image_names(tmp_path / "no.tar")


def test_exports_survive_blanks_in_paths() -> None:
    cluster = Cluster(
        name="a",
        tier=Tier.INTEGRATION,
        provider=ProviderName.SOURCE,
        kubeconfig=Path("/a b/kubeconfig"),
        kubectl=Path("/c d/kubectl"),
        state_dir=Path("/a b"),
    )
    assert exports(cluster) == (
        "export KUBECONFIG='/a b/kubeconfig'\nexport PATH='/c d':\"$PATH\"\n"
    )


def test_kind_writes_to_our_kubeconfig_and_never_to_the_users() -> None:
    state = State(
        name="a",
        tier=Tier.NODE,
        provider=ProviderName.KIND,
        phase="starting",
        starter={"pid": 1, "started": 1},
        kubeconfig="/s/a/kubeconfig",
    )
    arguments = kind.create_arguments(state, "kindest/node:x")
    assert arguments[arguments.index("--kubeconfig") + 1] == "/s/a/kubeconfig"
    assert arguments[arguments.index("--name") + 1] == "inferencehealth-a"


@pytest.mark.parametrize("extra", [[], ["kube-controller-manager"]])
def test_binaries_of_kubebuilder_are_taken_as_they_are(tmp_path: Path, extra: list[str]) -> None:
    names = ["etcd", "kube-apiserver", "kubectl", *extra]
    for name in names:
        (tmp_path / name).touch(mode=0o755)
    assert set(source.assets({"KUBEBUILDER_ASSETS": str(tmp_path)})) == set(names)


def test_an_incomplete_folder_of_kubebuilder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "etcd").touch(mode=0o755)
    with pytest.raises(ClusterError, match="kube-apiserver, kubectl"):
        source.assets({"KUBEBUILDER_ASSETS": str(tmp_path)})

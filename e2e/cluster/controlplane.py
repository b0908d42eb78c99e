"""The command lines of etcd, the API server and its controllers, and kwok; values in, values out.

Flags are those of Kubernetes 1.36, etcd 3.6, kwok 0.7.
"""

from e2e.cluster.certs import Identity
from e2e.cluster.layout import (
    API_SERVICE,
    HOST_ADDRESS,
    LOOPBACK,
    NODE_ADDRESS,
    SERVICES,
    Component,
    Layout,
)
from e2e.cluster.model import Tier

# Not to slow down tests that create thousands of objects; the defaults are 20 and 30.
CLIENT_RATE = ("--kube-api-qps=2000", "--kube-api-burst=4000")
# The default quota of 2 GiB is soon full when 10,000 pods change and nothing is compacted yet.
ETCD_QUOTA = 6 * 1024**3
FAKE_POD_CIDR = "127.64.0.0/12"
# A node that shares two cores with a test-suite reports late; its pods must not be evicted.
NODE_GRACE = "--node-monitor-grace-period=3m0s"
# kwok renews four times as often. Without a Lease a fake node says nothing until it is called not
# ready, and its pods stay not ready for ever.
LEASE_SECONDS = 120

IDENTITIES = {
    "admin": Identity("inferencehealth-e2e-admin", ("system:masters",)),
    "etcd-client": Identity("kube-apiserver"),
    "kubelet-client": Identity("kube-apiserver-kubelet-client", ("system:masters",)),
    "kube-controller-manager": Identity("system:kube-controller-manager"),
    "kube-scheduler": Identity("system:kube-scheduler"),
    "kwok": Identity("kwok", ("system:masters",)),
    "server": Identity(
        "kube-apiserver",
        (),
        (
            LOOPBACK,
            NODE_ADDRESS,
            HOST_ADDRESS,
            API_SERVICE,
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ),
    ),
}


def components(layout: Layout) -> list[Component]:
    """What a tier runs besides a real node, in the order of starting."""
    found = [etcd(layout), apiserver(layout)]
    # The binaries of KUBEBUILDER_ASSETS come without controllers.
    if "kube-controller-manager" in layout.programs:
        found.append(controller_manager(layout))
    if layout.tier is not Tier.INTEGRATION:
        found.append(scheduler(layout))
    if layout.tier is Tier.SCALE:
        found.append(kwok(layout))
    return found


def etcd(layout: Layout) -> Component:
    """The store; TLS both ways, so that other users of the machine cannot write to it."""
    url = _url(layout, "etcd")
    pki = layout.pki
    argv = (
        str(layout.programs["etcd"]),
        f"--data-dir={layout.folder}/etcd",
        f"--listen-client-urls={url}",
        f"--advertise-client-urls={url}",
        "--listen-peer-urls=http://127.0.0.1:0",
        "--client-cert-auth",
        f"--trusted-ca-file={pki}/ca.crt",
        f"--cert-file={pki}/server.crt",
        f"--key-file={pki}/server.key",
        f"--quota-backend-bytes={ETCD_QUOTA}",
        "--unsafe-no-fsync",
    )
    return Component("etcd", argv, f"{url}/health", _place(layout))


def apiserver(layout: Layout) -> Component:
    """The API server."""
    pki = layout.pki
    argv = (
        str(layout.programs["kube-apiserver"]),
        f"--etcd-servers={_url(layout, 'etcd')}",
        f"--etcd-cafile={pki}/ca.crt",
        f"--etcd-certfile={pki}/etcd-client.crt",
        f"--etcd-keyfile={pki}/etcd-client.key",
        f"--bind-address={layout.address}",
        f"--advertise-address={layout.address}",
        f"--secure-port={layout.ports['kube-apiserver']}",
        f"--tls-cert-file={pki}/server.crt",
        f"--tls-private-key-file={pki}/server.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-cluster-ip-range={SERVICES}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/sa.pub",
        f"--service-account-signing-key-file={pki}/sa.key",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/kubelet-client.crt",
        f"--kubelet-client-key={pki}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        *_endpoints(layout),
        *_audit(layout),
    )
    return Component("kube-apiserver", argv, f"{layout.server}/readyz", _place(layout))


def controller_manager(layout: Layout) -> Component:
    """The controllers: garbage collection, service accounts, Deployments and all others."""
    pki = layout.pki
    argv = (
        *_controller(layout, "kube-controller-manager"),
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={pki}/sa.key",
        f"--root-ca-file={pki}/ca.crt",
        NODE_GRACE,
    )
    return _with_health(layout, "kube-controller-manager", argv)


def scheduler(layout: Layout) -> Component:
    """The scheduler."""
    return _with_health(layout, "kube-scheduler", _controller(layout, "kube-scheduler"))


def kwok(layout: Layout) -> Component:
    """The fake kubelet of all nodes; its pods' addresses are loopback ones that anyone can serve.

    EndpointSlices refuse loopback addresses: no Services in this tier.
    """
    address = f"{LOOPBACK}:{layout.ports['kwok']}"
    argv = (
        str(layout.programs["kwok"]),
        f"--kubeconfig={layout.pki}/kwok.kubeconfig",
        "--manage-all-nodes=true",
        f"--node-lease-duration-seconds={LEASE_SECONDS}",
        f"--cidr={FAKE_POD_CIDR}",
        f"--node-ip={LOOPBACK}",
        f"--server-address={address}",
    )
    return Component("kwok", argv, f"http://{address}/healthz")


def _controller(layout: Layout, name: str) -> tuple[str, ...]:
    kubeconfig = f"{layout.pki}/{name}.kubeconfig"
    return (
        str(layout.programs[name]),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--bind-address={layout.address}",
        f"--secure-port={layout.ports[name]}",
        f"--tls-cert-file={layout.pki}/server.crt",
        f"--tls-private-key-file={layout.pki}/server.key",
        "--leader-elect=false",
        *CLIENT_RATE,
    )


def _with_health(layout: Layout, name: str, argv: tuple[str, ...]) -> Component:
    return Component(name, argv, f"{_url(layout, name)}/healthz", _place(layout))


def _endpoints(layout: Layout) -> tuple[str, ...]:
    # A loopback address may not stand in an Endpoints object; nobody would use it there either.
    return () if layout.tier is Tier.NODE else ("--endpoint-reconciler-type=none",)


def _audit(layout: Layout) -> tuple[str, ...]:
    if not layout.audit:
        return ()
    return (
        f"--audit-policy-file={layout.folder}/audit-policy.yaml",
        f"--audit-log-path={layout.folder}/audit.log",
        # Written before the answer is sent: a test that has its answer can read the line.
        "--audit-log-mode=blocking",
    )


def _url(layout: Layout, name: str) -> str:
    return f"https://{layout.address}:{layout.ports[name]}"


def _place(layout: Layout) -> str:
    return "network" if layout.tier is Tier.NODE else "host"

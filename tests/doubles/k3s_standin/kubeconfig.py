"""The certificates of a server and its administrator, and the administrator's kubeconfig."""

from __future__ import annotations

import base64
import ipaddress
import socket
from pathlib import Path

from . import certs
from .cluster import Cluster, write
from .config import Settings
from .log import fatal, info
from .node import Node

TEMPLATE = """\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {ca}
    server: {url}
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
preferences: {{}}
users:
- name: default
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
"""


def issue_certificates(settings: Settings, cluster: Cluster, node: Node) -> None:
    """Write new certificates for the server and the administrator, because names and addresses may have changed."""
    tls, files = cluster.folder / "tls", cluster.state["bootstrap"]["files"]
    network = ipaddress.ip_network((settings.items("service-cidr") or ["10.43.0.0/16"])[0])
    names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    names += ["localhost", "127.0.0.1", "::1", socket.gethostname(), node.name, node.address, str(network[1])]
    names += [*node.external, *settings.items("tls-san"), settings.text("advertise-address", "127.0.0.1")]
    key = certs.Key.generate()
    issuer, issuer_name = cluster.ca("server-ca")
    hosts = list(dict.fromkeys(names))
    certificate = certs.issue(key, "k3s", "k3s", issuer, issuer_name, certs.SERVER, hosts)
    write(tls / "serving-kube-apiserver.crt", certificate + files["server-ca.crt"], 0o644)
    write(tls / "serving-kube-apiserver.key", key.pem())
    key = certs.Key.generate()
    issuer, issuer_name = cluster.ca("client-ca")
    certificate = certs.issue(key, "system:admin", "system:masters", issuer, issuer_name, certs.CLIENT, [])
    write(tls / "client-admin.crt", certificate, 0o644)
    write(tls / "client-admin.key", key.pem())
    if cluster.is_etcd:
        key = certs.Key.generate()
        issuer, issuer_name = cluster.ca("etcd/peer-ca")
        hosts = ["localhost", "127.0.0.1", node.address]
        both = f"{certs.SERVER} {certs.CLIENT}"
        certificate = certs.issue(key, "etcd-peer", "etcd", issuer, issuer_name, both, hosts)
        write(tls / "etcd/peer-server-client.crt", certificate, 0o644)
        write(tls / "etcd/peer-server-client.key", key.pem())


def write_kubeconfig(settings: Settings, cluster: Cluster, port: int) -> None:
    """Write the kubeconfig to /etc/rancher/k3s/k3s.yaml, or to the path in the settings."""
    path, tls = Path(settings.text("write-kubeconfig", "/etc/rancher/k3s/k3s.yaml")), cluster.folder / "tls"
    mode = settings.text("write-kubeconfig-mode", "600")
    if not mode.isdigit() or set(mode) - set("01234567"):
        fatal(f'strconv.ParseInt: parsing "{mode}": invalid syntax')
    names = ("server-ca.crt", "client-admin.crt", "client-admin.key")
    text = kubeconfig(f"https://127.0.0.1:{port}", *((tls / name).read_text() for name in names))
    write(path, text, int(mode, 8))
    info(f"Wrote kubeconfig {path}")


def kubeconfig(url: str, ca: str, certificate: str, key: str) -> str:
    """The text of a kubeconfig."""
    pems = {"ca": ca, "certificate": certificate, "key": key}
    return TEMPLATE.format(
        url=url, **{name: base64.b64encode(pem.encode()).decode() for name, pem in pems.items()}
    )


def kubelet_identity(cluster: Cluster, name: str) -> dict[str, str]:
    """CA, certificate and key for the kubelet of a new agent."""
    key = certs.Key.generate()
    issuer, issuer_name = cluster.ca("client-ca")
    user = f"system:node:{name}"
    certificate = certs.issue(key, user, "system:nodes", issuer, issuer_name, certs.CLIENT, [])
    files = cluster.state["bootstrap"]["files"]
    return {"ca": files["server-ca.crt"], "certificate": certificate, "key": key.pem()}

"""`k3s server`: from the settings to a Ready node, in the order of K3s."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import threading
import time
from pathlib import Path
from typing import NoReturn

from . import VERSION
from .api import Api
from .cluster import Cluster, read_token, write
from .config import Settings, load
from .kubeconfig import issue_certificates, write_kubeconfig
from .listener import Listener, tls
from .log import fatal, info, notify
from .node import Node
from .peers import Peers
from .registry import ApiError, Registry
from .switches import switch

HEARTBEAT_SECONDS = 1
FLANNEL = ("none", "vxlan", "host-gw", "wireguard-native")


def run(arguments: list[str]) -> NoReturn:
    """Run until a signal ends the process."""
    settings = load("server", arguments)
    info(f"Starting k3s {VERSION} (stand-in)")
    if switch("fail_start"):
        fatal(switch("fail_start"))
    _refuse_wrong_values(settings)
    data_dir = Path(settings.text("data-dir", "/var/lib/rancher/k3s"))
    (data_dir / "agent").mkdir(parents=True, exist_ok=True)
    cluster = Cluster(settings, data_dir)
    node = Node(settings, data_dir, ["control-plane", *(["etcd"] if cluster.is_etcd else [])])
    issue_certificates(settings, cluster, node)
    folder = settings.text("etcd-snapshot-dir")
    api = Api(cluster, Registry(cluster), node.name, Path(folder) if folder else None)
    if cluster.is_etcd:
        Peers(cluster, node, settings.is_set("etcd-expose-metrics")).start(read_token(settings), api.execute)
        signal.signal(signal.SIGTERM, lambda *_: cluster.leave())
    _listen(settings, cluster, api)
    time.sleep(float(switch("start_seconds")) / 2)
    node.check_host()
    _become_ready(api, node)
    while True:
        time.sleep(HEARTBEAT_SECONDS)
        _beat(api, node, ready=not switch("never_ready"))


def _refuse_wrong_values(settings: Settings) -> None:
    if settings.text("flannel-backend", "vxlan") not in FLANNEL:
        fatal(f"starting kubernetes: unknown flannel backend '{settings.text('flannel-backend')}'")
    if settings.text("cluster-reset-restore-path") and not settings.is_set("cluster-reset"):
        fatal("invalid flag use; --cluster-reset required with --cluster-reset-restore-path")


def _listen(settings: Settings, cluster: Cluster, api: Api) -> None:
    address, port = settings.text("bind-address", "0.0.0.0"), int(settings.text("https-listen-port", "6443"))  # noqa: S104
    write(cluster.folder / "cred/passwd", f"{cluster.secret},server,server,k3s:server\n")
    if settings.is_set("secrets-encryption"):
        write(
            cluster.folder / "cred/encryption-config.json",
            '{"kind": "EncryptionConfiguration", "resources": []}',
        )
    try:
        folder = cluster.folder / "tls"
        own, key = (folder / f"serving-kube-apiserver.{end}" for end in ("crt", "key"))
        context = tls(own, key, folder / "client-ca.crt", required=False)
        listener, api.port = Listener(address, port, context, api.answer), port
    except OSError as error:
        text = (
            "bind: address already in use"
            if error.errno == errno.EADDRINUSE
            else os.strerror(error.errno or 0)
        )
        fatal(
            "starting kubernetes: preparing server: init cluster datastore and https: "
            f"listen tcp :{port}: {text}"
        )
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    write_kubeconfig(settings, cluster, port)


def _become_ready(api: Api, node: Node) -> None:
    if switch("hang"):
        info("Waiting for API server to become available")
        threading.Event().wait()
    api.ready = True
    time.sleep(float(switch("start_seconds")) / 2)
    _report(api, "PUT", node.name, node.registration(ready=False))
    info("k3s is up and running")
    notify("READY=1")
    time.sleep(float(switch("ready_seconds")))
    _beat(api, node, ready=not switch("never_ready"))


def _report(api: Api, method: str, name: str, content: object) -> None:
    """Register the node. Retries while etcd has no leader, and ends the process if it is refused."""
    while True:
        try:
            return api.report(method, name, content)
        except ApiError as error:
            if error.code < 500:
                fatal(f"starting kubernetes: {error.message}")
            time.sleep(0.2)


def _beat(api: Api, node: Node, ready: bool) -> None:
    """Send a heartbeat. It is lost if the node was deleted or etcd has no leader."""
    node.votes = api.cluster.etcd is None or api.cluster.etcd.is_voter()
    with contextlib.suppress(ApiError):
        api.report("POST", node.name, node.status(ready))

"""`k3s server`: from the settings to a Ready node, in K3s's order."""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path
from typing import NoReturn

from . import VERSION
from .api import Api
from .cluster import Cluster, write
from .config import Settings, load
from .kubeconfig import issue_certificates, write_kubeconfig
from .listener import Listener
from .log import fatal, info, notify
from .node import Node
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
    _listen(settings, cluster, api)
    time.sleep(float(switch("start_seconds")) / 2)
    node.check_host()
    _become_ready(api, node)
    while True:
        time.sleep(HEARTBEAT_SECONDS)
        _beat(api, node, ready=not switch("never_ready"))


def _refuse_wrong_values(settings: Settings) -> None:
    if settings.text("server"):
        fatal("the stand-in cannot join a server to a server")
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
        listener = Listener(address, port, cluster.folder / "tls", api)
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
    try:
        api.registry.register(node.registration(ready=False))
    except ApiError as error:
        fatal(f"starting kubernetes: {error.message}")
    info("k3s is up and running")
    notify("READY=1")
    time.sleep(float(switch("ready_seconds")))
    _beat(api, node, ready=not switch("never_ready"))


def _beat(api: Api, node: Node, ready: bool) -> None:
    if node.name in api.registry.records:  # deleted: the kubelet does not come back by itself
        api.registry.beat(node.name, node.status(ready))

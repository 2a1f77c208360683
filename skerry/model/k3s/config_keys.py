"""The keys of K3s's config.yaml: those that Skerry composes, and rules for others.

After https://docs.k3s.io/cli/server and https://docs.k3s.io/cli/agent.
"""

import re
from collections.abc import Mapping

from skerry.model.errors import InputError

# Keys that skerry/model/k3s/config.py composes from other settings.
_COMPOSED = """
agent-token-file cluster-cidr cluster-init disable etcd-disable-snapshots etcd-s3 etcd-s3-bucket
etcd-s3-endpoint etcd-s3-folder etcd-s3-region etcd-snapshot-retention etcd-snapshot-schedule-cron
flannel-backend kubelet-arg node-ip node-label node-taint protect-kernel-defaults secrets-encryption
server service-cidr tls-san token-file write-kubeconfig-mode
"""
COMPOSED = frozenset(_COMPOSED.split())

# Keys that only `k3s server` accepts. An agent does not start with one of them (k3s-io/k3s-ansible#270).
_SERVER_ONLY = """
advertise-address advertise-port agent-token agent-token-file cluster-cidr cluster-dns cluster-domain
cluster-init cluster-reset cluster-reset-restore-path datastore-cafile datastore-certfile
datastore-endpoint datastore-keyfile default-local-storage-path disable disable-agent disable-apiserver
disable-cloud-controller disable-controller-manager disable-etcd disable-helm-controller
disable-kube-proxy disable-network-policy disable-scheduler egress-selector-mode embedded-registry
etcd-arg etcd-disable-snapshots etcd-expose-metrics etcd-s3 etcd-s3-access-key etcd-s3-bucket
etcd-s3-config-secret etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-folder etcd-s3-insecure etcd-s3-proxy
etcd-s3-region etcd-s3-secret-key etcd-s3-skip-ssl-verify etcd-s3-timeout etcd-snapshot-compress
etcd-snapshot-dir etcd-snapshot-name etcd-snapshot-retention etcd-snapshot-schedule-cron flannel-backend
flannel-external-ip flannel-ipv6-masq helm-job-image https-listen-port kube-apiserver-arg
kube-cloud-controller-manager-arg kube-controller-manager-arg kube-scheduler-arg secrets-encryption
secrets-encryption-provider service-cidr service-node-port-range servicelb-namespace supervisor-metrics
system-default-registry tls-san tls-san-security write-kubeconfig write-kubeconfig-group
write-kubeconfig-mode
"""
SERVER_ONLY = frozenset(_SERVER_ONLY.split())

# Keys that all servers must share and that no setting composes ("Critical Configuration Values" in cli/server).
CRITICAL = (
    "cluster-dns",
    "cluster-domain",
    "disable-cloud-controller",
    "disable-helm-controller",
    "disable-network-policy",
    "egress-selector-mode",
    "embedded-registry",
    "flannel-external-ip",
    "flannel-ipv6-masq",
    "secrets-encryption-provider",
)

_MANAGED = "Skerry manages the tokens in files that only root can read; remove it"
REFUSED = {
    **dict.fromkeys(COMPOSED, "other settings decide it; remove it"),
    **dict.fromkeys(("token", "agent-token", "cluster-secret"), _MANAGED),
    "datastore-endpoint": "k3s_datastore decides the datastore; remove it",
    **dict.fromkeys(
        ("etcd-s3-access-key", "etcd-s3-secret-key"),
        "secrets must not be in Git; use the variables of snapshot_s3",
    ),
    "vpn-auth": "secrets must not be in Git; use 'vpn-auth-file'",
}


def check_extra(extra: Mapping[str, object]) -> None:
    """Mapping of keys of K3s's config.yaml to texts, numbers, True, False or lists of these.

    Raises InputError for a key that other settings compose, and for malformed keys and values. One-letter aliases
    count as malformed, so that "t" cannot stand for "token".
    """
    for key, value in extra.items():
        name = key.removesuffix("+")  # "key+" appends to the values in other files
        if not re.fullmatch(r"v|[a-z][a-z0-9]+(-[a-z0-9]+)*", name):
            raise InputError(
                f"{key!r} is not a key of K3s; write it as `k3s server --help` shows it, without '--'"
            )
        if name in REFUSED:
            raise InputError(f"{key!r} may not be set here: {REFUSED[name]}")
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, (str, int, float)):  # bool is an int
                raise InputError(f"{key!r} is {value!r}; write a string, a number, True, False or a list")

"""The flags of `k3s server` and `k3s agent`, which are also the keys of config.yaml.

Names and kinds are from K3s's command line reference, with hidden and deprecated flags.
"""

from __future__ import annotations

KINDS = {
    "bool": """
        alsologtostderr debug disable-apiserver-lb disable-default-registry-endpoint disable-selinux docker
        enable-pprof no-flannel nonroot-devices prefer-bundled-bin protect-kernel-defaults rootless selinux
        with-node-id
        """,
    "int": "lb-server-port v",
    "text": """
        bind-address cluster-secret config container-runtime-endpoint data-dir default-runtime
        flannel-cni-conf flannel-conf flannel-iface image-credential-provider-bin-dir
        image-credential-provider-config image-service-endpoint log node-name pause-image
        private-registry resolv-conf server snapshotter token token-file vmodule vpn-auth
        vpn-auth-file
        """,
    "list": """
        airgap-extra-registry kube-proxy-arg kubelet-arg node-external-dns node-external-ip node-internal-dns
        node-ip node-label node-taint
        """,
}

SERVER_KINDS = {
    "bool": """
        cluster-init cluster-reset disable-agent disable-apiserver disable-cloud-controller
        disable-controller-manager disable-etcd disable-helm-controller disable-kube-proxy
        disable-network-policy disable-scheduler embedded-registry etcd-disable-snapshots etcd-expose-metrics
        etcd-s3 etcd-s3-insecure etcd-s3-skip-ssl-verify etcd-snapshot-compress flannel-external-ip
        flannel-ipv6-masq kine-tls secrets-encryption supervisor-metrics tls-san-security
        """,
    "int": "advertise-port etcd-s3-retention etcd-snapshot-retention https-listen-port",
    "text": """
        advertise-address agent-token agent-token-file cluster-domain cluster-reset-restore-path
        datastore-cafile datastore-certfile datastore-endpoint datastore-keyfile default-local-storage-path
        egress-selector-mode etcd-s3-access-key etcd-s3-bucket etcd-s3-bucket-lookup-type
        etcd-s3-config-secret etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-folder etcd-s3-proxy
        etcd-s3-region etcd-s3-secret-key etcd-s3-session-token etcd-s3-timeout etcd-snapshot-dir
        etcd-snapshot-name etcd-snapshot-reconcile-interval etcd-snapshot-schedule-cron flannel-backend
        helm-job-image secrets-encryption-provider service-node-port-range servicelb-namespace
        system-default-registry write-kubeconfig write-kubeconfig-group write-kubeconfig-mode
        """,
    "list": """
        cluster-cidr cluster-dns disable etcd-arg kube-apiserver-arg kube-cloud-controller-manager-arg
        kube-controller-manager-arg kube-scheduler-arg no-deploy service-cidr tls-san
        """,
}

ALIASES = {"c": "config", "d": "data-dir", "i": "node-ip", "l": "log", "o": "write-kubeconfig"}
ALIASES.update({"s": "server", "t": "token"})

ENVIRONMENT = {
    "agent-token": "K3S_AGENT_TOKEN",
    "agent-token-file": "K3S_AGENT_TOKEN_FILE",
    "cluster-init": "K3S_CLUSTER_INIT",
    "cluster-reset": "K3S_CLUSTER_RESET",
    "data-dir": "K3S_DATA_DIR",
    "datastore-endpoint": "K3S_DATASTORE_ENDPOINT",
    "debug": "K3S_DEBUG",
    "lb-server-port": "K3S_LB_SERVER_PORT",
    "node-name": "K3S_NODE_NAME",
    "resolv-conf": "K3S_RESOLV_CONF",
    "selinux": "K3S_SELINUX",
    "server": "K3S_URL",
    "system-default-registry": "K3S_SYSTEM_DEFAULT_REGISTRY",
    "token": "K3S_TOKEN",
    "token-file": "K3S_TOKEN_FILE",
    "write-kubeconfig": "K3S_KUBECONFIG_OUTPUT",
    "write-kubeconfig-group": "K3S_KUBECONFIG_GROUP",
    "write-kubeconfig-mode": "K3S_KUBECONFIG_MODE",
}

# Refused by every command here, because ignoring them would pretend too much.
UNSUPPORTED = {
    "datastore-endpoint": "an external datastore",
    "disable-agent": "a server without an agent",
    "disable-apiserver": "a server without an API",
    "disable-etcd": "a server without a datastore",
    "rootless": "rootless mode",
    "vpn-auth": "a VPN",
    "vpn-auth-file": "a VPN",
    "with-node-id": "a node id in the node's name",
}


def known(command: str) -> dict[str, str]:
    """Every flag of a command and its kind."""
    kinds = {name: kind for kind, names in KINDS.items() for name in names.split()}
    if command != "agent":
        kinds.update({name: kind for kind, names in SERVER_KINDS.items() for name in names.split()})
    if command == "etcd-snapshot":
        kinds.update({"name": "text", "dir": "text", "output": "text", "s3": "bool"})
    return kinds

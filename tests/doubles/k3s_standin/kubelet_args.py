"""The kubelet's arguments: names, pairs, resources that can be reserved, and errors."""

from __future__ import annotations

import struct
from fractions import Fraction

from . import quantity

MAPS = {
    "eviction-hard": "<",
    "eviction-minimum-reclaim": "=",
    "eviction-soft": "<",
    "eviction-soft-grace-period": "=",
    "feature-gates": "=",
    "kube-reserved": "=",
    "node-labels": "=",
    "qos-reserved": "=",
    "system-reserved": "=",
}
NAMES = """
    address allowed-unsafe-sysctls anonymous-auth authentication-token-webhook authorization-mode cert-dir
    cgroup-driver cgroup-root cgroups-per-qos client-ca-file cloud-provider cluster-dns cluster-domain
    container-log-max-files container-log-max-size container-runtime-endpoint contention-profiling
    cpu-cfs-quota cpu-cfs-quota-period cpu-manager-policy cpu-manager-policy-options
    cpu-manager-reconcile-period enable-controller-attach-detach enable-debugging-handlers enable-server
    enforce-node-allocatable event-burst event-qps eviction-max-pod-grace-period
    eviction-pressure-transition-period exit-on-lock-contention fail-cgroupv1 fail-swap-on
    file-check-frequency hairpin-mode healthz-bind-address healthz-port hostname-override
    http-check-frequency image-credential-provider-bin-dir image-credential-provider-config
    image-gc-high-threshold image-gc-low-threshold image-service-endpoint kernel-memcg-notification
    kube-api-burst kube-api-content-type kube-api-qps kube-reserved-cgroup kubeconfig kubelet-cgroups
    local-storage-capacity-isolation lock-file log-json-split-stream log-text-split-stream
    logging-format make-iptables-util-chains manifest-url manifest-url-header max-open-files max-pods
    maximum-dead-containers maximum-dead-containers-per-container memory-manager-policy
    minimum-container-ttl-duration minimum-image-ttl-duration node-ip node-status-max-images
    node-status-update-frequency oom-score-adj pod-cidr pod-infra-container-image pod-manifest-path
    pod-max-pids pods-per-core port protect-kernel-defaults provider-id read-only-port register-node
    register-schedulable register-with-taints registry-burst registry-qps reserved-cpus reserved-memory
    resolv-conf root-dir rotate-certificates rotate-server-certificates runonce
    runtime-cgroups runtime-request-timeout seccomp-default serialize-image-pulls
    streaming-connection-idle-timeout sync-frequency system-cgroups system-reserved-cgroup tls-cert-file
    tls-cipher-suites tls-min-version tls-private-key-file topology-manager-policy
    topology-manager-policy-options topology-manager-scope v vmodule volume-plugin-dir
    volume-stats-agg-period
    """
FLAGS = {*NAMES.split(), *MAPS}
# These would change the numbers.
REFUSED = {"config", "config-dir", "pods-per-core", "reserved-cpus", "root-dir"}
RESERVABLE = ("cpu", "memory", "ephemeral-storage", "pid")
SIGNALS = {
    f"{where}.{what}"
    for where in ("nodefs", "imagefs", "containerfs")
    for what in ("available", "inodesFree")
}
SIGNALS |= {"memory.available", "pid.available"}
LABELS = {
    f"{prefix}{name}"
    for name in ("kubernetes.io/arch", "kubernetes.io/os", "kubernetes.io/instance-type")
    for prefix in ("", "beta.")
}
LABELS |= {"kubernetes.io/hostname", "topology.kubernetes.io/region", "topology.kubernetes.io/zone"}
LABEL_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")


class KubeletError(Exception):
    """The message with which the kubelet would exit."""


class Arguments:
    """Arguments by name. A repeated argument adds pairs or replaces the value, as in the kubelet."""

    def __init__(self, arguments: list[str]) -> None:
        self.values: dict[str, list[str]] = {}
        for argument in arguments:
            bare = argument[2:] if argument.startswith("--") else argument
            name, equals, value = bare.partition("=")
            if name in REFUSED:
                raise KubeletError(f"the stand-in does not compute with kubelet-arg {name}")
            if name not in FLAGS:
                raise KubeletError(f"failed to parse kubelet flag: unknown flag: --{name}")
            self.values.setdefault(name, []).append(value if equals else "true")

    def last(self, flag: str, default: str) -> str:
        return self.values.get(flag, [default])[-1]

    def number(self, flag: str, default: str) -> int:
        text = self.last(flag, default)
        if not text.isdigit():
            raise KubeletError(f'failed to parse kubelet flag: invalid argument "{text}" for "--{flag}" flag')
        return int(text)

    def pairs(self, flag: str) -> dict[str, str]:
        """The pairs of a map flag such as `cpu=500m,memory=512Mi`."""
        result = {}
        for pair in ",".join(self.values.get(flag, [])).split(","):
            key, separator, value = pair.partition(MAPS[flag])
            if separator:
                result[key.strip()] = value.strip()
            elif pair.strip():
                raise KubeletError(
                    f'failed to parse kubelet flag: invalid argument "{pair}" for "--{flag}" flag: '
                    f"malformed pair, expect string{MAPS[flag]}string"
                )
        return result

    def reserved(self, flag: str) -> dict[str, Fraction]:
        """A reservation per resource."""
        result = {}
        for resource, text in self.pairs(flag).items():
            if resource not in RESERVABLE:
                raise KubeletError(f'--{flag} value failed to parse: cannot reserve "{resource}" resource')
            try:
                result[resource] = quantity.parse(text)
            except ValueError as error:
                raise KubeletError(
                    f'--{flag} value failed to parse: failed to parse quantity "{text}" for '
                    f'"{resource}" resource: {error}'
                ) from None
            if result[resource] < 0:
                raise KubeletError(f'resource quantity for "{resource}" cannot be negative: {text}')
        return result

    def labels(self) -> dict[str, str]:
        """The labels a kubelet may give itself: of Kubernetes' own namespaces only a few."""
        labels = self.pairs("node-labels")
        unknown = []
        for name in sorted(labels):
            space = name.partition("/")[0] if "/" in name else ""
            own = f".{space}".endswith((".kubernetes.io", ".k8s.io"))
            allowed = f".{space}".endswith(tuple(f".{prefix}" for prefix in LABEL_NAMESPACES))
            if own and not allowed and name not in LABELS:
                unknown.append(name)
        if unknown:
            raise KubeletError(
                f"unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: "
                f"[{' '.join(unknown)}]\n"
                "--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix "
                f"({', '.join(LABEL_NAMESPACES)}) or be in the specifically allowed set "
                f"({', '.join(sorted(LABELS))})"
            )
        return labels


def threshold(signal: str, text: str, capacity: Fraction) -> Fraction:
    """The amount of a capacity that an eviction threshold keeps free."""
    if signal not in SIGNALS:
        raise KubeletError(f"unsupported eviction signal {signal}")
    try:
        if not text.endswith("%"):
            return quantity.parse(text)
        share = _float32(_float32(float(text[:-1])) / 100)
    except ValueError as error:
        raise KubeletError(f"invalid eviction threshold {signal}<{text}: {error}") from None
    if share < 0:
        raise KubeletError(f"eviction percentage threshold {signal} must be >= 0%: {text}")
    return Fraction(0) if text in ("0%", "100%") else Fraction(int(float(capacity) * share))


def _float32(value: float) -> float:
    """A percentage as a 32-bit float, as in the kubelet: 10% of a disk is not exactly a tenth."""
    return float(struct.unpack("f", struct.pack("f", value))[0])

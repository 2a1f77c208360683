"""Checks of node labels and taints.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
"""

import re

from skerry.model.errors import InputError
from skerry.model.kubernetes_names import DNS_SUBDOMAIN

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")

# The labels in Kubernetes' own namespaces that a kubelet may set on its node; with any other it does not start.
# kubernetes/kubernetes, staging/src/k8s.io/kubelet/pkg/apis/well_known_labels.go
_ALLOWED = """
beta.kubernetes.io/arch beta.kubernetes.io/instance-type beta.kubernetes.io/os
failure-domain.beta.kubernetes.io/region failure-domain.beta.kubernetes.io/zone
kubernetes.io/arch kubernetes.io/hostname kubernetes.io/os
node.kubernetes.io/instance-type topology.kubernetes.io/region topology.kubernetes.io/zone
"""
_KUBELET_LABELS = frozenset(_ALLOWED.split())
_KUBELET_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")
_KUBERNETES_NAMESPACES = ("kubernetes.io", "k8s.io")


def check_label(label: str) -> None:
    """Label of a node, such as "disk=ssd".

    Raises InputError for any other form, and for a label that a kubelet may not set on its own node.
    """
    key, equals, value = label.partition("=")
    if not (equals and _is_key(key) and _is_value(value)):
        raise InputError(f"{label!r} is not a label; write it as 'key=value' or 'example.org/key=value'")
    namespace = key.rpartition("/")[0]
    if (
        _within(namespace, _KUBERNETES_NAMESPACES)
        and key not in _KUBELET_LABELS
        and not _within(namespace, _KUBELET_NAMESPACES)
    ):
        raise InputError(
            f"{label!r}: a kubelet may not set {key!r} on its own node and would not start; "
            "use a key of your own, or `kubectl label` once the node has joined"
        )


def check_taint(taint: str) -> None:
    """Taint of a node, such as "dedicated=db:NoSchedule" or "gpu:NoExecute".

    Raises InputError for any other form.
    """
    pair, colon, effect = taint.rpartition(":")
    key, _, value = pair.partition("=")
    if not (colon and _is_key(key) and _is_value(value)):
        raise InputError(f"{taint!r} is not a taint; write it as 'key=value:NoSchedule'")
    if effect not in _EFFECTS:
        raise InputError(f"{taint!r} has no known effect; end it with ':' and one of {', '.join(_EFFECTS)}")


def _is_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    return bool(_NAME.fullmatch(name) and (not slash or DNS_SUBDOMAIN.fullmatch(prefix)))


def _is_value(value: str) -> bool:
    return not value or bool(_NAME.fullmatch(value))


def _within(namespace: str, parents: tuple[str, ...]) -> bool:
    return any(namespace == parent or namespace.endswith(f".{parent}") for parent in parents)

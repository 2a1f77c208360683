"""Packages that K3s and the later phases need."""

from __future__ import annotations

import shlex

from skerry.model.host_paths import PACKAGES_RECORD, STATE
from skerry.model.preparation import apt

# ca-certificates and curl download artifacts; K3s and the kubelet call conntrack, iptables, ipset and socat
# unless their bundled copies are preferred; kmod loads modules.
REQUIRED = ("ca-certificates", "conntrack", "curl", "ipset", "iptables", "kmod", "socat")


def install_script(packages: tuple[str, ...]) -> str:
    """Returns shell that records the packages, so that `invoke uninstall` removes them, and then installs them.

    In this order, a run that is killed in between leaves a record that lists too much rather than too little.
    """
    names = shlex.join(packages)
    return (
        f"umask 022 && mkdir -p {STATE} && printf '%s\\n' {names} >> {PACKAGES_RECORD} && "
        f"{{ {apt.install(names)}; }}"
    )

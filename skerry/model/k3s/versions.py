"""K3s versions, and the rules that depend on them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skerry.model.errors import InputError

# Kubernetes minors that Skerry supports. Before extending the range, read the new minor's release notes of K3s and of
# Kubernetes, above all on cgroup, removed kubelet flags and removed K3s keys.
OLDEST_KNOWN = (1, 21)
NEWEST_KNOWN = (1, 37)

# From 1.35 the kubelet refuses to start on cgroup v1: `failCgroupV1` is true by default.
# https://github.com/kubernetes/enhancements/issues/5573, kubernetes/kubernetes#134298
NEWEST_WITH_CGROUP_V1 = (1, 34)

# First release of each minor line that supports a configuration key or value; all newer lines support it. A K3s server
# ignores unknown keys (k3s-io/k3s#4464), so that a setting would silently not apply; an agent does not start with them
# (k3s-io/k3s-ansible#270).
FIRST_RELEASES = {
    # k3s-io/k3s#6602, #6599; k3s-io/k3s#6644 for 1.25
    "prefer-bundled-bin": ("v1.23.15+k3s1", "v1.24.9+k3s1", "v1.25.5+k3s1"),
    # https://docs.k3s.io/installation/registry-mirror
    "embedded-registry": ("v1.26.13+k3s1", "v1.27.10+k3s1", "v1.28.6+k3s1", "v1.29.1+k3s1"),
    # a value of flannel-backend: k3s-io/k3s#5409, #5391
    "wireguard-native": ("v1.22.9+k3s1", "v1.23.6+k3s1"),
}


@dataclass(frozen=True, order=True)
class K3sVersion:
    """A K3s release such as v1.36.3+k3s1. The next K3s release with Kubernetes 1.36.3 would be +k3s2."""

    major: int
    minor: int
    patch: int
    k3s: int

    @classmethod
    def parse(cls, text: str) -> K3sVersion:
        """Returns the version in `text`. Raises InputError for pre-releases and any other form."""
        match = re.fullmatch(r"v([0-9]+)\.([0-9]+)\.([0-9]+)(-[a-z0-9.]+)?\+k3s([0-9]+)", text)
        if not match:
            raise InputError(f"{text!r} is not a K3s version; write it as 'v1.36.3+k3s1'")
        major, minor, patch, pre_release, k3s = match.groups()
        if pre_release:
            raise InputError(f"{text!r} is a pre-release; choose a release such as 'v1.36.3+k3s1'")
        return cls(int(major), int(minor), int(patch), int(k3s))

    def __str__(self) -> str:
        return f"{self.minor_line}.{self.patch}+k3s{self.k3s}"

    @property
    def minor_line(self) -> str:
        """The line of releases that the version belongs to: "v1.36"."""
        return f"v{self.major}.{self.minor}"

    @property
    def next_minor_line(self) -> str:
        return f"v{self.major}.{self.minor + 1}"

    @property
    def kubernetes(self) -> tuple[int, int]:
        """Major and minor of the Kubernetes inside, for comparison."""
        return self.major, self.minor


def check_known(version: K3sVersion) -> None:
    """Raise InputError for a version outside the supported range."""
    if not OLDEST_KNOWN <= version.kubernetes <= NEWEST_KNOWN:
        known = " to ".join(f"{major}.{minor}" for major, minor in (OLDEST_KNOWN, NEWEST_KNOWN))
        raise InputError(
            f"K3s {version} is outside the known Kubernetes versions {known}; choose one of these, "
            "or read its release notes and extend the range in skerry/model/k3s/versions.py"
        )


def accepts_cgroup_v1(version: K3sVersion) -> bool:
    """Returns whether the version's kubelet starts on cgroup v1, such as the hybrid mode of stock Ubuntu 20.04."""
    return version.kubernetes <= NEWEST_WITH_CGROUP_V1


def check_supports(version: K3sVersion, feature: str) -> None:
    """Raise InputError if `version` lacks `feature`, a key or value in FIRST_RELEASES. Any other feature passes."""
    firsts = [K3sVersion.parse(first) for first in FIRST_RELEASES.get(feature, ())]
    if not firsts or version.kubernetes > firsts[-1].kubernetes:
        return
    if not any(first.kubernetes == version.kubernetes and first <= version for first in firsts):
        raise InputError(
            f"K3s {version} does not support {feature!r}, which came with {', '.join(map(str, firsts))}; "
            "leave it out, or raise k3s_version"
        )

"""K3s's CIS profile, after https://docs.k3s.io/security/hardening-guide: arguments, files and controls.

The guide has three variants: pod security policies up to 1.24, pod security admission from 1.25, and service account
tokens that expire on time from 1.29. This module also decides what the guide leaves open: the limits of EventRateLimit,
the process limit of a pod (CIS Kubernetes 4.2.13) and the modes of certificates (1.1.20).
"""

from __future__ import annotations

from skerry import templates
from skerry.model.files import File
from skerry.model.hardening.control import Check, Control, GdprArticle
from skerry.model.k3s.paths import SERVER
from skerry.model.k3s.versions import K3sVersion
from skerry.model.role import Role
from skerry.model.settings.settings import Settings

ADMISSION, AUDIT, AUDIT_LOG = f"{SERVER}/psa.yaml", f"{SERVER}/audit.yaml", f"{SERVER}/logs/audit.log"
POLICIES = f"{SERVER}/manifests/skerry-cis.yaml"
# Folders that get mode 700 before K3s starts for the first time.
FOLDERS = (SERVER, f"{SERVER}/logs", f"{SERVER}/manifests")
FIRST_POD_SECURITY, FIRST_TOKEN_EXPIRY = (1, 25), (1, 29)
POD_MAX_PIDS = 4096
TLS_CIPHERS = ",".join(
    f"TLS_ECDHE_{key}_WITH_{cipher}"
    for cipher in ("AES_256_GCM_SHA384", "AES_128_GCM_SHA256", "CHACHA20_POLY1305")
    for key in ("ECDSA", "RSA")
)
API, KUBELET, MANAGER = "kube-apiserver-arg", "kubelet-arg", "kube-controller-manager-arg"


def controls(settings: Settings, role: Role) -> list[Control]:
    """Returns K3s's controls. With k3s_profile = "plain", only K3S-01 has a check, and only on servers."""
    cis, server = settings.k3s_profile == "cis", role == "server"
    modern = _kubernetes(settings) >= FIRST_POD_SECURITY
    plugins = (
        "NodeRestriction,EventRateLimit" if modern else "NodeRestriction,PodSecurityPolicy,EventRateLimit"
    )
    api = {
        "K3S-03": {"audit-log-path": AUDIT_LOG, "audit-policy-file": AUDIT, "audit-log-maxage": "30",
                   "audit-log-maxbackup": "10", "audit-log-maxsize": "100"},
        "K3S-04": {"enable-admission-plugins": plugins, "admission-control-config-file": ADMISSION},
        "K3S-08": {"service-account-extend-token-expiration": "false"}
        if _kubernetes(settings) >= FIRST_TOKEN_EXPIRY else {},
    }  # fmt: skip
    kubelet = {"streaming-connection-idle-timeout": "5m", "tls-cipher-suites": TLS_CIPHERS,
               "pod-max-pids": str(POD_MAX_PIDS)}  # fmt: skip
    if not modern:
        kubelet["make-iptables-util-chains"] = "true"
    manager = {"terminated-pod-gc-threshold": "100" if _kubernetes(settings) >= FIRST_TOKEN_EXPIRY else "10"}

    def written(*files: File) -> tuple[Check, ...]:
        return tuple(Check("file", file.path, file.state) for file in files) if cis and server else ()

    def arguments(flag: str, values: dict[str, str], applies: bool = server) -> tuple[Check, ...]:
        return (
            tuple(Check("k3s", f"{flag} {key}", value) for key, value in values.items())
            if cis and applies
            else ()
        )

    def key(name: str, applies: bool) -> tuple[Check, ...]:
        return (Check("k3s", name, "true"),) if applies else ()

    return [
        _control("K3S-01", "Secrets are encrypted in the datastore", "1.2.27, 1.2.28", "32(1)(a) encryption",
                 "K3s creates and keeps the key", key("secrets-encryption", server)),
        _control("K3S-02", "The kubelet requires its kernel settings", "4.2.6", "32(1)(b) integrity",
                 "the kernel phase sets them first", key("protect-kernel-defaults", cis)),
        _control("K3S-03", "The API server writes an audit log", "1.2.18-1.2.21", "32(1)(d) testing and evaluation",
                 "metadata only, at most 10 files of 100 MB, 30 days", arguments(API, api["K3S-03"]),
                 written(audit_file())),
        _control("K3S-04", "Pods must meet the restricted standard, and events are rate-limited", "1.2.9, 5.2",
                 "32(1)(b) integrity", "kube-system is exempt; labels of a namespace override the standard",
                 arguments(API, api["K3S-04"]), written(admission_file(settings))),
        _control("K3S-05", "Namespaces accept only their own traffic", "5.3.2", "32(1)(b) confidentiality",
                 "DNS, metrics, Traefik and service load balancers stay reachable", written(policies_file(settings))),
        _control("K3S-06", "The kubelet ends idle streams, limits processes and uses modern TLS",
                 "4.2.5, 4.2.12, 4.2.13", "32(1)(b) availability and resilience",
                 "the guide's values; 4096 processes per pod", arguments(KUBELET, kubelet, True)),
        _control("K3S-07", "Only root can read certificates and keys", "1.1.20, 1.1.21", "32(1)(b) confidentiality",
                 "K3s runs as root; its unit sets the modes again after each start", written(modes_file())),
        _control("K3S-08", "Terminated pods are removed, and tokens expire", "1.3.1, 1.2.30",
                 "32(1)(b) availability and resilience", "the guide's values",
                 arguments(MANAGER, manager), arguments(API, api["K3S-08"])),
    ]  # fmt: skip


def _control(
    id: str,
    title: str,
    section: str,
    gdpr_article: GdprArticle,
    k3s_compatibility: str,
    *checks: tuple[Check, ...],
) -> Control:
    source = f"K3s hardening guide; CIS Kubernetes {section}"
    return Control(id, title, source, "", "", gdpr_article, k3s_compatibility, sum(checks, ()))


def _kubernetes(settings: Settings) -> tuple[int, int]:
    return K3sVersion.parse(settings.k3s_version).kubernetes


def keys(settings: Settings, role: Role) -> dict[str, object]:
    """Returns the keys that the profile's active controls add to config.yaml. Lists extend those of other settings."""
    added: dict[str, object] = {}
    for control in _active(settings, role):
        for check in control.checks:
            if check.kind == "k3s":
                flag, _, name = check.key.partition(" ")
                if name:
                    added[flag] = [*added.get(flag, []), f"{name}={check.expected}"]  # type: ignore[misc]
                else:
                    added[flag] = True
    return added


def files(settings: Settings, role: Role) -> list[File]:
    """Returns the files that the profile's active controls put on a host."""
    paths = {
        check.key for control in _active(settings, role) for check in control.checks if check.kind == "file"
    }
    candidates = (audit_file(), admission_file(settings), policies_file(settings), modes_file())
    return [file for file in candidates if file.path in paths]


def _active(settings: Settings, role: Role) -> list[Control]:
    if settings.k3s_profile != "cis":
        return []
    return [control for control in controls(settings, role) if control.id not in settings.harden_exceptions]


def audit_file() -> File:
    """Returns the API server's audit policy, which records requests without their contents."""
    return File(AUDIT, templates.text("hardening/audit.yaml"), "600")


def admission_file(settings: Settings) -> File:
    """Returns the API server's admission configuration."""
    modern = _kubernetes(settings) >= FIRST_POD_SECURITY
    name = "admission.yaml" if modern else "admission-1.24.yaml"
    return File(ADMISSION, templates.text(f"hardening/{name}"), "600")


def policies_file(settings: Settings) -> File:
    """Returns the manifests that K3s applies: network policies, and up to 1.24 pod security policies."""
    text = templates.text("hardening/network-policies.yaml")
    if _kubernetes(settings) < FIRST_POD_SECURITY:
        text += templates.text("hardening/pod-security-policies.yaml")
    return File(POLICIES, text, "600")


def modes_file() -> File:
    """Returns the unit's drop-in that restricts certificates, because K3s writes them with mode 644 at each start."""
    return File(
        "/etc/systemd/system/k3s.service.d/skerry-cis.conf", templates.text("hardening/k3s-modes.conf")
    )

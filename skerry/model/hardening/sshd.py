"""SSH: the controls, and sshd's drop-in composed from them.

Algorithms after https://www.ssh-audit.com/hardening_guides.html, the versions that introduced them after the release
notes of OpenSSH (https://www.openssh.com/releasenotes.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skerry.model.files import File
from skerry.model.hardening.control import Check, Control, GdprArticle

DROP_IN = "/etc/ssh/sshd_config.d/00-skerry.conf"
BANNER = "/etc/issue.net"
# DSA and NIST curves: the guides above advise against both.
WEAK_KEYS = ("dsa", "ecdsa")
RSA_BITS = 3072

# A reload would return while the old sshd still accepts connections for a moment, and such a connection could confirm a
# change that locks us out. A restart returns when the new sshd is ready, and ends no sessions (KillMode=process).
RESTART = (
    "systemctl reset-failed ssh.service; systemctl try-restart ssh.service || "
    "{ journalctl --unit ssh.service --lines 5 --output cat >&2; false; }"
)

# Best first, each with the OpenSSH version that introduced it. No SHA-1, NIST curves, CBC or encrypt-and-MAC.
KEX = (
    ("mlkem768x25519-sha256", (9, 9)),
    ("sntrup761x25519-sha512", (9, 9)),
    ("sntrup761x25519-sha512@openssh.com", (8, 5)),
    ("curve25519-sha256", (7, 4)),
    ("curve25519-sha256@libssh.org", (6, 5)),
    ("diffie-hellman-group18-sha512", (7, 3)),
    ("diffie-hellman-group16-sha512", (7, 3)),
)
CIPHERS = (
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-gcm@openssh.com",
    "aes128-ctr",
)
# Before this version, chacha20-poly1305 can be truncated (CVE-2023-48795), unless the distribution has a backport.
STRICT_KEX = (9, 6)
MACS = ("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "umac-128-etm@openssh.com")
HOST_KEY_ALGORITHMS = ("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256")
USER_KEY_ALGORITHMS = (
    "ssh-ed25519",
    "ssh-ed25519-cert-v01@openssh.com",
    "sk-ssh-ed25519@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
)

_COMPATIBLE = "K3s does not use SSH"


@dataclass(frozen=True)
class HostKey:
    """A host key of sshd: its type as in the file's name, such as "ed25519", and its length in bits."""

    path: str
    type: str
    bits: int

    @property
    def strong(self) -> bool:
        return self.type == "ed25519" or (self.type == "rsa" and self.bits >= RSA_BITS)


def controls(root_login: str, openssh: tuple[int, int]) -> list[Control]:
    """Returns sshd's controls for OpenSSH version `openssh`. `root_login`: "prohibit-password" or "no".

    The drop-in contains the titles: a changed title rewrites it on every host and restarts sshd.
    """
    accepted = "pubkeyacceptedalgorithms" if openssh >= (8, 5) else "pubkeyacceptedkeytypes"
    no_password = "without-password|prohibit-password|no" if root_login == "prohibit-password" else "no"
    kex = [name for name, since in KEX if since <= openssh]
    return [
        _control("SSH-01", "Nobody logs in with a password", "5.2.10", "5.2.9", {
            "passwordauthentication": "no", "kbdinteractiveauthentication": "no", "permitemptypasswords": "no",
            "pubkeyauthentication": "yes",
        }),
        _control("SSH-02", "root logs in by key or not at all", "5.2.9", "5.2.7", {
            "permitrootlogin": no_password,
        }),
        _control("SSH-03", "Attempts, sessions and idle connections are limited", "5.2.6, 5.2.15, 5.2.21",
            "5.2.18-22", {
            "maxauthtries": "4", "logingracetime": "30", "maxsessions": "10", "maxstartups": "10:30:60",
            "clientaliveinterval": "300", "clientalivecountmax": "2",
        }),
        _control("SSH-04", "Nothing is forwarded but local TCP connections", "5.2.5, 5.2.20", "5.2.12, 5.2.16", {
            "x11forwarding": "no", "allowagentforwarding": "no", "allowtcpforwarding": "local",
            "allowstreamlocalforwarding": "no", "gatewayports": "no", "permittunnel": "no",
        }, "operators reach the API server through a tunnel (ssh -L), so local forwarding stays"),
        _control("SSH-05", "No trust in other hosts or in the user's environment", "5.2.7, 5.2.8, 5.2.11",
            "5.2.8, 5.2.10, 5.2.11", {
            "hostbasedauthentication": "no", "ignorerhosts": "yes", "permituserenvironment": "no",
            "strictmodes": "yes", "usepam": "yes", "compression": "no", "tcpkeepalive": "no", "usedns": "no",
        }),
        _control("SSH-06", "Each login is logged with the key that was used", "5.2.4", "5.2.5", {
            "loglevel": "VERBOSE", "printlastlog": "yes",
        }),
        _control("SSH-07", "Key exchange is modern", "5.2.14", "5.2.15", {"kexalgorithms": ",".join(kex)}),
        _control("SSH-08", "Ciphers are modern", "5.2.12", "5.2.13", {"ciphers": ",".join(CIPHERS)}),
        _control("SSH-09", "MACs are modern", "5.2.13", "5.2.14", {"macs": ",".join(MACS)}),
        _control("SSH-10", "Host and user keys are of modern types", "", "", {
            "hostkeyalgorithms": ",".join(HOST_KEY_ALGORITHMS), accepted: ",".join(USER_KEY_ALGORITHMS),
        }),
        Control("SSH-11", "Weak host keys are gone", "ssh-audit", "", "", "32(1)(b) integrity", _COMPATIBLE,
            (Check("hostkeys", "weak", "none"),)),
        _control("SSH-12", "A banner warns before login", "5.2.18", "5.2.17", {"banner": BANNER}),
    ]  # fmt: skip


def _control(
    id: str,
    title: str,
    ubuntu: str,
    debian: str,
    options: Mapping[str, str],
    k3s_compatibility: str = _COMPATIBLE,
) -> Control:
    gdpr_article: GdprArticle = (
        "32(1)(a) encryption" if id in ("SSH-07", "SSH-08", "SSH-09") else "32(1)(b) confidentiality"
    )
    checks = tuple(Check("sshd", key, expected) for key, expected in options.items())
    return Control(
        id, title, "CIS, ssh-audit, dev-sec", ubuntu, debian, gdpr_article, k3s_compatibility, checks
    )


# Values in the form of sshd_config(5), where `sshd -T` shows another one.
_WRITTEN = {"permitrootlogin": {"without-password|prohibit-password|no": "prohibit-password"}}


def drop_in(active: Sequence[Control], host_keys: Sequence[HostKey], extra: Mapping[str, str]) -> File:
    """Returns sshd's drop-in from the active controls, named 00-… because sshd uses the first value that it reads."""
    lines = ["# Written by Skerry. sshd takes the first value it meets: what comes later does not count."]
    for control in active:
        options = [check for check in control.checks if check.kind == "sshd"]
        lines += [f"# {control.id}: {control.title}"] if options else []
        for check in options:
            value = _WRITTEN.get(check.key, {}).get(check.expected, check.expected)
            lines.append(f"{check.key} {value}")
    if any(control.id == "SSH-11" for control in active):
        lines += [f"hostkey {key.path}" for key in host_keys if key.strong]
    lines += [f"{key} {value}" for key, value in sorted(extra.items())]
    return File(DROP_IN, "\n".join([*lines, ""]), "600")

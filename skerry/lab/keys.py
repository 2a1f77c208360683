"""SSH keys: one client key per lab, one host key per host, made here so that nothing is trusted on sight."""

from __future__ import annotations

from pathlib import Path

from skerry.lab import tools
from skerry.lab.command import run


def make(path: Path, comment: str) -> str:
    """The public half of the ed25519 key at `path`, which is made (0600) if it is not there yet."""
    public = path.with_name(path.name + ".pub")
    if not public.exists():
        tools.need("ssh-keygen")
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return public.read_text().strip()


def known_host(address: str, port: int, public: str) -> str:
    """The known_hosts line of a host."""
    place = address if port == 22 else f"[{address}]:{port}"
    kind, key = public.split()[:2]
    return f"{place} {kind} {key}\n"

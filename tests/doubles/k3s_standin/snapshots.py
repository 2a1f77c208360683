"""`k3s etcd-snapshot save` and `ls`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from urllib.parse import quote

from .client import KubeconfigError, from_kubeconfig
from .config import Settings, load
from .log import fatal, info


def run(arguments: list[str]) -> int:
    """`save` asks the running server, as in K3s; `ls` reads the disk."""
    action, rest = (arguments[0], arguments[1:]) if arguments else ("save", [])
    if action.startswith("-"):
        action, rest = "save", arguments
    settings = load("etcd-snapshot", rest)
    if action in ("ls", "list", "l"):
        return _list(settings)
    if action != "save":
        fatal(f"the stand-in cannot do etcd-snapshot {action}")
    if settings.is_set("s3"):
        fatal("the stand-in has no S3")
    name = settings.text("name") or settings.text("etcd-snapshot-name") or "on-demand"
    try:
        client = from_kubeconfig(settings.text("write-kubeconfig", "/etc/rancher/k3s/k3s.yaml"))
        code, text = client.request("POST", f"/v1-skerry-double/snapshots/{quote(name)}")
    except (KubeconfigError, OSError) as error:
        fatal(f"Error: see server log for details: {error}")
    if code != 200:
        fatal(f"Error: see server log for details: {json.loads(text)['message']}")
    info(f"Snapshot {Path(json.loads(text)['path']).name} saved.")
    return 0


def _list(settings: Settings) -> int:
    default = Path(settings.text("data-dir", "/var/lib/rancher/k3s"), "server/db/snapshots")
    folder = Path(settings.text("dir") or settings.text("etcd-snapshot-dir") or default)
    rows = [("Name", "Location", "Size", "Created")]
    for path in sorted(folder.glob("[!.]*")):
        about = path.stat()
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(about.st_mtime))
        rows.append((path.name, f"file://{path}", str(about.st_size), created))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print(" ".join(cell.ljust(widths[at]) for at, cell in enumerate(row)).rstrip())
    return 0

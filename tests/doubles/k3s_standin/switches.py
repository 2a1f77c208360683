"""Switches with which a test makes the stand-in slow, broken or lenient.

Each switch is `SKERRY_DOUBLE_<NAME>` in the environment (which wins) or a key in /etc/skerry-double.json.
"""

from __future__ import annotations

import json
import os
from typing import Any

from . import VERSION
from .log import fatal

DEFAULTS: dict[str, Any] = {
    "start_seconds": 2.0,  # from start to READY=1; the API answers 503 for the first half
    "ready_seconds": 1.0,  # from READY=1 to a Ready node
    "election_seconds": 5.0,  # how long etcd's followers wait for a heartbeat, as in K3s
    "learner_seconds": 1.0,  # how long at least a new member of etcd remains a learner
    "etcd_port": 2380,  # between members; metrics are on the next port
    "token_wait_seconds": 4.0,  # how long to wait for a missing token file
    "fail_start": "",  # a message: log it and exit 1
    "hang": False,  # never READY=1, the API stays at 503
    "never_ready": False,  # API up, READY=1, the node stays NotReady
    "allocatable_wrong": False,  # allocatable equals capacity, whatever is reserved
    "skip_kernel": False,  # protect-kernel-defaults finds nothing (containers share /proc/sys)
    "skip_cgroup": False,  # cgroup v1 is accepted by every version
    "drain_blocked": "",  # a node with a pod that its disruption budget protects from `kubectl drain`
    "unknown_keys": "fatal",  # "skip": warn about unknown keys in a server's config.yaml, as K3s does
    "only_version": "",  # the file applies to this version alone, so that a new version fails where the old one runs
    "node_dir": "/etc/rancher/node",  # the folder of the node password; K3s has no flag for it
}


def switch(name: str) -> Any:
    """The value of a switch from the environment, else from the file, else its default."""
    text = os.environ.get("SKERRY_DOUBLE_" + name.upper())
    if text is None:
        return _file().get(name, DEFAULTS[name])
    try:
        return type(DEFAULTS[name])(json.loads(text))
    except ValueError:
        return text


def _file() -> dict[str, Any]:
    path = os.environ.get("SKERRY_DOUBLE_FILE", "/etc/skerry-double.json")
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib costs `kubectl` 10 ms
            values: dict[str, Any] = json.load(file)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        fatal(f"{path} is not JSON: {error}")
    unknown = sorted(set(values) - set(DEFAULTS))
    if unknown:
        fatal(f"{path} has unknown switches: {', '.join(unknown)}")
    if values.get("only_version") not in (None, "", VERSION):
        return {}
    return values

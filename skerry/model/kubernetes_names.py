"""The names that Kubernetes accepts for its objects.

https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
"""

from __future__ import annotations

import re

from skerry.model.errors import InputError

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
DNS_SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def check_dns_label(kind: str, name: str) -> None:
    """Raise InputError unless `name` can name a namespace. `kind` is what it names, such as "cluster"."""
    if not DNS_LABEL.fullmatch(name):
        raise InputError(
            f"{kind} {name!r} is not a name that Kubernetes accepts; use at most 63 of a-z, 0-9 and '-', "
            "with a letter or digit at both ends"
        )

"""Names as Kubernetes takes them."""

from __future__ import annotations

import re

from skerry.model.errors import InputError

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
SUBDOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def check_label(what: str, name: str) -> None:
    """Raises InputError unless `name` can name a namespace; `what` says whose name it is."""
    if not LABEL.fullmatch(name):
        raise InputError(
            f"{what} {name!r} is no name for Kubernetes; use at most 63 of a-z, 0-9 and '-', "
            "with a letter or digit at both ends"
        )

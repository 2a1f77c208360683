"""Kubernetes quantities of CPU and memory, as text and as whole numbers.

The grammar is https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ without two forms that
are nearly always mistakes in a setting: memory without a unit, and memory in "m".
"""

import math
import re
from fractions import Fraction

from skerry.model.errors import InputError

KIB, MIB, GIB = 2**10, 2**20, 2**30

_UNITS: dict[str, int] = {
    **{f"{prefix}i": 1024**power for power, prefix in enumerate("KMGTPE", start=1)},
    **{prefix: 1000**power for power, prefix in enumerate("kMGTPE", start=1)},
}


def parse_cpu(text: str) -> int:
    """Returns millicores: 500 for "500m" and "0.5", 1000 for "1".

    Raises InputError for any other form, and for fractions of a millicore, which the API server refuses.
    """
    if match := re.fullmatch(r"([0-9]+)m", text):
        return int(match[1])
    if re.fullmatch(r"[0-9]+(\.[0-9]{1,3})?", text):
        return int(Fraction(text) * 1000)
    raise InputError(f"cpu {text!r} is not a quantity; write '500m' or '0.5'")


def format_cpu(millicores: int) -> str:
    """Returns millicores in Kubernetes' form: "500m", or "2" for whole cores."""
    cores, rest = divmod(millicores, 1000)
    return f"{millicores}m" if rest else str(cores)


def parse_memory(text: str, *, from_api: bool = False) -> int:
    """Returns bytes: 512 * 2**20 for "512Mi", 500 * 10**6 for "500M". Fractions of a byte round up, as in Kubernetes.

    Raises InputError for any other form. A number without a unit is accepted only with `from_api`: the API server
    writes bytes in that form if no unit fits.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)", text)
    if not match:
        raise InputError(f"memory {text!r} is not a quantity; write it as '512Mi'")
    number, unit = match.groups()
    if not unit and from_api:
        return math.ceil(Fraction(number))
    if not unit:
        raise InputError(f"memory {text!r} has no unit; write '{number}Mi'")
    if unit not in _UNITS:
        raise InputError(f"memory {text!r} has an unknown unit; write '{number}Mi' or '{number}Gi'")
    return math.ceil(Fraction(number) * _UNITS[unit])


def format_memory(size_bytes: int) -> str:
    """Returns bytes in the shortest exact form: "512Mi", "2G", a plain number if no unit fits, "0Mi" for zero."""
    if size_bytes == 0:
        return "0Mi"
    exact = [f"{size_bytes // unit}{name}" for name, unit in _UNITS.items() if size_bytes % unit == 0]
    return min(exact, key=len, default=str(size_bytes))

"""Kubernetes quantities (`500m`, `512Mi`, `1e3`), parsed exactly and written in canonical form."""

from __future__ import annotations

import re
from fractions import Fraction

DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
FORM = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE]([+-]?[0-9]+)|([KMGTPE]i|[numkMGTPE]?))$")
RULE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


def parse(text: str) -> Fraction:
    """The exact value. Raises ValueError with Kubernetes' message."""
    match = FORM.match(text)
    if not match:
        raise ValueError(RULE)
    number, exponent, suffix = match.groups()
    if exponent is not None:
        return Fraction(number) * _power(10, int(exponent))
    if suffix in BINARY:
        return Fraction(number) * _power(1024, BINARY[suffix])
    return Fraction(number) * _power(10, DECIMAL[suffix])


def cores(value: Fraction) -> str:
    """CPU: whole cores or thousandths, as `2` or `1500m`."""
    thousandths = -(-value * 1000 // 1)
    return str(thousandths // 1000) if thousandths % 1000 == 0 else f"{thousandths}m"


def size(value: Fraction) -> str:
    """Bytes with the largest binary unit that divides them, as `1987Mi`."""
    number, unit = int(value), ""
    for name in BINARY:
        if number == 0 or number % 1024:
            break
        number, unit = number // 1024, name
    return f"{number}{unit}"


def _power(base: int, exponent: int) -> Fraction:
    power = Fraction(base ** abs(exponent))
    return power if exponent >= 0 else 1 / power

"""Thresholds below which the kubelet evicts pods, by signal.

https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/; the accepted forms are those of
parseThresholdStatement in kubernetes/kubernetes, pkg/kubelet/eviction/helpers.go.
"""

import re
from collections.abc import Mapping
from fractions import Fraction

from skerry.model.errors import InputError
from skerry.model.quantity import parse_memory

# Every signal that users may set. The kubelet ignores values for containerfs and derives them.
SIGNALS = (
    "memory.available",
    "nodefs.available",
    "nodefs.inodesFree",
    "imagefs.available",
    "imagefs.inodesFree",
    "pid.available",
)
# Signals that count something else than bytes.
_COUNTED = ("nodefs.inodesFree", "imagefs.inodesFree", "pid.available")


def check_eviction(thresholds: Mapping[str, str]) -> None:
    """Mapping of every eviction signal to an amount or a percentage.

    Raises InputError if a signal is missing, unknown or malformed. All are needed, because the kubelet drops its
    default of every signal as soon as one is set.
    """
    for signal in thresholds:
        if signal not in SIGNALS:
            raise InputError(f"{signal!r} is not an eviction signal; the signals are {', '.join(SIGNALS)}")
    for signal in SIGNALS:
        if signal not in thresholds:
            raise InputError(f"{signal!r} is missing; set it, to '0%' if pods shall never be evicted for it")
        _check_threshold(signal, thresholds[signal])


def memory_threshold(thresholds: Mapping[str, str], capacity_bytes: int) -> int:
    """Returns bytes of memory that the kubelet keeps free by evicting pods, on a host with `capacity_bytes`."""
    value = thresholds["memory.available"]
    if not value.endswith("%"):
        return parse_memory(value)
    percent = Fraction(value[:-1])
    return 0 if percent == 100 else int(capacity_bytes * percent / 100)  # the kubelet ignores 0% and 100%


def _check_threshold(signal: str, value: str) -> None:
    if value.endswith("%"):
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)?%", value) or Fraction(value[:-1]) > 100:
            raise InputError(f"{signal!r} is {value!r}; write a percentage from '0%' to '100%'")
    elif signal in _COUNTED:
        if not re.fullmatch(r"[1-9][0-9]*", value):
            raise InputError(f"{signal!r} is {value!r}; write a number such as '1000', or '5%'")
    elif _bytes(signal, value) == 0:
        raise InputError(f"{signal!r} is {value!r}, which the kubelet refuses; write '0%' for never")


def _bytes(signal: str, value: str) -> int:
    try:
        return parse_memory(value)
    except InputError as error:
        raise InputError(f"{signal!r}: {error}") from None

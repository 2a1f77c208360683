"""Swap: off now and at every later boot. The kubelet accounts memory as if there were none."""

from __future__ import annotations

import shlex

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.swap import Swap, SwapState
from skerry.operations import Commands, operation
from skerry.operations.files import TEMPORARY

MARK = "# Skerry: swap stays off: "


@deploy("Swap")
def swap() -> None:
    """No swap is active, and nothing brings it back. Lines in fstab are commented out, not deleted."""
    found = BatchedFact(Swap)
    _keep_off(name="Keep swap off at boot", found=found)
    _turn_off(name="Turn swap off", found=found)


@operation
def _keep_off(found: BatchedFact[SwapState]) -> Commands:
    state = found.current()
    if state.fstab:
        yield StringCommand(comment_out_script("/etc/fstab"))
    for unit in state.units:
        # Static units can only be masked, units whose file is in /etc only disabled; the checks look again.
        name = shlex.quote(unit)
        yield StringCommand(f"systemctl disable {name}; systemctl mask {name}; true")
    if state.zram_generator:
        yield StringCommand(": > /etc/systemd/zram-generator.conf")
    if state.fstab or state.zram_generator:
        yield StringCommand("systemctl daemon-reload")
    if not (state.fstab or state.units or state.zram_generator):
        host.noop("nothing brings swap back")


@operation
def _turn_off(found: BatchedFact[SwapState]) -> Commands:
    state = found.current()
    if not state.active:
        host.noop("no swap is active")
        return
    yield StringCommand("PATH=$PATH:/usr/sbin:/sbin swapoff --all")


def comment_out_script(fstab: str) -> str:
    """Comment out fstab's swap lines in a copy that replaces the original by one rename.

    `cp --preserve` keeps mode and owner; awk leaves every other line as it is, byte for byte.
    """
    temporary = fstab + TEMPORARY
    return (
        f"cp --preserve {fstab} {temporary} && "
        f'awk \'$1 !~ /^#/ && $3 == "swap" {{ print "{MARK}" $0; next }} {{ print }}\' {fstab} > {temporary} && '
        f"sync {temporary} && mv -f {temporary} {fstab}"
    )

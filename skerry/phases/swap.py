"""Swap: off, now and after every boot. The kubelet accounts memory as if there were no swap."""

from __future__ import annotations

import shlex

from pyinfra import host
from pyinfra.api import StringCommand, deploy

from skerry.facts.batch import BatchedFact
from skerry.facts.swap import Swap, SwapState
from skerry.model.preparation.swap import comment_out_script
from skerry.operations import Commands, operation


@deploy("Swap")
def swap() -> None:
    """Turn swap off, now and at every boot. Lines in fstab are commented out, not deleted."""
    fact = BatchedFact(Swap)
    _keep_off(name="Keep swap off at boot", fact=fact)
    _turn_off(name="Turn swap off", fact=fact)


@operation
def _keep_off(fact: BatchedFact[SwapState]) -> Commands:
    state = fact.current()
    if state.fstab:
        yield StringCommand(comment_out_script("/etc/fstab"))
    for unit in map(shlex.quote, state.units):
        # A static unit can only be masked, a unit whose file is in /etc only disabled: one of the two may fail.
        yield StringCommand(f"systemctl disable {unit}; systemctl mask {unit}; true")
    if state.zram_generator:
        yield StringCommand(": > /etc/systemd/zram-generator.conf")
    if state.fstab or state.zram_generator:
        yield StringCommand("systemctl daemon-reload")
    if not (state.fstab or state.units or state.zram_generator):
        host.noop("nothing turns swap on at boot")


@operation
def _turn_off(fact: BatchedFact[SwapState]) -> Commands:
    if not fact.current().active:
        host.noop("no swap is active")
        return
    yield StringCommand("PATH=$PATH:/usr/sbin:/sbin swapoff --all")

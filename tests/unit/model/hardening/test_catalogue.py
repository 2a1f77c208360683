"""The catalogue of controls: complete, with sources, and nothing that breaks K3s."""

from __future__ import annotations

import re

from skerry.model.hardening import catalogue
from skerry.model.hardening.catalogue import IDS
from skerry.model.hardening.host_context import HostContext
from skerry.model.preparation.kernel import MODULES, SYSCTLS


def test_every_control_has_an_id_a_source_and_its_effect_on_k3s(
    host_context: HostContext,
) -> None:
    controls = catalogue.controls(host_context)
    assert {control.id for control in controls} == IDS
    assert len(controls) == len(IDS)
    for control in controls:
        assert all((control.title, control.source, control.k3s_compatibility, control.gdpr_article)), (
            control.id
        )
        for section in (control.ubuntu, control.debian):
            assert re.fullmatch(r"([1-6](\.[0-9]+)*(-[0-9.]+)?(, )?)*", section), control.id


def test_no_control_breaks_k3s(host_context: HostContext) -> None:
    checks = [check for control in catalogue.controls(host_context) for check in control.checks]
    sysctls = {check.key: check.expected for check in checks if check.kind == "sysctl"}
    assert not set(sysctls) & set(SYSCTLS)
    assert not [key for key in sysctls if "forward" in key or "bridge" in key or key.endswith("accept_ra")]
    assert sysctls["net.ipv4.conf.all.rp_filter"].startswith("2")
    assert not {check.key for check in checks if check.kind == "module"} & {*MODULES, "squashfs", "sctp"}
    assert not [check for check in checks if check.kind == "mount" and check.key in ("/var", "/tmp")]

from __future__ import annotations

from skerry.model.hardening import kernel


def test_sysctl_and_module_files_leave_out_waived_controls() -> None:
    active = [control for control in kernel.controls() if control.id != "KRN-09"]
    assert "kexec" not in kernel.sysctl_file(active).content
    assert "\nkernel.kptr_restrict = 2\n" in kernel.sysctl_file(active).content
    assert "install dccp /bin/true\n" in kernel.modules_file(active).content

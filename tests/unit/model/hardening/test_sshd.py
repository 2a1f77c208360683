from __future__ import annotations

import pytest

from skerry.model.hardening import sshd

KEYS = [sshd.HostKey("/etc/ssh/ssh_host_ed25519_key", "ed25519", 256), sshd.HostKey("/k", "ecdsa", 256)]


@pytest.mark.parametrize(
    ("openssh", "best", "lacks"),
    [((8, 2), "curve25519-sha256", "sntrup"), ((8, 5), "sntrup761x25519-sha512@openssh.com", "mlkem"),
     ((9, 9), "mlkem768x25519-sha256", "nothing")],
)  # fmt: skip
def test_key_exchange_is_the_best_that_the_version_supports(
    openssh: tuple[int, int], best: str, lacks: str
) -> None:
    [control] = [control for control in sshd.controls("prohibit-password", openssh) if control.id == "SSH-07"]
    assert control.checks[0].expected.startswith(f"{best},")
    assert lacks not in control.checks[0].expected


def test_the_drop_in_has_the_controls_that_are_not_waived_and_the_users_options_last() -> None:
    controls = [control for control in sshd.controls("no", (8, 2)) if control.id != "SSH-03"]
    text = sshd.drop_in(controls, KEYS, {"AllowUsers": "ada"}).content
    assert "permitrootlogin no\n" in text
    assert "maxauthtries" not in text
    assert "pubkeyacceptedkeytypes" in text
    assert "hostkey /etc/ssh/ssh_host_ed25519_key\n" in text
    assert "hostkey /k" not in text
    assert text.endswith("AllowUsers ada\n")

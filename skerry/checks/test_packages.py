from typing import Any

from skerry.model.preparation.packages import REQUIRED
from skerry.model.settings.settings import Settings


def test_every_required_package_is_installed(host: Any, settings: Settings) -> None:
    missing = [name for name in (*REQUIRED, *settings.packages_extra) if not host.package(name).is_installed]
    assert missing == []


def test_dpkg_was_not_left_half_done(host: Any) -> None:
    assert host.run("dpkg --audit").stdout == ""

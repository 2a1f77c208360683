"""Required packages are installed, and dpkg has nothing left to do."""

from typing import Any

from skerry.model.preparation.packages import REQUIRED
from skerry.model.settings.settings import Settings


def test_every_required_package_is_installed(host: Any, settings: Settings) -> None:
    missing = [name for name in (*REQUIRED, *settings.packages_extra) if not host.package(name).is_installed]
    assert missing == []


def test_dpkg_has_finished(host: Any) -> None:
    assert host.run("dpkg --audit").stdout == ""

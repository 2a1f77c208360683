"""K3s's configuration for scheduled snapshots of etcd, and the credentials for S3."""

from __future__ import annotations

from collections.abc import Mapping

from skerry.model.errors import InputError
from skerry.model.files import File
from skerry.model.settings.setting_types import S3_KEYS, S3_VARIABLES
from skerry.model.settings.settings import Settings
from skerry.model.yaml_text import dump

CREDENTIALS = "/etc/rancher/k3s/config.yaml.d/50-skerry-s3.yaml"
"""A separate file, because its content is secret."""


def keys(settings: Settings) -> dict[str, object]:
    """Returns the keys of config.yaml. They contain no secrets."""
    s3 = {f"etcd-s3-{name}": settings.snapshot_s3.get(name) for name in sorted(S3_KEYS)}
    return {
        "etcd-disable-snapshots": not settings.snapshot_schedule,
        "etcd-snapshot-schedule-cron": settings.snapshot_schedule,
        "etcd-snapshot-retention": settings.snapshot_keep,
        "etcd-s3": bool(settings.snapshot_s3),
        **s3,
    }


def credentials(settings: Settings, environment: Mapping[str, str]) -> list[File]:
    """Returns the drop-in with S3's credentials; [] without S3 or etcd. Raises InputError for an unset variable."""
    if not settings.snapshot_s3 or settings.k3s_datastore != "etcd":
        return []
    names = {name: settings.snapshot_s3.get(name, default) for name, default in S3_VARIABLES.items()}
    if missing := [name for name in names.values() if not environment.get(name)]:
        raise InputError(
            f"snapshot_s3 needs the environment variable {missing[0]}, which is not set; export it, then run again"
        )
    content = {f"etcd-s3-{name.removesuffix('_variable').replace('_', '-')}": environment[variable]
               for name, variable in names.items()}  # fmt: skip
    return [File(CREDENTIALS, dump(content, "Written by Skerry from the environment"), "600")]

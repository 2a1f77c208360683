"""A host's settings, validated before the host is touched.

Their meanings and defaults are in inventories/group_data/all.py, in the same order; docs/reference/settings.md is
generated from both files.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from skerry.model.errors import InputError
from skerry.model.flux import check_flux
from skerry.model.k3s.versions import K3sVersion, check_supports
from skerry.model.settings import setting_types
from skerry.model.settings.validation_messages import message


class Settings(BaseModel):
    """One host's settings. Their defaults are only in inventories/group_data/all.py."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    region: str
    country: setting_types.Country

    ssh_fingerprint: setting_types.Fingerprint

    min_disk_free_gib: setting_types.Positive
    max_clock_skew_seconds: setting_types.Positive

    packages_extra: setting_types.Packages

    time_sync: Literal["systemd-timesyncd", "chrony", "none"]
    ntp_servers: setting_types.Hosts
    clock_sync_wait_seconds: setting_types.Positive
    clock_sync_required: bool

    cgroup_v1: Literal["switch", "refuse"]
    reboot_timeout_seconds: setting_types.Positive

    harden: bool
    harden_exceptions: setting_types.Waivers
    rollback_seconds: setting_types.RollbackSeconds
    users: setting_types.Users
    sshd_root_login: Literal["prohibit-password", "no"]
    sshd_extra: setting_types.SshdOptions
    firewall_ssh_from: setting_types.Networks
    firewall_api_from: setting_types.Networks
    firewall_members: setting_types.Networks
    firewall_open: setting_types.Openings
    firewall_takeover: bool
    login_banner: setting_types.Text
    journal_max_mib: setting_types.Positive
    reboot_window: setting_types.RebootWindow
    reboot_drain_seconds: setting_types.Positive

    disk_gate: Literal["refuse", "warn"]
    disk_measure: bool
    disk_dedicated: bool

    k3s_version: setting_types.Version
    k3s_downgrade: bool
    k3s_profile: Literal["plain", "cis"]
    k3s_datastore: Literal["etcd", "sqlite"]
    k3s_cluster_cidr: setting_types.Network
    k3s_service_cidr: setting_types.Network
    k3s_flannel_backend: Literal["vxlan", "host-gw", "wireguard-native", "none"]
    k3s_node_ip: setting_types.Address
    k3s_api_endpoint: setting_types.Endpoint
    k3s_registration_endpoint: setting_types.Endpoint
    k3s_tls_sans: setting_types.Hosts
    k3s_disable: setting_types.Components
    k3s_node_labels: setting_types.Labels
    k3s_node_taints: setting_types.Taints
    k3s_secrets_encryption: bool
    k3s_protect_kernel_defaults: bool
    k3s_config_extra: setting_types.Extra
    k3s_ready_timeout_seconds: setting_types.Positive

    snapshot_schedule: setting_types.Schedule
    snapshot_keep: setting_types.Positive
    snapshot_max_age_hours: setting_types.Positive
    snapshot_s3: setting_types.S3
    backup_recipients: setting_types.Recipients

    upgrade_batch_percent: setting_types.Percent

    reserve: setting_types.Reservation
    max_pods: setting_types.Positive
    eviction_hard: setting_types.Evictions

    artifact_delivery: Literal["download", "push"]
    artifact_folder: setting_types.Path
    artifact_lock: setting_types.Path
    artifact_mirror: setting_types.Mirror
    artifact_relay: bool
    k3s_airgap_images: bool

    flux_forge: Literal["none", "github", "gitlab", "gitea", "git"]
    flux_repository: setting_types.Repository
    flux_hostname: setting_types.ForgeHost
    flux_personal: bool
    flux_branch: setting_types.Branch
    flux_path: setting_types.FleetPath
    flux_private_key: str
    flux_network_policy: bool
    flux_timeout_seconds: setting_types.Positive

    uninstall_delete_volumes: bool

    # In a validator, info.data has those settings above the validated one that are valid.

    @field_validator("k3s_service_cidr")
    @classmethod
    def _outside_pod_network(cls, text: str, info: ValidationInfo) -> str:
        if pods_text := info.data.get("k3s_cluster_cidr"):
            pods, services = ipaddress.ip_network(pods_text), ipaddress.ip_network(text)
            if pods.version != services.version:
                raise InputError(
                    f"{text!r} and k3s_cluster_cidr {pods_text!r} are not both IPv4 or both IPv6; use one family"
                )
            if pods.overlaps(services):
                raise InputError(f"{text!r} overlaps k3s_cluster_cidr {pods_text!r}; choose another network")
        return text

    @field_validator("flux_repository", "flux_path", "flux_private_key")
    @classmethod
    def _check_forge(cls, value: str, info: ValidationInfo) -> str:
        check_flux(str(info.data.get("flux_forge", "none")), str(info.field_name), value)
        return value

    @field_validator("k3s_flannel_backend", "k3s_config_extra")
    @classmethod
    def _supported_by_k3s_version(cls, value: str | dict[str, object], info: ValidationInfo) -> object:
        if text := info.data.get("k3s_version"):
            for feature in [value] if isinstance(value, str) else value:
                check_supports(K3sVersion.parse(text), feature.removesuffix("+"))
        return value


def parse_settings(host: str, data: Mapping[str, object], *, ignored: Collection[str] = ()) -> Settings:
    """Returns the settings in pyinfra's data of `host`.

    Names that start with "_" and those in `ignored`, which belong to pyinfra's connector, are dropped. Raises
    InputError with one line for each problem, "HOST: setting NAME: what is wrong; how to correct it", unknown names
    first.
    """
    left_out = set(ignored) - set(Settings.model_fields)
    given = {name: value for name, value in data.items() if not name.startswith("_") and name not in left_out}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
        known = [*Settings.model_fields, *ignored, "_sudo"]
        raise InputError("\n".join(f"{host}: {message(detail, known)}" for detail in details)) from None

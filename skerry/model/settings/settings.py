"""A host's settings, validated before the host is touched.

Their meanings and defaults are in inventories/group_data/all.py.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from skerry.model.errors import InputError
from skerry.model.flux import check_flux
from skerry.model.k3s.versions import K3sVersion, check_supports
from skerry.model.settings import setting_types as forms
from skerry.model.settings.inventory import check_inventory
from skerry.model.settings.validation_messages import in_words

__all__ = ["Settings", "check_inventory", "parse_settings"]


class Settings(BaseModel):
    """One host's settings. No defaults here: all.py is the one place for them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    region: str
    country: forms.Country

    ssh_fingerprint: forms.Fingerprint

    min_disk_free_gib: forms.Positive
    max_clock_skew_seconds: forms.Positive

    packages_extra: forms.Packages

    time_sync: Literal["systemd-timesyncd", "chrony", "none"]
    ntp_servers: forms.Hosts
    clock_sync_wait_seconds: forms.Positive
    clock_sync_required: bool

    cgroup_v1: Literal["switch", "refuse"]
    reboot_timeout_seconds: forms.Positive

    harden: bool
    harden_exceptions: forms.Exceptions
    rollback_seconds: forms.RollbackSeconds
    users: forms.Users
    sshd_root_login: Literal["prohibit-password", "no"]
    sshd_extra: forms.SshdOptions
    firewall_ssh_from: forms.Networks
    firewall_api_from: forms.Networks
    firewall_members: forms.Networks
    firewall_open: forms.Openings
    firewall_takeover: bool
    login_banner: forms.Text
    journal_max_mib: forms.Positive
    reboot_window: forms.Window
    reboot_drain_seconds: forms.Positive

    k3s_version: forms.Version
    k3s_downgrade: bool
    k3s_profile: Literal["plain", "cis"]
    k3s_datastore: Literal["etcd", "sqlite"]
    k3s_cluster_cidr: forms.Network
    k3s_service_cidr: forms.Network
    k3s_flannel_backend: Literal["vxlan", "host-gw", "wireguard-native", "none"]
    k3s_node_ip: forms.Address
    k3s_api_endpoint: forms.Endpoint
    k3s_registration_endpoint: forms.Endpoint
    k3s_tls_sans: forms.Hosts
    k3s_disable: forms.Components
    k3s_node_labels: forms.Labels
    k3s_node_taints: forms.Taints
    k3s_secrets_encryption: bool
    k3s_protect_kernel_defaults: bool
    k3s_config_extra: forms.Extra
    k3s_ready_timeout_seconds: forms.Positive

    snapshot_schedule: forms.Schedule
    snapshot_keep: forms.Positive
    snapshot_max_age_hours: forms.Positive
    snapshot_s3: forms.S3
    backup_recipients: forms.Recipients

    upgrade_batch_percent: forms.Percent

    reserve: forms.Reservation
    max_pods: forms.Positive
    eviction_hard: forms.Evictions

    artifact_delivery: Literal["download", "push"]
    artifact_folder: forms.Path
    artifact_lock: forms.Path
    artifact_mirror: forms.Mirror
    artifact_relay: bool
    k3s_airgap_images: bool

    disk_gate: Literal["refuse", "warn"]
    disk_measure: bool
    disk_dedicated: bool
    flux_forge: Literal["none", "github", "gitlab", "gitea", "git"]
    flux_repository: forms.Repository
    flux_hostname: forms.HostName
    flux_personal: bool
    flux_branch: forms.Branch
    flux_path: forms.FleetPath
    flux_private_key: str
    flux_network_policy: bool
    flux_timeout_seconds: forms.Positive

    uninstall_delete_volumes: bool

    # These see the settings above their own, less those that are wrong themselves.

    @field_validator("k3s_service_cidr")
    @classmethod
    def _apart_from_pods(cls, text: str, info: ValidationInfo) -> str:
        if pods_text := info.data.get("k3s_cluster_cidr"):
            pods, services = ipaddress.ip_network(pods_text), ipaddress.ip_network(text)
            if pods.version != services.version:
                raise InputError(
                    f"{text!r} is not of the family of k3s_cluster_cidr {pods_text!r}; use one family"
                )
            if pods.overlaps(services):
                raise InputError(f"{text!r} overlaps k3s_cluster_cidr {pods_text!r}; choose another network")
        return text

    @field_validator("flux_repository", "flux_path", "flux_private_key")
    @classmethod
    def _complete_for_the_forge(cls, value: str, info: ValidationInfo) -> str:
        check_flux(str(info.data.get("flux_forge", "none")), str(info.field_name), value)
        return value

    @field_validator("k3s_flannel_backend", "k3s_config_extra")
    @classmethod
    def _known_to_the_version(cls, value: str | dict[str, object], info: ValidationInfo) -> object:
        if text := info.data.get("k3s_version"):
            for feature in [value] if isinstance(value, str) else value:
                check_supports(K3sVersion.parse(text), feature.removesuffix("+"))
        return value


def parse_settings(host: str, data: Mapping[str, object], *, ignored: Collection[str] = ()) -> Settings:
    """The settings in pyinfra's data of `host`.

    Names that start with "_" and those in `ignored`, the connector's own, are left out. Raises InputError
    with one line for each problem, "HOST: setting NAME: what is wrong; how to mend it", unknown names first.
    """
    left_out = set(ignored) - set(Settings.model_fields)
    given = {name: value for name, value in data.items() if not name.startswith("_") and name not in left_out}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        details = sorted(error.errors(), key=lambda detail: detail["type"] != "extra_forbidden")
        known = [*Settings.model_fields, *ignored, "_sudo"]
        raise InputError("\n".join(f"{host}: {in_words(detail, known)}" for detail in details)) from None

"""Types of the settings in `Settings`, each with its own check."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, TypeVar, cast

from pydantic import AfterValidator, Field, PlainValidator
from typing_extensions import NotRequired, TypedDict

from skerry.model.errors import InputError
from skerry.model.k3s.config_keys import check_extra
from skerry.model.k3s.eviction import check_eviction
from skerry.model.k3s.reservations import reservations
from skerry.model.settings import network_checks, text_checks
from skerry.model.settings.labels import check_label, check_taint

S3_KEYS = frozenset({"bucket", "endpoint", "region", "folder"})
S3_VARIABLES = {"access_key_variable": "SKERRY_S3_ACCESS_KEY", "secret_key_variable": "SKERRY_S3_SECRET_KEY"}

Reserve = str | dict[str, dict[str, str]]
T = TypeVar("T")


def _checked(check: Callable[[T], None]) -> AfterValidator:
    def validate(value: T) -> T:
        check(value)
        return value

    validate.__doc__ = check.__doc__
    return AfterValidator(validate)


def _reserve(value: object) -> Reserve:
    """One of "recipe" and "auto", or CPU and memory for "system" and "kube"."""
    if not isinstance(value, (str, Mapping)):
        raise InputError(
            f"{value!r} is not a reservation; write 'recipe', 'auto' or amounts for system and kube"
        )
    reservations(value, role="agent", cores=1, memory_bytes=0, max_pods=1)
    return cast(Reserve, value)


def _s3(options: dict[str, str]) -> None:
    """Mapping with "bucket" and, as needed, "endpoint", "region", "folder" and the names of two variables; or {}."""
    known = S3_KEYS | S3_VARIABLES.keys()
    if unknown := sorted(options.keys() - known):
        raise InputError(f"does not know {unknown[0]!r}; the keys are {', '.join(sorted(known))}")
    if options and not options.get("bucket"):
        raise InputError("names no bucket; add one, or write {} for none")
    for key in S3_VARIABLES.keys() & options.keys():
        # the message leaves the value out: it may be a secret
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", options[key]):
            raise InputError(f"{key} is not the name of a variable; write one such as {S3_VARIABLES[key]!r}")


class User(TypedDict):
    """Mapping of "keys" to SSH public keys and, as needed, "sudo" to True."""

    keys: list[Annotated[str, _checked(text_checks.public_key)]]
    sudo: NotRequired[bool]


Positive = Annotated[int, Field(ge=1)]
Percent = Annotated[int, Field(ge=1, le=100)]
RollbackSeconds = Annotated[int, Field(ge=10, le=900)]

Text = Annotated[str, _checked(text_checks.line)]
Path = Annotated[str, _checked(text_checks.path)]
Country = Annotated[str, _checked(text_checks.country)]
Packages = list[Annotated[str, _checked(text_checks.package)]]
Version = Annotated[str, _checked(text_checks.version)]
Components = list[Annotated[str, _checked(text_checks.component)]]
Fingerprint = Annotated[str, _checked(text_checks.fingerprint)]
Users = dict[Annotated[str, _checked(text_checks.user)], User]
SshdOptions = dict[
    Annotated[str, _checked(text_checks.sshd_option)], Annotated[str, _checked(text_checks.line)]
]
Waivers = dict[
    Annotated[str, _checked(text_checks.control)], Annotated[dict[str, str], _checked(text_checks.waiver)]
]
RebootWindow = Annotated[str, _checked(text_checks.reboot_window)]
Schedule = Annotated[str, _checked(text_checks.schedule)]
Recipients = list[Annotated[str, _checked(text_checks.recipient)]]
Repository = Annotated[str, _checked(text_checks.repository)]
Branch = Annotated[str, _checked(text_checks.branch)]
FleetPath = Annotated[str, _checked(text_checks.fleet_path)]

Network = Annotated[str, _checked(network_checks.network)]
Networks = list[Network]
Openings = list[Annotated[str, _checked(network_checks.opening)]]
Address = Annotated[str, _checked(network_checks.address)]
Hosts = list[Annotated[str, _checked(network_checks.host)]]
Endpoint = Annotated[str, _checked(network_checks.endpoint)]
ForgeHost = Annotated[str, _checked(network_checks.forge_host)]
Mirror = Annotated[str, AfterValidator(network_checks.mirror)]

Labels = list[Annotated[str, _checked(check_label)]]
Taints = list[Annotated[str, _checked(check_taint)]]
Extra = Annotated[dict[str, object], _checked(check_extra)]
Reservation = Annotated[Reserve, PlainValidator(_reserve)]
Evictions = Annotated[dict[str, str], _checked(check_eviction)]
S3 = Annotated[dict[str, str], _checked(_s3)]

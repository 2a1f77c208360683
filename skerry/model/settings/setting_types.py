"""The forms of settings' values: types for `Settings`, each with its own check.

A check gets a value of the right type and raises InputError, "what is wrong; how to mend it".
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, TypeVar, cast

from pydantic import AfterValidator, Field, PlainValidator
from typing_extensions import NotRequired, TypedDict

from skerry.model.errors import InputError
from skerry.model.k3s.config_keys import check_extra
from skerry.model.k3s.eviction import check_eviction
from skerry.model.k3s.reservations import reservations
from skerry.model.k3s.versions import K3sVersion, check_known
from skerry.model.settings.countries import CODES
from skerry.model.settings.labels import check_label, check_taint

Reserve = str | dict[str, dict[str, str]]
T = TypeVar("T")


def _checked(check: Callable[[T], None]) -> AfterValidator:
    def validate(value: T) -> T:
        check(value)
        return value

    return AfterValidator(validate)


def _country(code: str) -> None:
    if code and code not in CODES:
        raise InputError(
            f"{code!r} is not a country's code; write two letters of ISO 3166-1 such as 'NO', or ''"
        )


def _package(name: str) -> None:
    # https://www.debian.org/doc/debian-policy/ch-controlfields.html#source
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
        raise InputError(f"{name!r} is not a package's name; write it as `apt-cache search` shows it")


def _version(text: str) -> None:
    check_known(K3sVersion.parse(text))


def _network(text: str) -> None:
    try:
        given = ipaddress.ip_interface(text)
    except ValueError:
        raise InputError(f"{text!r} is not a network; write it as '10.42.0.0/16'") from None
    if "/" not in text:
        raise InputError(f"{text!r} has no length; write it as '10.42.0.0/16'")
    if text != str(given.network):
        raise InputError(f"{text!r} is not the network itself; write '{given.network}'")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _address(text: str) -> None:
    if text and not _is_address(text):
        raise InputError(f"{text!r} is not an IP address; write one, or '' for that of the default route")


def _host(text: str) -> None:
    part = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    if not (_is_address(text) or re.fullmatch(rf"(?=.{{1,253}}$){part}(\.{part})*", text)):
        raise InputError(
            f"{text!r} is neither a host's name nor an address; write it without scheme and port"
        )


def _component(name: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise InputError(f"{name!r} is not a component's name; write one name for each, such as 'traefik'")


def _path(text: str) -> None:
    if not text.strip():
        raise InputError("is empty; write a path, relative to the project")


def _endpoint(text: str) -> None:
    if not text:
        return
    host, colon, port = text.rpartition(":")
    if not (colon and port.isdecimal() and 0 < int(port) < 65536):
        raise InputError(f"{text!r} is not an endpoint; write it as 'k3s.example.org:6443', or ''")
    _host(host[1:-1] if host.startswith("[") and host.endswith("]") else host)


def _fingerprint(text: str) -> None:
    # ssh-keygen(1): base64 of a SHA256, without padding
    if text and not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", text):
        raise InputError(
            f"{text!r} is not a fingerprint; write what `ssh-keygen -lf KEY.pub` shows, 'SHA256:...'"
        )


def _mirror(url: str) -> str:
    if re.search(r"[@?#]", url):  # not repeated in the message: it may be a password
        raise InputError("may not hold '@', '?' or '#'; write it as 'https://mirror.example/k3s'")
    if url and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", url):
        raise InputError(f"{url!r} is not a mirror; write it as 'https://mirror.example/k3s', or ''")
    return url.rstrip("/")


def _repository(text: str) -> None:
    if re.search(r"://[^/@]*:[^/@]*@", text):  # not repeated in the message: it may be a password
        raise InputError("holds a password; take it out, and give the forge's token in its variable")
    if text and not re.fullmatch(r"[\w.-]+(/[\w.-]+)+|ssh://[^\s/]+/\S+", text):
        raise InputError(
            f"{text!r} is not a repository; write it as 'owner/name' or 'ssh://git@host/path.git'"
        )


def _host_name(text: str) -> None:
    if text:
        _host(text.partition(":")[0])


def _branch(text: str) -> None:
    # git-check-ref-format(1), the part that branches need
    if not re.fullmatch(r"(?!.*(\.\.|//|@\{|\.lock$))[A-Za-z0-9_][A-Za-z0-9_./-]*(?<![./])", text):
        raise InputError(f"{text!r} is not a branch; write it as 'main'")


def _fleet_path(text: str) -> None:
    if text and not re.fullmatch(r"clusters/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise InputError(f"{text!r} is not a cluster's folder; write it as 'clusters/production'")


def _reserve(value: object) -> Reserve:
    if not isinstance(value, (str, Mapping)):
        raise InputError(
            f"{value!r} is not a reservation; write 'recipe', 'auto' or amounts for system and kube"
        )
    reservations(value, role="agent", cores=1, memory_bytes=0, max_pods=1)
    return cast(Reserve, value)


def _exception(text: dict[str, str]) -> None:
    if set(text) != {"reason", "until"} or not text.get("reason", "").strip():
        raise InputError('needs a reason and an expiry date; write {"reason": "...", "until": "2027-06-30"}')
    try:
        date.fromisoformat(text["until"])
    except ValueError:
        raise InputError(f"until is {text['until']!r}, not a date; write it as '2027-06-30'") from None


def _control(id: str) -> None:
    if not re.fullmatch(r"(SSH|FW|KRN|SYS|K3S)-[0-9]{2}", id):
        raise InputError(f"{id!r} is not a control's id; `invoke audit` lists them, such as 'SSH-04'")


def _user(name: str) -> None:
    # useradd(8)
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", name):
        raise InputError(f"{name!r} is not a user's name; write lower-case letters, digits, '_' and '-'")


def _key(text: str) -> None:
    types = r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh.com)"
    if not re.fullmatch(rf"{types} [A-Za-z0-9+/]+=*( [^\n]*)?", text):
        raise InputError(f"{text[:40]!r} is not a public key; write a line of your ~/.ssh/id_ed25519.pub")


def _option(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z]+", name) or name.lower() in ("include", "match"):
        raise InputError(f"{name!r} is not an option for here; write one of sshd_config(5), without Match")


def _opening(text: str) -> None:
    match = re.fullmatch(r"(tcp|udp)/([0-9]+)(-([0-9]+))?", text)
    ports = [int(port) for port in (match[2], match[4]) if port] if match else []
    if not ports or not all(0 < port < 65536 for port in ports) or ports != sorted(ports):
        raise InputError(f"{text!r} is not an opening; write it as 'tcp/9100' or 'udp/60000-61000'")


def _line(text: str) -> None:
    if "\n" in text or not text.strip():
        raise InputError("should be one line of text")


def _window(text: str) -> None:
    if text and not re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun|daily) ([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise InputError(
            f"{text!r} is not a window; write it as 'Sun 03:00' or 'daily 03:00', or '' for never"
        )


def _schedule(text: str) -> None:
    # what https://pkg.go.dev/github.com/robfig/cron/v3 takes, less seconds and time zones
    word = r"[0-9A-Za-z*/,?-]+"
    if text and not re.fullmatch(
        rf"{word}( {word}){{4}}|@(hourly|daily|weekly|monthly|every [0-9hms]+)", text
    ):
        raise InputError(
            f"{text!r} is not a schedule; write it as '0 */12 * * *' or '@every 6h', or '' for never"
        )


def _recipient(text: str) -> None:
    if not re.fullmatch(r"age1[02-9ac-hj-np-z]{58}", text):
        # not repeated in the message: it may be the secret key
        raise InputError("is not an age recipient; write the public key, 'age1...', never the secret one")


def _s3(given: dict[str, str]) -> None:
    known = S3_KEYS | S3_VARIABLES.keys()
    if unknown := sorted(given.keys() - known):
        raise InputError(f"does not know {unknown[0]!r}; there are {', '.join(sorted(known))}")
    if given and not given.get("bucket"):
        raise InputError("names no bucket; add one, or write {} for none")
    for name in S3_VARIABLES.keys() & given.keys():
        if not re.fullmatch(
            r"[A-Z_][A-Z0-9_]*", given[name]
        ):  # not repeated in the message: it may be a secret
            raise InputError(
                f"{name} is not a variable's name; write the name, such as {S3_VARIABLES[name]!r}"
            )


S3_KEYS = frozenset({"bucket", "endpoint", "region", "folder"})
S3_VARIABLES = {"access_key_variable": "SKERRY_S3_ACCESS_KEY", "secret_key_variable": "SKERRY_S3_SECRET_KEY"}


class User(TypedDict):
    """Who may log in: public keys, and whether sudo works."""

    keys: list[Annotated[str, _checked(_key)]]
    sudo: NotRequired[bool]


Positive = Annotated[int, Field(ge=1)]
Percent = Annotated[int, Field(ge=1, le=100)]
RollbackSeconds = Annotated[int, Field(ge=10, le=900)]
Exceptions = dict[Annotated[str, _checked(_control)], Annotated[dict[str, str], _checked(_exception)]]
Users = dict[Annotated[str, _checked(_user)], User]
SshdOptions = dict[Annotated[str, _checked(_option)], Annotated[str, _checked(_line)]]
Networks = list[Annotated[str, _checked(_network)]]
Openings = list[Annotated[str, _checked(_opening)]]
Text = Annotated[str, _checked(_line)]
Window = Annotated[str, _checked(_window)]
Country = Annotated[str, _checked(_country)]
Packages = list[Annotated[str, _checked(_package)]]
Version = Annotated[str, _checked(_version)]
Network = Annotated[str, _checked(_network)]
Address = Annotated[str, _checked(_address)]
Hosts = list[Annotated[str, _checked(_host)]]
Components = list[Annotated[str, _checked(_component)]]
Labels = list[Annotated[str, _checked(check_label)]]
Taints = list[Annotated[str, _checked(check_taint)]]
Schedule = Annotated[str, _checked(_schedule)]
Recipients = list[Annotated[str, _checked(_recipient)]]
S3 = Annotated[dict[str, str], _checked(_s3)]
Extra = Annotated[dict[str, object], _checked(check_extra)]
Reservation = Annotated[Reserve, PlainValidator(_reserve)]
Evictions = Annotated[dict[str, str], _checked(check_eviction)]
Path = Annotated[str, _checked(_path)]
Endpoint = Annotated[str, _checked(_endpoint)]
Fingerprint = Annotated[str, _checked(_fingerprint)]
Mirror = Annotated[str, AfterValidator(_mirror)]
Repository = Annotated[str, _checked(_repository)]
HostName = Annotated[str, _checked(_host_name)]
Branch = Annotated[str, _checked(_branch)]
FleetPath = Annotated[str, _checked(_fleet_path)]

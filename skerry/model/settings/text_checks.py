"""Checks of settings that are text. Each docstring is the type's description in the settings reference.

A check gets a value of the right Python type and raises InputError, "what is wrong; how to correct it".
"""

from __future__ import annotations

import re
from datetime import date

from skerry.model.errors import InputError
from skerry.model.k3s.versions import K3sVersion, check_known
from skerry.model.settings.countries import CODES


def line(text: str) -> None:
    """One line of text."""
    if "\n" in text or not text.strip():
        raise InputError("must be one line of text")


def path(text: str) -> None:
    """Path, relative to the project."""
    if not text.strip():
        raise InputError("is empty; write a path, relative to the project")


def country(code: str) -> None:
    """Two-letter code of ISO 3166-1, or empty."""
    if code and code not in CODES:
        raise InputError(
            f"{code!r} is not a country code; write two letters of ISO 3166-1 such as 'NO', or ''"
        )


def package(name: str) -> None:
    """Name of a Debian package."""
    # https://www.debian.org/doc/debian-policy/ch-controlfields.html#source
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
        raise InputError(f"{name!r} is not a package name; write it as `apt-cache search` shows it")


def version(text: str) -> None:
    """K3s release, such as "v1.36.3+k3s1"."""
    check_known(K3sVersion.parse(text))


def component(name: str) -> None:
    """Name of a component that K3s bundles, such as "traefik"."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", name):
        raise InputError(
            f"{name!r} is not the name of a component; write one name for each, such as 'traefik'"
        )


def fingerprint(text: str) -> None:
    """SHA-256 fingerprint of an SSH key, or empty."""
    # ssh-keygen(1): base64 of a SHA256, without padding
    if text and not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", text):
        raise InputError(
            f"{text!r} is not a fingerprint; write what `ssh-keygen -lf KEY.pub` shows, 'SHA256:...'"
        )


def public_key(text: str) -> None:
    """SSH public key, one line of an authorized_keys file."""
    types = r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh.com)"
    if not re.fullmatch(rf"{types} [A-Za-z0-9+/]+=*( [^\n]*)?", text):
        raise InputError(f"{text[:40]!r} is not a public key; write a line of your ~/.ssh/id_ed25519.pub")


def user(name: str) -> None:
    """Name of a user."""
    # useradd(8)
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", name):
        raise InputError(f"{name!r} is not a user name; write lower-case letters, digits, '_' and '-'")


def sshd_option(name: str) -> None:
    """Option of sshd_config(5), but not Match or Include."""
    if not re.fullmatch(r"[A-Za-z]+", name) or name.lower() in ("include", "match"):
        raise InputError(
            f"{name!r} cannot be set here; write an option of sshd_config(5) other than Match and Include"
        )


def control(id: str) -> None:
    """Id of a control, such as "SSH-04"."""
    if not re.fullmatch(r"(SSH|FW|KRN|SYS|K3S)-[0-9]{2}", id):
        raise InputError(f"{id!r} is not the id of a control, such as 'SSH-04'; `invoke audit` lists them")


def waiver(text: dict[str, str]) -> None:
    """Mapping of "reason" to a text and "until" to a date such as "2027-06-30"."""
    if set(text) != {"reason", "until"} or not text.get("reason", "").strip():
        raise InputError('needs a reason and an expiry date; write {"reason": "...", "until": "2027-06-30"}')
    try:
        date.fromisoformat(text["until"])
    except ValueError:
        raise InputError(f"until is {text['until']!r}, not a date; write it as '2027-06-30'") from None


def reboot_window(text: str) -> None:
    """Day and time, such as "Sun 03:00" or "daily 03:00", or empty."""
    if text and not re.fullmatch(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun|daily) ([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise InputError(
            f"{text!r} is not a window; write it as 'Sun 03:00' or 'daily 03:00', or '' for never"
        )


def schedule(text: str) -> None:
    """Schedule in cron's format, such as "0 */12 * * *" or "@every 6h", or empty."""
    # what https://pkg.go.dev/github.com/robfig/cron/v3 accepts, without seconds and time zones
    word = r"[0-9A-Za-z*/,?-]+"
    if text and not re.fullmatch(
        rf"{word}( {word}){{4}}|@(hourly|daily|weekly|monthly|every [0-9hms]+)", text
    ):
        raise InputError(
            f"{text!r} is not a schedule; write it as '0 */12 * * *' or '@every 6h', or '' for never"
        )


def recipient(text: str) -> None:
    """Public key of age, "age1..."."""
    if not re.fullmatch(r"age1[02-9ac-hj-np-z]{58}", text):
        # the message leaves the text out: it may be the secret key
        raise InputError("is not an age recipient; write the public key, 'age1...', never the secret one")


def repository(text: str) -> None:
    """Git repository as "owner/name" or as a URL, or empty."""
    if re.search(r"://[^/@]*:[^/@]*@", text):  # the message leaves the URL out: it holds a password
        raise InputError("contains a password; remove it, and give the forge's token in its variable")
    if text and not re.fullmatch(r"[\w.-]+(/[\w.-]+)+|ssh://[^\s/]+/\S+", text):
        raise InputError(
            f"{text!r} is not a repository; write it as 'owner/name' or 'ssh://git@host/path.git'"
        )


def branch(text: str) -> None:
    """Name of a Git branch."""
    # git-check-ref-format(1), the part that branches need
    if not re.fullmatch(r"(?!.*(\.\.|//|@\{|\.lock$))[A-Za-z0-9_][A-Za-z0-9_./-]*(?<![./])", text):
        raise InputError(f"{text!r} is not the name of a branch; write it as 'main'")


def fleet_path(text: str) -> None:
    """Folder below clusters/, such as "clusters/production", or empty."""
    if text and not re.fullmatch(r"clusters/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", text):
        raise InputError(f"{text!r} is not a cluster's folder; write it as 'clusters/production'")

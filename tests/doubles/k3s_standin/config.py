"""The settings of a command from config.yaml, its drop-ins, the environment and the command line."""

from __future__ import annotations

import os
from pathlib import Path

from . import flags, yamlsubset
from .log import fatal, warning
from .switches import switch

TRUE, FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
COMMAS = ("cluster-cidr", "cluster-dns", "disable", "node-external-ip", "node-ip", "service-cidr", "tls-san")


class Settings:
    """Flags by name, each with the list of its values. The accessors apply K3s's rules."""

    def __init__(self, kinds: dict[str, str]) -> None:
        self.kinds = kinds
        self.values: dict[str, list[str]] = {}

    def add(self, name: str, value: str) -> None:
        """Add a value to a list flag, or replace the value of another flag. Exits if the type is wrong."""
        kind = self.kinds[name]
        if kind == "bool" and value not in TRUE + FALSE:
            fatal(f'invalid boolean value "{value}" for -{name}: parse error')
        if kind == "int" and not value.lstrip("-").isdigit():
            fatal(f'invalid value "{value}" for flag -{name}: parse error')
        if name in flags.UNSUPPORTED and value not in FALSE:
            fatal(f"the stand-in cannot do {flags.UNSUPPORTED[name]} (--{name})")
        if name in COMMAS:
            self.values.setdefault(name, []).extend(part.strip() for part in value.split(",") if part.strip())
        elif kind == "list":
            self.values.setdefault(name, []).append(value)
        else:
            self.values[name] = [value]

    def text(self, name: str, default: str = "") -> str:
        return (self.values.get(name) or [default])[-1] or default

    def is_set(self, name: str) -> bool:
        return self.text(name) in TRUE

    def items(self, name: str) -> list[str]:
        return self.values.get(name, [])


def load(command: str, arguments: list[str]) -> Settings:
    """Read all sources in K3s's order: files, then the command line; the environment only sets what they do not."""
    kinds = flags.known(command)
    settings = Settings(kinds)
    given = _command_line(arguments, kinds)
    named = [value for name, value in given if name == "config"]
    path = os.environ.get("K3S_CONFIG_FILE") or (named or ["/etc/rancher/k3s/config.yaml"])[0]
    for key, value in _files(Path(path)):
        name = flags.ALIASES.get(key, key)
        if name in kinds:
            settings.add(name, value)
        elif command == "etcd-snapshot" or (command == "server" and switch("unknown_keys") == "skip"):
            warning(f"Unknown flag --{key} found in config.yaml, skipping\n")
        else:
            _undefined(key)
    for name, value in given:
        settings.add(name, value)
    for name, variable in flags.ENVIRONMENT.items():
        if name in kinds and name not in settings.values and os.environ.get(variable):
            settings.add(name, os.environ[variable])
    return settings


def _command_line(arguments: list[str], kinds: dict[str, str]) -> list[tuple[str, str]]:
    given, rest = [], list(arguments)
    while rest:
        argument = rest.pop(0)
        key, equals, value = argument.lstrip("-").partition("=")
        name = flags.ALIASES.get(key, key)
        if not argument.startswith("-") or not key:
            fatal(f"the stand-in knows no argument {argument!r} here")
        if name not in kinds:
            _undefined(key)
        if not equals and kinds[name] == "bool":
            value = "true"
        elif not equals:
            if not rest:
                fatal(f"flag needs an argument: -{key}")
            value = rest.pop(0)
        given.append((name, value))
    return given


def _files(path: Path) -> list[tuple[str, str]]:
    """The flags of the configuration file and its drop-ins: the last file wins, `key+` appends."""
    merged: dict[str, list[str]] = {}
    folder = Path(f"{path}.d")
    drop_ins = sorted(folder.iterdir()) if folder.is_dir() else []
    drop_ins = [entry for entry in drop_ins if entry.suffix.lower() in (".yaml", ".yml") and entry.is_file()]
    for file in ([path] if path.exists() else []) + drop_ins:
        try:
            values = yamlsubset.parse(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yamlsubset.YamlError) as error:
            fatal(f"{file}: {error}")
        for key, value in values.items():
            as_list = value if isinstance(value, list) else [value]
            name = key[:-1] if key.endswith("+") else key
            appends = key.endswith("+") and name in merged
            merged[name] = (merged[name] if appends else []) + as_list
    return [(key, value) for key, values in merged.items() for value in values]


def _undefined(key: str) -> None:
    print(f"Incorrect Usage: flag provided but not defined: -{key}\n", flush=True)
    fatal(f"flag provided but not defined: -{key}")

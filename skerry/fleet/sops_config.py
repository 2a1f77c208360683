"""`.sops.yaml` in a fleet repository: the public keys that each file is encrypted for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from skerry.local.files import replace
from skerry.model.errors import InputError
from skerry.model.yaml_text import dump

FILE = ".sops.yaml"
HEADER = "The keys that SOPS encrypts for. `invoke secrets-init` adds keys, `invoke secrets-rotate` applies changes."


def load(root: Path) -> dict[str, Any]:
    """The content of .sops.yaml, without rules if it is missing or empty. Raises InputError if it is broken."""
    file = root / FILE
    try:
        config = yaml.safe_load(file.read_text()) if file.is_file() else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(f"{file}:{mark.line + 1 if mark else 1}: is not YAML; correct it") from None
    if config is None:
        return {"creation_rules": []}
    if not isinstance(config, dict) or not isinstance(config.get("creation_rules"), list):
        raise InputError(f"{file}: has no creation_rules; restore it from Git")
    return config


def recipients_for(config: dict[str, Any], name: str) -> list[str]:
    """Returns the recipients of a file, by its path in the repository, from the first rule that matches; [] if none."""
    for rule in config["creation_rules"]:
        if re.search(str(rule.get("path_regex", "")), name):
            return rule_recipients(rule)
    return []


def rule_recipients(rule: dict[str, Any]) -> list[str]:
    """The recipients of one creation rule, written as a list or separated by commas."""
    listed = rule.get("age") or ""
    recipients = listed if isinstance(listed, list) else str(listed).split(",")
    return [recipient.strip() for recipient in recipients if recipient.strip()]


def with_recipients(config: dict[str, Any], clusters: dict[str, str], recovery: str) -> dict[str, Any]:
    """The configuration with a rule for each cluster's own files and one for the shared files.

    `clusters` maps names to public keys. Existing rules and recipients stay, so that keys added by a team are kept.
    """
    rules = [dict(rule) for rule in config["creation_rules"]]
    keys = {_pattern(f"(apps|clusters)/{name}"): [key, recovery] for name, key in clusters.items()}
    keys[_pattern("(apps/base|infrastructure)")] = [*clusters.values(), recovery]
    for pattern, recipients in keys.items():
        rule = next((rule for rule in rules if rule.get("path_regex") == pattern), None)
        if rule is None:
            rule = {
                "path_regex": pattern,
                "encrypted_regex": "^(data|stringData)$",
                "mac_only_encrypted": True,
            }
            rules.append(rule)
        present = rule_recipients(rule)
        rule["age"] = [*present, *(key for key in recipients if key not in present)]
    return {**config, "creation_rules": rules, "stores": config.get("stores") or {"yaml": {"indent": 2}}}


def _pattern(folder: str) -> str:
    return rf"^{folder}/.*\.sops\.ya?ml$"


def save(root: Path, config: dict[str, Any]) -> None:
    """Write .sops.yaml."""
    replace(root / FILE, dump(config, HEADER))

"""YAML text that every reader understands alike."""

import re

import yaml

# Text that no YAML version takes for anything but text. PyYAML leaves "1e3" bare, which is text to PyYAML
# and the number 1000 to the Go readers in K3s; "y" and "off" are truth values to some.
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/_.+=,<%@-]*(:[A-Za-z0-9/_.+=,<%@-]+)*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _represent_text)


def dump(value: object, header: str) -> str:
    """`value` as YAML below `header`, a comment; keys keep their order. Reading it gives `value` back."""
    body = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31, default_flow_style=False
    )
    return f"# {header}\n{body}"

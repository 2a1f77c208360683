"""YAML that PyYAML and Go parse alike."""

import re

import yaml

# Strings that every YAML parser reads as strings without quotes. PyYAML would leave "1e3" unquoted, which it reads as a
# string but K3s's Go parsers as the number 1000; some parsers read "y" and "off" as booleans.
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
    """Returns `value` as YAML below the comment `header`. Keys keep their order, and parsing gives `value` again."""
    body = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=2**31, default_flow_style=False
    )
    return f"# {header}\n{body}"

"""Manifests: filled templates, written as YAML that every reader understands alike."""

import re
from typing import Any

import yaml

from loop.base.template import fill

Manifest = dict[str, Any]


def of(template: str, **values: Any) -> list[Manifest]:
    """The manifests of a filled template."""
    return list(yaml.safe_load_all(fill("loop.deploy", template, **values)))


def dump(head: str, *manifests: Manifest) -> str:
    """Manifests as one file, below some comments."""
    return head + yaml.dump_all(manifests, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    """YAML 1.1 that is the same in 1.2: `12e4`, the start of a hash, is a text here and a number there."""

    def ignore_aliases(self, data: object) -> bool:
        """Write what occurs twice twice."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else "'" if re.match(r"[-+.0-9]|[yYnN]$", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

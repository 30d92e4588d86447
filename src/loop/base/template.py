"""Templates of what is no page, such as settings and scripts: filled, with nothing escaped."""

import json
from importlib.resources import files as resources
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def fill(package: str, template: str, **values: Any) -> str:
    """A template of `package`, filled; a value that it names and does not get is an error.

    `{{ value | json }}` writes a value as JSON. What is filled in has a contract of its own.
    """
    engine = Environment(  # noqa: S701 - not HTML
        loader=FileSystemLoader(str(resources(package).joinpath("templates"))),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters["json"] = json.dumps
    return engine.get_template(template).render(**values)

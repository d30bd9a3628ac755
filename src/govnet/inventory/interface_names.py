"""Names of interfaces without their spelling: GE0/0/1 and GigabitEthernet0/0/1 are one."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

import yaml

_NAME: Final = re.compile(r"(\d*[a-z][a-z-]*?)-?(\d[\d/.:]*)")
"""The kind, which may begin with its speed (10ge), and the number."""


@cache
def _kinds() -> dict[str, str]:
    """Each spelling's full name, all folded."""
    text = files("govnet.inventory").joinpath("interface_names.yaml").read_text("utf-8")
    kinds: dict[str, str] = {}
    for name, others in yaml.safe_load(text).items():
        for spelling in (name, *others):
            folded = str(spelling).casefold()
            if kinds.setdefault(folded, name.casefold()) != name.casefold():
                raise ValueError(f"{spelling} is an abbreviation of two kinds of interfaces")
    return kinds


def canonical(name: str) -> str:
    """What all spellings of one interface's name have in common; only good for comparing.

    Case and white space do not count. A kind that no vendor here abbreviates stands for itself.
    """
    folded = "".join(name.casefold().split())
    found = _NAME.fullmatch(folded)
    return f"{_kinds().get(found[1], found[1])}{found[2]}" if found else folded

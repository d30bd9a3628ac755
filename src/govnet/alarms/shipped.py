"""The rules that every installation starts with, as data in ``rules.yaml``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml

from govnet.alarms.models import Rule

FIELDS: Final = (
    "name", "source", "condition", "level", "enabled", "cause", "party", "advice", "close_after_h",
)  # fmt: skip
NEIGHBOUR: Final = "neighbour"
"""Of a rule: a routing neighbour is lost, which something else may have taken away."""


@cache
def _read() -> list[dict[str, Any]]:
    text = files("govnet.alarms").joinpath("rules.yaml").read_text(encoding="utf-8")
    rules: list[dict[str, Any]] = yaml.safe_load(text)
    return rules


@cache
def neighbour_kinds() -> frozenset[str]:
    """Codes of the rules that tell of a lost routing neighbour."""
    return frozenset(rule["code"] for rule in _read() if rule.get(NEIGHBOUR))


@cache
def shipped_rules() -> dict[str, dict[str, Any]]:
    """The values of each shipped rule, by its code."""
    blank = {"condition": "", "level": "", "enabled": True, "cause": "", "party": "", "advice": ""}
    return {
        rule["code"]: {**blank, "close_after_h": None, **{f: rule[f] for f in FIELDS if f in rule}}
        for rule in _read()
    }


def ensure_rules(**_kwargs: object) -> None:
    """Add the shipped rules that are missing; safe to run any number of times."""
    known = set(Rule.objects.values_list("code", flat=True))
    names = set(Rule.objects.values_list("name", flat=True))
    missing = {code: v for code, v in shipped_rules().items() if code not in known}
    Rule.objects.bulk_create(
        # A person's own rule may bear the name already; the code is what counts.
        Rule(**{**v, "name": f"{v['name']} ({code})" if v["name"] in names else v["name"]},
             code=code, shipped=True)
        for code, v in missing.items()
    )  # fmt: skip


def set_back(rule: Rule) -> None:
    """Give a shipped rule its first values again.

    Raises:
        KeyError: it is not a shipped one.
    """
    for name, value in shipped_rules()[rule.code].items():
        setattr(rule, name, value)
    rule.save()

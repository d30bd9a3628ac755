"""Vendors' messages: each sample is understood as it says; patterns are checked when read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from govnet.engine.snmp.vendors import load_catalog, parse_profile
from govnet.engine.syslog.message import parse

SAMPLES = yaml.safe_load((Path(__file__).parent / "samples" / "messages.yaml").read_text("utf-8"))
ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 26, 10, 0, 5, tzinfo=ZONE).timestamp()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["line"][:60])
def test_a_sample_is_understood(sample: dict[str, Any]) -> None:
    message = parse(sample["line"].encode(), NOW, ZONE)
    event = load_catalog().interpreter().meaning(message.program, message.text)
    time = message.device_time and datetime.fromtimestamp(message.device_time, ZONE).isoformat()
    found = {
        "vendor": event.vendor,
        "event": event.event,
        "about": event.about,
        "raises": event.raises,
        "clears": event.clears,
        "host": message.host,
        "program": message.program,
        "time": time,
    }
    assert {name: found[name] for name in sample["expect"]} == sample["expect"]
    assert found["raises"] == sample["expect"].get("raises", "")


def test_every_dialect_has_a_sample() -> None:
    sampled = {sample["expect"]["vendor"] for sample in SAMPLES}
    assert sampled == {profile.name for profile in load_catalog() if profile.logs}


@pytest.mark.parametrize(
    ("logs", "part"),
    [
        ("[{programs: [x], events: [{event: a}]}]", "codes or text"),
        ("[{programs: [x], events: [{event: a, text: '(a'}]}]", "not a pattern"),
        ("[{programs: [x], events: [{event: a, text: '(?=a)'}]}]", "not a pattern"),
        ("[{programs: [x], events: [{event: a, text: a, raises: b, clears: c}]}]", "either"),
        ("[{programs: [x], header: y}]", "either header or programs"),
        ("[{header: y}]", "marker"),
        ("[{programs: [x], events: [{event: 'A B', text: a}]}]", "event"),
    ],
)
def test_a_wrong_dialect_is_refused_by_name(logs: str, part: str) -> None:
    with pytest.raises(ValueError, match="vendors/x") as refused:
        parse_profile("x.yaml", f"name: x\ntitle: X\nlogs: {logs}")
    assert part in str(refused.value)

"""The reference pages name everything that there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from govnet.cli import app
from govnet.config import Config
from govnet.demo import commands as demo_commands
from govnet.evaluation import commands as evaluation_commands
from govnet.lab import commands as lab_commands
from govnet.runtime import commands as runtime_commands
from tests.runtime import metrics_page

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
DOCUMENTED_ROW = re.compile(r"^\| `([a-z_]+)`", re.MULTILINE)


def test_every_setting_is_explained_with_its_default() -> None:
    page = (REFERENCE / "settings.md").read_text()
    assert set(DOCUMENTED_ROW.findall(page)) == set(Config.model_fields)
    for name in ("web_port", "store_port", "engine_health_port", "spool_max_mib"):
        default = Config.model_fields[name].default
        assert re.search(rf"^\| `{name}` \| `{default}` ", page, re.MULTILINE), name


def test_every_command_is_explained() -> None:
    assert all(
        (runtime_commands, demo_commands, evaluation_commands, lab_commands)
    )  # they register them
    page = (REFERENCE / "commands.md").read_text()
    known = typer.main.get_command(app).commands  # type: ignore[attr-defined]  # a click group
    assert set(re.findall(r"^\| `govnet ([a-z-]+)", page, re.MULTILINE)) >= set(known)


def test_the_page_of_metrics_is_what_the_source_declares() -> None:
    assert len(metrics_page.metrics()) > 30
    assert metrics_page.PAGE.read_text() == metrics_page.page(), (
        "run `uv run python -m tests.runtime.metrics_page`"
    )


def test_every_metric_name_follows_the_rule() -> None:
    for metric in metrics_page.metrics():
        assert metric.name.endswith("_total") == (metric.kind == "counter"), metric

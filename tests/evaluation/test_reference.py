"""The pages that are written from the code are as the code says."""

from __future__ import annotations

from pathlib import Path

from govnet.evaluation.audit.reference import page
from govnet.evaluation.framework import shipped_frameworks
from govnet.evaluation.measures import MEASURES

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_the_checks_is_up_to_date() -> None:
    written = (DOCS / "reference" / "audit-checks.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m govnet.evaluation.audit.reference"


def test_the_page_of_scoring_names_every_rule_framework_and_measure() -> None:
    written = (DOCS / "reference" / "scoring.md").read_text(encoding="utf-8")
    rules = {
        leaf.rule.kind for f in shipped_frameworks().values() for leaf in f.leaves() if leaf.rule
    }
    for name in (*rules, *shipped_frameworks(), *MEASURES):
        assert f"`{name}`" in written, name

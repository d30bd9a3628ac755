"""The reference page of the checks, written from the registry: ``docs/reference/audit-checks.md``.

Run after a change of a check: ``uv run python -m govnet.evaluation.audit.reference``.
"""

from __future__ import annotations

import sys

from govnet.evaluation.audit import checks  # noqa: F401  # registers them
from govnet.evaluation.audit.conformity import CONFORMITY
from govnet.evaluation.audit.registry import CHECKS

HEAD = """# Audit checks

Written from the code by `python -m govnet.evaluation.audit.reference`; a test fails when it is
out of date. `govnet audit` and the page *Report audit* run all of them on every report.

A **major** finding is a contradiction or a missing essential that the text itself proves, with
its places quoted and the sum shown. **Minor** is wording or form. A **query** (提请说明) proves
nothing: an explanation is asked. The severity below is the check's usual one; some of its
findings are milder, as the description says.

| Check | Name | 名称 | Severity | What it compares, and when it stays quiet |
|---|---|---|---|---|
"""
TAIL = """
With `--framework` one more check runs: **{id}** {en} ({zh}) compares the items, their points
and the total of the score table with the framework named.

## What is not judged

- A report without a known table or field is *unreadable*, never *clean*.
- A figure that cannot be read with certainty (letters among digits, figures run together,
  labels apart from their figures) is listed under *unread* and takes part in no check.
- Qualitative indicators have no rule that text could prove wrong.
- Two names for one thing, a wrong word and a truncated word need a dictionary: not found.
"""


def page() -> str:
    """The whole page as Markdown."""
    rows = [
        f"| {check.id} | {check.name_en} | {check.name_zh} | {check.severity}"
        f" | {' '.join(check.compares.split())} |\n"
        for check in sorted(CHECKS.values(), key=lambda check: check.id)
    ]
    tail = TAIL.format(id=CONFORMITY.id, en=CONFORMITY.name_en, zh=CONFORMITY.name_zh)
    return HEAD + "".join(rows) + tail


if __name__ == "__main__":
    sys.stdout.write(page())

"""What alarms add to the pages of objects."""

from __future__ import annotations

from govnet.alarms.models import Rule
from govnet.alarms.pages import PANELLED, alarms_panel
from govnet.alarms.rule_pages import rule_panel
from govnet.core import panels


def register() -> None:
    """Open alarms above everything else; the test of a rule below its fields."""
    for model in PANELLED:
        panels.register(model, template="alarms/panel.html", context=alarms_panel, order=-30)
    panels.register(Rule, template="alarms/rule_panel.html", context=rule_panel, order=5)

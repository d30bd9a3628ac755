"""The audit checks, one module a family; importing this registers them all."""

from govnet.evaluation.audit.checks import (
    conclusion,
    dates,
    evidence,
    funds,
    indicators,
    scores,
    structure,
)

__all__ = ["conclusion", "dates", "evidence", "funds", "indicators", "scores", "structure"]

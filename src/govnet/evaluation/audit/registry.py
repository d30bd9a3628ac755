"""The checks, registered by id, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from govnet.evaluation.audit.document import Cell, Span
from govnet.evaluation.audit.report import Report


class Severity(StrEnum):
    """How much a finding says.

    ``MAJOR``: a contradiction or a missing essential that the text itself proves.
    ``MINOR``: wording or form. ``QUERY`` (提请说明): nothing is proven, an explanation is asked.
    """

    MAJOR = "major"
    MINOR = "minor"
    QUERY = "query"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: what contradicts what, with the places that prove it.

    Attributes:
        check: id of the check, such as "FND-02".
        severity: see ``Severity``.
        message: the finding in the report's language (Chinese), for the notice letter.
        spans: the places quoted, at least one.
        arithmetic: the sum or comparison, where there is one.
    """

    check: str
    severity: Severity
    message: str
    spans: tuple[Span, ...]
    arithmetic: str = ""


CheckFunction = Callable[[Report], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """A registered check."""

    id: str
    name_zh: str
    name_en: str
    severity: Severity
    run: CheckFunction

    @property
    def compares(self) -> str:
        """What it compares and how it avoids false alarms: the function's docstring."""
        return (self.run.__doc__ or "").strip()


CHECKS: dict[str, Check] = {}


@dataclass(frozen=True, slots=True)
class Finder:
    """Makes the findings of one check."""

    check: str
    severity: Severity

    def __call__(
        self,
        message: str,
        *places: Cell | Span,
        arithmetic: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        """A finding that quotes the places, in the order given."""
        spans = tuple(place.span if isinstance(place, Cell) else place for place in places)
        return Finding(self.check, severity or self.severity, message, spans, arithmetic)


def check(
    id_: str, name_zh: str, name_en: str, severity: Severity = Severity.MAJOR
) -> Callable[[Callable[[Report, Finder], Iterable[Finding]]], CheckFunction]:
    """Register a check; the function gets the report and a maker of its findings."""

    def register(function: Callable[[Report, Finder], Iterable[Finding]]) -> CheckFunction:
        def run(report: Report) -> Iterator[Finding]:
            yield from function(report, Finder(id_, severity))

        run.__doc__ = function.__doc__
        if id_ in CHECKS:
            raise ValueError(f"check {id_} is registered twice")
        CHECKS[id_] = Check(id_, name_zh, name_en, severity, run)
        return run

    return register


def audit(report: Report) -> list[Finding]:
    """Run every check; findings in the order of the text."""
    # The checks register themselves when their modules are imported.
    from govnet.evaluation.audit import checks  # noqa: F401, PLC0415

    found = [finding for item in CHECKS.values() for finding in item.run(report)]
    return sorted(found, key=lambda finding: (finding.spans[0].start, finding.check))

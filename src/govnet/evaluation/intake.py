"""A report that was read becomes a self-evaluation: every field through the reader."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

from django.db import transaction

from govnet.core.errors import ToldError, gettext_noop
from govnet.evaluation.audit.document import Span
from govnet.evaluation.audit.report import FundColumn, Report, Section, Source
from govnet.evaluation.catalogue import find_framework
from govnet.evaluation.framework import Framework
from govnet.evaluation.models import (
    EvaluationKind,
    Evaluator,
    Fund,
    NarrativeSection,
    ScoreEntry,
    SelfEvaluation,
    SignOffRole,
    SpendingLine,
    TargetIndicator,
)


class IntakeError(ToldError):
    """A report cannot become a self-evaluation; the message says what does not fit."""


_FIELDS = {
    "project_name": ("项目名称",),
    "project_unit": ("项目单位", "实施单位"),
    "department": ("主管部门",),
    "method": ("评价方式",),
    "evaluated_by": ("评价机构",),
    "leader": ("项目负责人",),
    "phone": ("联系电话",),
    "address": ("项目地址",),
    "postcode": ("邮编",),
    "period_text": ("项目起止时间",),
    "filled_in_by": ("填报人",),
}


@transaction.atomic
def take_in(
    report: Report, slug: str, *, framework: str = "", demo: bool = False
) -> SelfEvaluation:
    """Store a report as a self-evaluation.

    Raises:
        IntakeError: the score table is not the framework's.
        django.db.IntegrityError: the short name is taken.
    """
    found = find_framework(framework, None) if report.items else None
    evaluation = SelfEvaluation.objects.create(
        slug=slug,
        framework=found.id if found else "",
        framework_version=found.version if found else None,
        demo=demo,
        kind=_kind(report),
        title=_line(report, r"^.*财政支出绩效评价自评报告$"),
        issued_by=_line(report, r"^.*财政局[(（]制[)）]$").removesuffix("（制）"),
        report_date=report.report_date[0] if report.report_date else None,
        period_start=report.period.start if report.period else None,
        period_end=report.period.end if report.period else None,
        goal=report.goal.text if report.goal else "",
        goal_result=report.goal_result.text if report.goal_result else "",
        stated_score=report.total_score[0] if report.total_score else None,
        stated_grade=report.grade[0] if report.grade else "",
        **{name: _field(report, labels) for name, labels in _FIELDS.items()},
    )
    _funds(evaluation, report)
    _rows(evaluation, report)
    _scores(evaluation, report, found)
    _sign_offs(evaluation, report)
    return evaluation


_ROLES = {
    "评价组组长": SignOffRole.LEADER,
    "项目单位意见": SignOffRole.UNIT,
    "主管部门意见": SignOffRole.DEPARTMENT,
}


def _sign_offs(evaluation: SelfEvaluation, report: Report) -> None:
    """Places that somebody filled; a blank one is no sign-off."""
    for place in report.sign_offs:
        if not place.is_blank:
            evaluation.sign_offs.get_or_create(
                role=_ROLES.get(place.role, SignOffRole.FINANCE),
                defaults={
                    "opinion": place.opinion,
                    "name": place.name,
                    "signed_on": place.day,
                },
            )


def _kind(report: Report) -> str:
    if report.in_progress is None:
        return ""
    return EvaluationKind.PROCESS if report.in_progress else EvaluationKind.RESULT


def _field(report: Report, labels: Iterable[str]) -> str:
    for label in labels:
        if label in report.fields:
            return " ".join(report.fields[label][1].text.split())
    return ""


def _line(report: Report, pattern: str) -> str:
    found = (p.text for p in report.document.paragraphs if re.match(pattern, p.text))
    return next(found, "")


def _funds(evaluation: SelfEvaluation, report: Report) -> None:
    for source in Source:
        amounts: dict[str, Decimal] = {
            column.value: amount.yuan
            for column in FundColumn
            if (amount := report.fund(column, source))
        }
        if amounts:
            Fund.objects.create(evaluation=evaluation, source=source.value, **amounts)


def _rows(evaluation: SelfEvaluation, report: Report) -> None:
    SpendingLine.objects.bulk_create(
        SpendingLine(
            evaluation=evaluation,
            position=position,
            content=line.content.text,
            amount=line.amount.yuan if line.amount else None,
            voucher=line.voucher.text if line.voucher else "",
        )
        for position, line in enumerate(report.spending)
    )
    TargetIndicator.objects.bulk_create(
        TargetIndicator(
            evaluation=evaluation,
            position=position,
            level1=row.level1,
            level2=row.level2,
            content=_joined(row.content.text),
            target=row.target.text,
            actual=row.actual.text,
            operator=(row.target_value.operator or "") if row.target_value else "",
        )
        for position, row in enumerate(report.indicators)
    )
    Evaluator.objects.bulk_create(
        Evaluator(
            evaluation=evaluation,
            position=position,
            name=person.name.text,
            job_title=person.title.text,
            unit=person.unit.text,
        )
        for position, person in enumerate(report.evaluators)
    )
    NarrativeSection.objects.bulk_create(
        NarrativeSection(
            evaluation=evaluation,
            position=position,
            title=section.title.text,
            body=_body(report, section),
        )
        for position, section in enumerate(_narrative(report))
    )


def _scores(evaluation: SelfEvaluation, report: Report, framework: Framework | None) -> None:
    """Items by their printed name; a table that is not the framework's own is refused."""
    if framework is None:
        return
    ids = {(leaf.name, leaf.points): leaf.id for leaf in framework.leaves()}
    unknown = [i.name.squeezed for i in report.items if (i.name.squeezed, i.points) not in ids]
    if unknown:
        raise IntakeError(
            gettext_noop("not an item of %(framework)s: %(items)s"),
            framework=framework.name,
            items="、".join(unknown),
        )
    ScoreEntry.objects.bulk_create(
        ScoreEntry(
            evaluation=evaluation,
            position=position,
            item=ids[item.name.squeezed, item.points],
            self_score=item.score,
        )
        for position, item in enumerate(report.items)
    )


def _joined(text: str) -> str:
    return " ".join(text.split())


def _narrative(report: Report) -> list[Section]:
    """The parts after the form: the form's own parts hold tables, which have their own rows."""
    tables = [
        t.rows[-1][-1].span.end for t in report.document.tables if _is_form(t.rows[0][0].text)
    ]
    after = max(tables, default=0)
    return [
        section
        for section in report.sections
        if section.title.span.start > after and "评价报告综述" not in section.title.text
    ]


def _is_form(first: str) -> bool:
    return "指标" not in first


def _body(report: Report, section: Section) -> str:
    """The section's paragraphs; tables and what follows an annex title are not narrative."""
    lines = []
    for paragraph in report.document.paragraphs:
        if not _inside(paragraph.span, section.body):
            continue
        if re.match(r"^附件\s*\d", paragraph.text):
            break
        lines.append(paragraph.text)
    return "\n".join(lines)


def _inside(inner: Span, outer: Span) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end

"""The money of a project as a workbook: budget by year and source, every entry, every payment."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from govnet.core.imports.filecolumns import guard
from govnet.projects.choices import Source
from govnet.projects.standing import project_budget, project_payments

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

    from govnet.projects.models import Project

Cell = str | int | date | Decimal | None


def workbook(project: Project) -> bytes:
    """Three sheets; amounts in 元 as numbers, texts safe from being run as formulas."""
    from openpyxl import Workbook  # noqa: PLC0415  # only who exports pays for the library

    book = Workbook()
    first = book.active
    assert first is not None
    first.title = _("Budget")
    _fill(first, _budget(project))
    _fill(book.create_sheet(_("Entries")), _entries(project))
    _fill(book.create_sheet(_("Payments")), _payments(project))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _budget(project: Project) -> Iterator[dict[str, Cell]]:
    for row in project_budget(project).rows:
        yield {
            _("year"): row.year,
            pgettext("money", "source"): str(Source(row.source).label),
            _("planned"): row.figures.planned,
            _("Adjusted"): row.figures.adjusted,
            _("Arrived"): row.figures.arrived,
            _("Carried over"): row.figures.carried,
            _("Spent"): row.figures.spent,
            _("Balance"): row.figures.balance,
            _("Available"): row.figures.available,
        }


def _entries(project: Project) -> Iterator[dict[str, Cell]]:
    for row in project.budget.all():
        yield {
            _("year"): row.year,
            pgettext("money", "source"): row.get_source_display(),
            _("entry"): row.get_kind_display(),
            _("amount (yuan)"): row.amount,
            _("booked on"): row.booked_on,
            _("reference"): row.reference,
            _("reason"): row.reason,
        }


def _payments(project: Project) -> Iterator[dict[str, Cell]]:
    for row in project_payments(project).select_related("contract__contractor"):
        yield {
            _("paid on"): row.paid_on,
            _("voucher number"): row.voucher,
            _("contract number"): row.contract.number,
            _("contractor"): row.contract.contractor.name,
            _("content"): row.content,
            pgettext("money", "source"): row.get_source_display(),
            _("amount (yuan)"): row.amount,
        }


def _fill(sheet: Worksheet, rows: Iterable[dict[str, Cell]]) -> None:
    for number, row in enumerate(rows):
        if number == 0:
            sheet.append(list(row))
        sheet.append([guard(cell) if isinstance(cell, str) else cell for cell in row.values()])
    sheet.freeze_panes = "A2"

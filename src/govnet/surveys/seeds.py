"""Surveys whose percentages are those of the two reports, marked as demo data.

The reports give 96 % and 98 % without the number of answers; the counts here are invented, and
the surveys say so: GovNet accepts no percentage without n.
"""

from __future__ import annotations

import io
from datetime import date
from typing import Final

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from govnet.inventory.models import Region
from govnet.surveys import services
from govnet.surveys.models import ManualResult, Survey
from govnet.surveys.result import Result

NOTE: Final = "演示数据：原报告只有满意率，没有调查份数；此处份数为演示假设。"
QUESTION: Final = "您对电子政务外网服务的总体评价？"
# Code, title, last day, invited, returned, valid, satisfied.
SEEDS: Final = (
    ("MY-YY-2020", "岳阳市电子政务外网使用单位满意度调查（2020）", date(2020, 5, 31),
     Result(163, 152, 150, 144)),
    ("MY-XY-2022", "湘阴县电子政务外网使用单位满意度调查（2022）", date(2022, 12, 31),
     Result(60, 52, 50, 49)),
)  # fmt: skip


@transaction.atomic
def load(region: Region | None = None) -> list[Survey]:
    """Both surveys; one that is there already stays as it is.

    Args:
        region: where the city's survey lies.
    """
    found = []
    for code, title, day, counts in SEEDS:
        survey = Survey.objects.filter(code=code).first()
        found.append(survey or _make(code, title, day, counts, region))
        region = None  # the county is a site of its own
    return found


def _make(code: str, title: str, day: date, counts: Result, region: Region | None) -> Survey:
    survey = Survey.objects.create(
        code=code, name=title, region=region, question=QUESTION, closes_on=day, demo=True,
        notes=NOTE,
    )  # fmt: skip
    services.enter_by_hand(survey, counts, _tally(title, counts), None)
    return survey


def _tally(title: str, counts: Result) -> SimpleUploadedFile:
    from openpyxl import Workbook  # noqa: PLC0415  # only who loads the demo pays for it

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        (title, NOTE),
        ("发出", counts.invited),
        ("收回", counts.returned),
        ("有效", counts.valid),
        ("满意", counts.satisfied),
    ):
        sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return SimpleUploadedFile("tally.xlsx", buffer.getvalue())


@transaction.atomic
def remove() -> None:
    """Take the demo surveys away."""
    surveys = Survey.objects.filter(demo=True)
    for result in ManualResult.objects.filter(survey__in=surveys):
        result.attachment.delete(save=False)
        result.delete()
    surveys.delete()

"""The city's own 98 points are 38 supported, 25 pending and 35 unsupported."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import govnet
from govnet.evaluation.audit.readers.detect import read_document
from govnet.evaluation.audit.runner import audit_document
from govnet.evaluation.scoring import Support
from govnet.evaluation.sheet import sheet, sheet_totals

SEEDS_FOLDER = Path(govnet.__file__).parent / "evaluation" / "seeds"


def test_the_sheet_of_the_city_shows_98_38_25_35() -> None:
    rows = sheet(*audit_document(read_document(SEEDS_FOLDER / "yueyang-2020.txt")))
    found = sheet_totals(rows)
    expected = (98, 38, 25, 35)
    assert tuple(map(int, astuple(found))) == expected
    by_support = {
        support: [row.item.name.squeezed for row in rows if row.support is support]
        for support in Support
    }
    assert by_support[Support.UNSUPPORTED] == [
        "产出时效",
        "经济效益",
        "社会效益",
        "环境效益",
        "可持续影响",
    ]
    assert "产出质量" in by_support[Support.PENDING]
    assert all(row.reasons for row in rows if row.support is not Support.SUPPORTED)


def test_a_report_without_items_has_an_empty_sheet() -> None:
    rows = sheet(*audit_document(read_document(SEEDS_FOLDER / "xiangyin-2022.txt")))
    assert rows == []
    assert sheet_totals(rows).self_score == 0

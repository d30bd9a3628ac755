"""The exported workbook, worked out by LibreOffice, gives the figures that were printed."""

from __future__ import annotations

import io
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from govnet.alarms.models import MaintenanceWindow
from govnet.inventory.models import AccessPoint
from govnet.monitor.models import Target
from govnet.sla.models import Agreement, ServiceCalendar
from govnet.sla.services import Scope, inputs_of
from govnet.sla.workbook import workbook
from tests.city import build_city
from tests.sla.history import at, down, record

pytestmark = pytest.mark.django_db


CALC = Path("/usr/lib/libreoffice/program/libsclo.so")


@pytest.mark.peer
@pytest.mark.skipif(not CALC.exists(), reason="needs Debian's libreoffice-calc-nogui")
def test_the_spreadsheet_recomputes_every_figure(tmp_path: Path) -> None:
    """Two lines, two targets on one of them, office hours, a window, an unknown half month."""
    city = build_city()
    point = AccessPoint.objects.create(code="AP-2", name="=东区第二", unit=city.unit_east)
    targets = [
        Target.objects.create(name=name, kind="icmp", address="127.0.0.1", access_point=point)
        for name in ("v4", "v6")
    ]
    down(city.target_east, [("2025-11-10 08:00:07", "2025-11-10 10:00:01")])
    down(targets[0], [("2025-11-10 09:30", "2025-11-12 11:00")])
    record(targets[1], ("2025-11-05", "up"), ("2025-11-06", "unknown"), reason="not_measured")
    record(city.target_west, ("2025-11-16", "up"))
    window = {"starts_at": at("2025-11-11 10:00"), "ends_at": at("2025-11-11 11:30")}
    MaintenanceWindow.objects.create(access_point=point, reason="检修", **window)
    office = ServiceCalendar.objects.get(name="办公时间")
    Agreement.objects.create(
        name="接入点", kind="access_point", calendar=office, valid_from=date(2025, 1, 1)
    )
    inputs = inputs_of(Scope("unit", city.unit_east.pk), at("2025-11-01"), at("2025-12-01"))
    west = inputs_of(Scope("unit", city.unit_west.pk), at("2025-11-01"), at("2025-12-01"))
    books = [workbook("东区", given) for given in (inputs, west)]
    for rows, percents in zip(_recomputed(books, tmp_path), (3, 0), strict=True):
        assert [row[15] for row in rows] == ["一致"] * len(rows)
        assert sum(isinstance(row[13], float | int) for row in rows) == percents
        assert all(row[3] == sum(row[4:10]) for row in rows)


def _recomputed(books: list[bytes], folder: Path) -> list[list[tuple[Any, ...]]]:
    """The summary of each workbook after LibreOffice has worked out its formulae; one start."""
    sources = [folder / f"in{number}.xlsx" for number in range(len(books))]
    for source, content in zip(sources, books, strict=True):
        source.write_bytes(content)
    profile = f"-env:UserInstallation=file://{folder}/profile"
    convert = ["--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir"]
    done = subprocess.run(
        ["soffice", profile, *convert, str(folder / "out"), *map(str, sources)],
        check=True,
        capture_output=True,
        timeout=150,
    )
    found = []
    for source in sources:
        made = folder / "out" / source.name
        assert made.is_file(), done.stderr.decode()
        sheet = load_workbook(io.BytesIO(made.read_bytes()), data_only=True)["汇总"]
        found.append(list(sheet.iter_rows(min_row=6, values_only=True)))
    return found

"""The evaluation's pages: who sees what, the sheet, the form, the auditor's decisions."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import docx
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from govnet.accounts.models import User
from govnet.evaluation.forms import PARTS
from govnet.evaluation.jobs import audit_batch
from govnet.evaluation.models import (
    AuditBatch,
    AuditedReport,
    AuditFinding,
    AuditStatus,
    Decision,
    SelfEvaluation,
)
from govnet.evaluation.seeds import FOLDER, load

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> User:
    return User.objects.create_superuser("officer", password="a-long-passphrase")


@pytest.fixture
def stranger() -> User:
    return User.objects.create_user("stranger", password="a-long-passphrase")


@pytest.fixture
def signed_in(client: Client, officer: User) -> Client:
    client.force_login(officer)
    return client


@pytest.fixture
def city() -> SelfEvaluation:
    return next(evaluation for evaluation in load() if evaluation.slug == "yueyang-2020")


@pytest.fixture
def audited(officer: User) -> AuditedReport:
    batch = AuditBatch.objects.create(name="2020", created_by=officer)
    content = (FOLDER / "yueyang-2020.txt").read_bytes()
    report = AuditedReport.objects.create(batch=batch, file_name="y.txt", content=content)
    audit_batch.func(batch.pk)
    report.refresh_from_db()
    return report


def test_the_sheet_shows_98_38_25_35(signed_in: Client, city: SelfEvaluation) -> None:
    page = signed_in.get(city.get_absolute_url())
    totals = page.context["own"].totals
    shown = (totals.self_score, totals.supported, totals.pending, totals.unsupported)
    assert [int(value) for value in shown] == [98, 38, 25, 35]
    assert page.context["grade"] == "优"


@pytest.mark.parametrize("part", [part.slug for part in PARTS])
def test_each_part_of_the_form_opens_and_saves_unchanged(
    part: str, signed_in: Client, city: SelfEvaluation
) -> None:
    url = reverse("evaluation:selfevaluation_edit", args=[city.pk, part])
    page = signed_in.get(url)
    assert page.status_code == 200
    form = page.context["form"]
    forms = [form.management_form, *form] if page.context["is_formset"] else [form]
    data = {
        bound.html_name: bound.value()
        for each in forms
        for bound in each
        if bound.value() is not None and bound.value() is not False
    }
    if part == "scores":  # 岳阳 gave no reason for its one deduction: the form asks for it
        assert signed_in.post(url, data).status_code == 200
        named = [name for name in data if name.endswith("-self_score")]
        data |= {name.replace("self_score", "deduction_reason"): "x" for name in named}
    assert signed_in.post(url, data).status_code == 302


def test_a_new_self_evaluation_is_laid_out_by_its_framework(signed_in: Client) -> None:
    data = {
        "slug": "city-2026",
        "project_name": "政务外网",
        "period_start": "2026-01-01",
        "period_end": "2026-12-31",
        "framework": "yueyang-annex-3-2",
    }
    signed_in.post(reverse("evaluation:selfevaluation_add"), data)
    evaluation = SelfEvaluation.objects.get(slug="city-2026")
    assert evaluation.scores.count() == 22
    assert evaluation.framework_version == date(2020, 6, 9)
    assert signed_in.get(evaluation.get_absolute_url()).status_code == 200


def test_an_issued_report_downloads_as_word_and_workbook(
    signed_in: Client, city: SelfEvaluation
) -> None:
    signed_in.post(reverse("evaluation:issue", args=[city.pk]))
    issued = city.reports.get()
    word = signed_in.get(reverse("evaluation:issued_report", args=[issued.pk, "docx"]))
    assert bytes(word.content) == bytes(issued.document)
    assert signed_in.get(
        reverse("evaluation:issued_report", args=[issued.pk, "xlsx"])
    ).content.startswith(b"PK")
    assert (
        signed_in.get(reverse("evaluation:issued_report", args=[issued.pk, "exe"])).status_code
        == 404
    )


def test_a_measure_is_frozen_and_leads_to_its_rows(signed_in: Client, city: SelfEvaluation) -> None:
    url = reverse("evaluation:measure", args=[city.pk])
    page = signed_in.post(url, {"measure": "months_of_period"}, follow=True)
    assert page.context["snapshot"].value == 10
    assert page.context["intact"]


def test_an_attachment_is_kept_with_its_hash_and_only_downloaded(
    signed_in: Client, city: SelfEvaluation, settings: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path  # type: ignore[attr-defined]
    file = SimpleUploadedFile("办法.html", b"<script>alert(1)</script>")
    signed_in.post(
        reverse("evaluation:attach", args=[city.pk]), {"title": "资金管理办法", "attachment": file}
    )
    kept = city.evidence.get()
    answer = signed_in.get(reverse("evaluation:evidence", args=[kept.pk]))
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_batch_is_audited_and_its_files_are_not_kept(
    signed_in: Client, audited: AuditedReport
) -> None:
    assert audited.status == AuditStatus.FINDINGS
    assert audited.content is None
    page = signed_in.get(audited.batch.get_absolute_url())
    assert page.context["waiting"] == 0
    assert ("SCR-05", "得分与评分标准", 4) in page.context["statistics"]


def test_the_text_beside_the_findings_is_the_whole_text(
    signed_in: Client, audited: AuditedReport
) -> None:
    page = signed_in.get(audited.get_absolute_url())
    assert "".join(piece.text for piece in page.context["pieces"]) == audited.text
    marked = {finding for piece in page.context["pieces"] for finding in piece.findings}
    assert marked == set(audited.findings.values_list("pk", flat=True))


def test_dismissing_needs_a_reason_and_the_notice_names_what_was_accepted(
    signed_in: Client, audited: AuditedReport
) -> None:
    first, second = audited.findings.all()[:2]
    url = reverse("evaluation:audit_decide", args=[first.pk])
    signed_in.post(url, {"decision": Decision.DISMISSED})
    first.refresh_from_db()
    assert first.decision == Decision.OPEN
    signed_in.post(url, {"decision": Decision.DISMISSED, "reason": "附件另报"})
    signed_in.post(
        reverse("evaluation:audit_decide", args=[second.pk]), {"decision": Decision.ACCEPTED}
    )
    letter = signed_in.get(reverse("evaluation:audit_notice", args=[audited.pk]))
    text = "\n".join(p.text for p in docx.Document(io.BytesIO(letter.content)).paragraphs)
    assert second.message in text
    assert first.message not in text
    assert AuditFinding.objects.get(pk=second.pk).decided_by is not None


def test_an_upload_waits_for_the_worker_and_says_so(
    signed_in: Client, django_capture_on_commit_callbacks: object
) -> None:
    files = [SimpleUploadedFile("a.txt", "评价等次：优\n".encode())]
    page = signed_in.post(reverse("evaluation:audit_list"), {"reports": files}, follow=True)
    assert page.context["waiting"] == 1


def test_a_stranger_sees_nothing(
    client: Client, stranger: User, city: SelfEvaluation, audited: AuditedReport
) -> None:
    client.force_login(stranger)
    urls = [
        reverse("evaluation:selfevaluation_list"),
        city.get_absolute_url(),
        reverse("evaluation:audit_list"),
        audited.get_absolute_url(),
        audited.batch.get_absolute_url(),
    ]
    assert {client.get(url).status_code for url in urls} == {403}

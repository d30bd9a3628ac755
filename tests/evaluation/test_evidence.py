"""Evidence bound to what it proves; scores by rule; a bureau's own frameworks; who may what."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from auditlog.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from govnet.accounts.models import User
from govnet.evaluation import printing
from govnet.evaluation.catalogue import framework_of, frameworks
from govnet.evaluation.framework import shipped_frameworks
from govnet.evaluation.models import (
    BureauFramework,
    Evidence,
    ScoreEntry,
    SelfEvaluation,
    Snapshot,
    TargetIndicator,
)
from govnet.evaluation.seeds import load
from govnet.evaluation.standing import goal_pairs, own_audit
from govnet.inventory.models import Region
from tests.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> User:
    return User.objects.create_superuser("officer", password="a-long-passphrase")


@pytest.fixture
def signed_in(client: Client, officer: User) -> Client:
    client.force_login(officer)
    return client


@pytest.fixture
def city(tmp_path: Path, settings: object) -> SelfEvaluation:
    settings.MEDIA_ROOT = tmp_path / "media"  # type: ignore[attr-defined]
    return next(evaluation for evaluation in load() if evaluation.slug == "yueyang-2020")


def _totals(evaluation: SelfEvaluation) -> list[int]:
    found = own_audit(evaluation).totals
    return [
        int(value)
        for value in (found.self_score, found.supported, found.pending, found.unsupported)
    ]


def _attach(client: Client, evaluation: SelfEvaluation, item: str, title: str) -> None:
    entry = evaluation.scores.get(item=item)
    file = SimpleUploadedFile(f"{item}.pdf", b"%PDF-1.4 scanned")
    data = {"title": title, "backs": f"score-{entry.pk}", "attachment": file}
    assert client.post(reverse("evaluation:attach", args=[evaluation.pk]), data).status_code == 302


def test_an_attachment_supports_the_item_it_proves_and_no_other(
    signed_in: Client, city: SelfEvaluation
) -> None:
    assert _totals(city) == [98, 38, 25, 35]
    _attach(signed_in, city, "1.3.1", "专项资金管理办法")  # 分配办法, 3 points
    assert _totals(city) == [98, 41, 22, 35]
    for item in ("1.2.1", "1.3.2", "2.2.2", "2.3.4"):
        _attach(signed_in, city, item, f"附件 {item}")
    assert _totals(city) == [98, 56, 7, 35]
    piece = city.evidence.first()
    assert piece is not None
    signed_in.post(reverse("evaluation:detach", args=[piece.pk]))
    assert _totals(city) == [98, 53, 10, 35]


def test_evidence_is_one_file_or_one_value(signed_in: Client, city: SelfEvaluation) -> None:
    url = reverse("evaluation:attach", args=[city.pk])
    signed_in.post(url, {"title": "nothing"})
    signed_in.post(url, {"title": "foreign", "backs": "score-999999", "snapshot": ""})
    assert not city.evidence.exists()


def test_a_frozen_value_becomes_the_actual_value_and_its_evidence(
    signed_in: Client, city: SelfEvaluation
) -> None:
    signed_in.post(reverse("evaluation:measure", args=[city.pk]), {"measure": "amount_spent"})
    snapshot = city.snapshots.get()
    cost = city.indicators.get(level2="成本")
    before = {f.check for f in own_audit(city).findings if "369" in f.arithmetic}
    assert "IND-02" in before
    signed_in.post(reverse("evaluation:use_snapshot", args=[snapshot.pk]), {"indicator": cost.pk})
    cost.refresh_from_db()
    assert cost.actual == "207万元"
    assert cost.evidence.get().snapshot == snapshot
    assert _totals(city) == [98, 41, 22, 35]  # 产出成本, 3 points, is pending no more
    assert any(
        "平台取数" in line for s in printing.numbers(city)["sections"] for line in s["lines"]
    )


def test_measuring_again_after_a_change_is_an_amendment_that_is_shown(
    signed_in: Client, city: SelfEvaluation
) -> None:
    row = city.indicators.get(level2="成本")
    row.measure = "amount_spent"
    row.save()
    url = reverse("evaluation:measure_all", args=[city.pk])
    signed_in.post(url)
    signed_in.post(url)
    assert city.snapshots.count() == 1
    line = city.spending.get()
    line.amount = Decimal(2_100_000)
    line.save()
    signed_in.post(reverse("evaluation:measure", args=[city.pk]), {"measure": "amount_spent"})
    newer = city.snapshots.first()
    assert newer is not None
    assert newer.amends is not None
    page = signed_in.get(city.get_absolute_url()).content.decode()
    assert reverse("evaluation:snapshot", args=[newer.pk]) in page
    signed_in.post(url)
    row.refresh_from_db()
    assert (row.actual, row.evidence.get().snapshot) == ("210万元", newer)


def test_a_new_self_evaluation_is_filled_with_what_can_be_measured(signed_in: Client) -> None:
    data = {
        "slug": "new",
        "project_name": "政务外网",
        "period_start": "2026-01-01",
        "period_end": "2026-10-31",
        "framework": "yueyang-annex-3-2",
    }
    signed_in.post(reverse("evaluation:selfevaluation_add"), data)
    evaluation = SelfEvaluation.objects.get(slug="new")
    rows = {row.level2: row for row in evaluation.indicators.all()}
    assert (rows["数量"].actual, rows["时效"].actual, rows["成本"].actual) == ("0家", "10个月", "")
    assert rows["时效"].evidence.get().snapshot is not None
    titles = evaluation.sections.values_list("title", flat=True)
    assert "七、附件" in titles
    assert signed_in.get(evaluation.get_absolute_url()).status_code == 200


def _scores(client: Client, evaluation: SelfEvaluation, inputs: dict[str, str | list[str]]) -> None:
    url = reverse("evaluation:selfevaluation_edit", args=[evaluation.pk, "scores"])
    form = client.get(url).context["form"]
    data = {b.html_name: b.value() for b in form.management_form}
    for number, row in enumerate(form):
        data[f"scores-{number}-id"] = row.instance.pk
        if row.instance.self_score is not None:
            data[f"scores-{number}-self_score"] = row.instance.self_score
        data[f"scores-{number}-deduction_reason"] = "见说明"
    answer = client.post(url, data | inputs)
    assert answer.status_code == 302, answer.context["form"].errors


def test_a_rule_fills_the_score_and_a_self_score_beside_it_is_flagged(
    signed_in: Client, city: SelfEvaluation
) -> None:
    rows = {entry.item: n for n, entry in enumerate(city.scores.all())}
    quantity, kinds = rows["3.1.1"], rows["1.1.1"]
    city.scores.filter(item="3.1.1").update(self_score=None)
    _scores(
        signed_in,
        city,
        {
            f"scores-{quantity}-target": "50",
            f"scores-{quantity}-actual": "40",
            f"scores-{kinds}-held": ["0", "1"],
        },
    )
    entry = city.scores.get(item="3.1.1")
    assert entry.self_score == 4
    assert {key: Decimal(value) for key, value in entry.answer.items()} == {
        "target": 50,
        "actual": 40,
    }
    city.refresh_from_db()
    assert (str(city.stated_score), city.stated_grade) == ("97.00", "优")
    lines = {line.entry.item: line for line in own_audit(city).lines if line.entry}
    assert not lines["3.1.1"].differs
    assert lines["1.1.1"].differs  # two ticks give 2, the self-score says 4
    page = signed_in.get(reverse("evaluation:selfevaluation_edit", args=[city.pk, "scores"]))
    assert "min(40" in page.content.decode()


def test_an_answer_out_of_its_range_is_told_in_the_users_language(
    signed_in: Client, city: SelfEvaluation
) -> None:
    use = next(n for n, e in enumerate(city.scores.all()) if e.item == "2.2.1")
    url = reverse("evaluation:selfevaluation_edit", args=[city.pk, "scores"])
    form = signed_in.get(url).context["form"]
    data = {b.html_name: b.value() for b in form.management_form}
    data |= {f"scores-{n}-id": row.instance.pk for n, row in enumerate(form)}
    signed_in.cookies["django_language"] = "zh-hans"
    page = signed_in.post(url, data | {f"scores-{use}-fault_0": "1"})
    assert page.status_code == 200
    assert "应扣 4 至 7 分，不能扣 1" in page.content.decode()


def test_the_denominator_of_the_execution_rate_is_printed(city: SelfEvaluation) -> None:
    assert printing.numbers(city)["execution"] == "56.10%（207÷369，分母为计划数）"
    county = SelfEvaluation.objects.get(slug="xiangyin-2022")
    county.denominator = "arrived"
    assert printing.numbers(county)["execution"] == "103.10%（206.2÷200，分母为到位数）"


def test_filled_sign_offs_are_printed_and_read_back(city: SelfEvaluation) -> None:
    city.sign_offs.create(role="unit", opinion="同意", name="张三", signed_on=date(2020, 6, 9))
    city.sign_offs.create(role="finance", opinion="", name="李四")
    report = own_audit(city).report
    read = {s.role: (s.opinion, s.name, s.day) for s in report.sign_offs if not s.is_blank}
    assert read["项目单位意见"] == ("同意", "张三", date(2020, 6, 9))
    assert read["财政部门归口业务科室意见"] == ("", "李四", None)
    assert "STR-05" not in {f.check for f in own_audit(city).findings}


def test_goals_are_paired_with_what_answers_them(city: SelfEvaluation) -> None:
    pairs = goal_pairs(own_audit(city))
    assert [bool(result) for _goal, result in pairs] == [True, True, False, False]


def _framework(**changes: str) -> bytes:
    text = """id: our-bureau
version: 2026-01-01
name: 本局指标体系
name_en: Our bureau
source: 本局文件
total: 100
execution_denominator: planned
grades: [{name: 优, at_least: 90}, {name: 差, at_least: 0}]
indicators:
- {id: '1', name: 接入率, points: 100, rule: {kind: proportional}}
"""
    for old, new in changes.items():
        text = text.replace(f"{old}: ", f"{old}: {new} #", 1)
    return text.encode()


def _upload(client: Client, data: bytes) -> str:
    url = reverse("evaluation:framework_list")
    page = client.post(url, {"file": SimpleUploadedFile("own.yaml", data)}, follow=True)
    return page.content.decode()


def test_a_bureaus_own_framework_is_checked_stored_by_version_and_used(signed_in: Client) -> None:
    assert "own.yaml, line 6, total" in _upload(signed_in, _framework(total="many"))
    assert not BureauFramework.objects.exists()
    _upload(signed_in, _framework())
    assert "exists" in _upload(signed_in, _framework())
    signed_in.post(
        reverse("evaluation:selfevaluation_add"), {"slug": "own", "framework": "our-bureau"}
    )
    evaluation = SelfEvaluation.objects.get(slug="own")
    assert [entry.item for entry in evaluation.scores.all()] == ["1"]
    _upload(signed_in, _framework(version="2027-01-01"))
    assert frameworks()["our-bureau"].version == date(2027, 1, 1)
    kept = framework_of(evaluation)
    assert kept is not None
    assert kept.version == date(2026, 1, 1)
    assert signed_in.get(reverse("evaluation:framework", args=["our-bureau"])).status_code == 200


def test_a_framework_that_unfolds_without_end_is_refused(signed_in: Client) -> None:
    bomb = b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n".encode()
        for n in range(8)
    )
    assert "unfolds" in _upload(signed_in, bomb)
    assert not BureauFramework.objects.exists()


def test_every_shipped_framework_lays_out_and_opens(signed_in: Client) -> None:
    for id_ in shipped_frameworks():
        signed_in.post(
            reverse("evaluation:selfevaluation_add"), {"slug": f"t-{id_}", "framework": id_}
        )
        evaluation = SelfEvaluation.objects.get(slug=f"t-{id_}")
        assert signed_in.get(evaluation.get_absolute_url()).status_code == 200
        edit = reverse("evaluation:selfevaluation_edit", args=[evaluation.pk, "scores"])
        assert signed_in.get(edit).status_code == 200


def test_an_issued_self_evaluation_cannot_be_deleted(
    signed_in: Client, city: SelfEvaluation
) -> None:
    _attach(signed_in, city, "1.3.1", "办法")
    signed_in.post(reverse("evaluation:measure", args=[city.pk]), {"measure": "amount_spent"})
    url = reverse("evaluation:selfevaluation_delete", args=[city.pk])
    printing.issue(city)
    signed_in.post(url)
    assert SelfEvaluation.objects.filter(pk=city.pk).exists()
    city.reports.all().delete()
    signed_in.post(url)
    assert not SelfEvaluation.objects.filter(pk=city.pk).exists()
    assert not Snapshot.objects.exists()


def test_who_wrote_what_is_in_the_audit_trail(signed_in: Client, city: SelfEvaluation) -> None:
    _attach(signed_in, city, "1.3.1", "办法")
    url = reverse("evaluation:selfevaluation_edit", args=[city.pk, "signing"])
    signed_in.post(url, {"filled_in_by": "张三", "filled_in_phone": "1"})
    followed = {entry.content_type.model for entry in LogEntry.objects.all()}
    assert {"evidence", "selfevaluation"} <= followed
    changed = LogEntry.objects.get_for_object(city).first()
    assert changed is not None
    assert changed.actor is not None
    assert "filled_in_by" in changed.changes_dict


@pytest.fixture
def regions() -> tuple[Region, Region]:
    east = Region.objects.create(code="430601", name="东区", level="county")
    west = Region.objects.create(code="430602", name="西区", level="county")
    return east, west


def test_three_actors_see_the_whole_a_part_and_nothing(
    client: Client, city: SelfEvaluation, officer: User, regions: tuple[Region, Region]
) -> None:
    east, west = regions
    city.region = east
    city.save()
    piece = Evidence.objects.create(
        evaluation=city, title="办法", attachment=SimpleUploadedFile("a.pdf", b"secret")
    )
    issued = printing.issue(city)
    urls = [
        city.get_absolute_url(),
        reverse("evaluation:evidence", args=[piece.pk]),
        reverse("evaluation:issued_report", args=[issued.pk, "docx"]),
        reverse("evaluation:selfevaluation_edit", args=[city.pk, "cover"]),
    ]
    own = person("own", "performance_officer", regions=[east])
    other = person("other", "performance_officer", regions=[west])
    duty = person("duty", "duty_officer", regions=[east])
    for user, status in ((officer, 200), (own, 200), (other, 404), (duty, 403)):
        client.force_login(user)
        assert {client.get(url).status_code for url in urls} == {status}, user
    client.force_login(other)
    posts = ["measure", "measure_all", "attach", "issue", "selfevaluation_delete"]
    assert {
        client.post(reverse(f"evaluation:{name}", args=[city.pk])).status_code for name in posts
    } == {404}
    assert client.post(reverse("evaluation:detach", args=[piece.pk])).status_code == 404


def test_a_part_of_the_site_must_choose_its_own_region(
    client: Client, regions: tuple[Region, Region]
) -> None:
    east, west = regions
    client.force_login(person("own", "performance_officer", regions=[east]))
    url = reverse("evaluation:selfevaluation_add")
    client.post(url, {"slug": "none"})
    client.post(url, {"slug": "west", "region": west.pk})
    assert not SelfEvaluation.objects.exists()
    client.post(url, {"slug": "east", "region": east.pk})
    assert client.get(SelfEvaluation.objects.get().get_absolute_url()).status_code == 200


def test_pages_need_no_more_queries_for_more_rows(signed_in: Client, city: SelfEvaluation) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert signed_in.get(city.get_absolute_url()).status_code == 200
        return len(captured)

    signed_in.get(city.get_absolute_url())
    for number in range(2):
        Evidence.objects.create(
            evaluation=city, score=ScoreEntry.objects.all()[number], title=str(number)
        )
    few = queries()
    for number in range(2, 20):
        TargetIndicator.objects.create(
            evaluation=city, level1="产出指标", level2="数量", content=str(number)
        )
        Evidence.objects.create(
            evaluation=city, score=ScoreEntry.objects.all()[number], title=str(number)
        )
    assert queries() == few

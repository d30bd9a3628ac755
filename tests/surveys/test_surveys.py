"""Surveys: one ballot per unit, one answer per link, and no percentage without its n."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from govnet.inventory.models import Unit
from govnet.surveys import services
from govnet.surveys.models import Ballot, ManualResult, Question, Survey
from govnet.surveys.result import Result, wilson
from govnet.surveys.services import SurveyError
from tests.core.world import World, body, build_world
from tests.people import person
from tests.query_counts import compare

pytestmark = pytest.mark.django_db
TALLY = b"%PDF-1.7 tally"


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> World:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.MEDIA_ROOT = tmp_path / "media"
    cache.clear()
    world = build_world()
    Unit.objects.update(acceptance_state="accepted")
    for n in range(4):
        Unit.objects.create(
            code=f"east-{n}", name=f"east-unit {n}", region=world.east.region, level="county",
            acceptance_state="accepted",
        )  # fmt: skip
    return world


@pytest.fixture
def survey(world: World) -> Survey:
    made = Survey.objects.create(
        code="S1",
        name="east-survey",
        region=world.east.region,
        question="overall?",
        closes_on=timezone.localdate() + timedelta(days=7),
    )
    Question.objects.create(survey=made, text="speed?")
    return made


def opened(survey: Survey) -> list[Ballot]:
    services.open_survey(survey)
    survey.refresh_from_db()
    return list(survey.ballots.all())


def url_of(ballot: Ballot) -> str:
    return f"/surveys/b/{services.token_of(ballot)}/"


def answer(ballot: Ballot, rating: int, client: Client | None = None) -> Any:  # noqa: ANN401
    question = ballot.survey.questions.get()
    data = {"rating": rating, f"q{question.pk}": 3, "comment": "fine"}
    return (client or Client()).post(url_of(ballot), data)


# ---- Arithmetic ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("satisfied", "valid", "low", "high"),
    [
        (144, 150, "91.55", "98.15"),
        (0, 10, "0.00", "27.75"),  # Newcombe 1998 gives 27.75 for 0 of 10
        (10, 10, "72.25", "100.00"),
        (81, 263, "25.53", "36.62"),  # Newcombe 1998, table I: 0.2553 to 0.3662
        (15, 148, "6.24", "16.05"),  # the same: 0.0624 to 0.1605
    ],
)
def test_wilson_intervals_of_the_literature(
    satisfied: int, valid: int, low: str, high: str
) -> None:
    assert wilson(satisfied, valid) == (Decimal(low), Decimal(high))


@given(st.integers(1, 5000), st.data())
def test_the_interval_holds_the_share_and_stays_within_bounds(
    valid: int, data: st.DataObject
) -> None:
    satisfied = data.draw(st.integers(0, valid))
    low, high = wilson(satisfied, valid)
    percent = Result(valid, valid, valid, satisfied).percent
    assert percent is not None
    assert Decimal(0) <= low <= percent <= high <= Decimal(100)
    mirrored = wilson(valid - satisfied, valid)
    assert abs(low + mirrored[1] - 100) <= Decimal("0.02")


def test_no_valid_answer_is_no_percentage() -> None:
    empty = Result(10, 0, 0, 0)
    assert (empty.percent, empty.interval, empty.return_rate) == (None, None, Decimal("0.00"))


# ---- Ballots -------------------------------------------------------------------------------


def test_each_accepted_unit_of_the_region_gets_one_ballot(survey: Survey) -> None:
    Unit.objects.filter(code="east-3").update(acceptance_state="building")
    ballots = opened(survey)
    assert len(ballots) == 4
    assert all("west" not in str(b.unit) for b in ballots)
    with pytest.raises(SurveyError, match="draft"):
        services.open_survey(survey)
    with pytest.raises(IntegrityError), transaction.atomic():
        Ballot.objects.create(survey=survey, unit=ballots[0].unit, nonce="x")


def test_a_unit_answers_without_signing_in_and_once(survey: Survey) -> None:
    first, *_rest = opened(survey)
    page = Client().get(url_of(first)).content.decode()
    assert str(first.unit) in page
    assert answer(first, 5).status_code == 200
    again = answer(first, 1)
    assert "已提交过" in again.content.decode()
    first.refresh_from_db()
    assert (first.rating, first.answers, first.comment) == (5, {"speed?": 3}, "fine")
    # Two answers at the same moment: the second update finds nothing to write.
    assert services.vote(first, 1, {}, "") is False


def test_a_link_that_is_made_up_replaced_or_late_is_refused(survey: Survey) -> None:
    first, second, *_rest = opened(survey)
    old = url_of(first)
    services.renew_link(first)
    assert Client().get(old).status_code == 404
    assert Client().get(url_of(first)).status_code == 200
    token = services.token_of(second)
    assert Client().get(f"/surveys/b/{token[:-1]}x/").status_code == 404
    assert Client().get("/surveys/b/nonsense/").status_code == 404
    Survey.objects.update(closes_on=timezone.localdate() - timedelta(days=1))
    assert Client().get(url_of(second)).status_code == 410
    assert answer(second, 5).status_code == 410
    second.refresh_from_db()
    assert second.returned_at is None


def test_an_incomplete_ballot_says_what_is_missing(survey: Survey) -> None:
    first, *_rest = opened(survey)
    assert Client().post(url_of(first), {"comment": "x"}).status_code == 422
    assert answer(first, 9).status_code == 422
    first.refresh_from_db()
    assert first.returned_at is None


def test_guessing_is_slowed_down(survey: Survey) -> None:
    client = Client(REMOTE_ADDR="203.0.113.9")
    codes = [client.get(f"/surveys/b/guess{n}/").status_code for n in range(32)]
    assert set(codes[:30]) == {404}
    assert set(codes[30:]) == {429}
    first, *_rest = opened(survey)
    assert Client(REMOTE_ADDR="203.0.113.10").get(url_of(first)).status_code == 200


def test_the_result_counts_what_is_valid(survey: Survey) -> None:
    ballots = opened(survey)
    for ballot, rating in zip(ballots, (5, 4, 3, 2), strict=False):
        answer(ballot, rating)
    found = services.result(survey)
    assert (found.invited, found.returned, found.valid, found.satisfied) == (5, 4, 4, 2)
    assert found.percent == Decimal("50.00")
    services.invalidate(Ballot.objects.get(rating=2), "filled in by the contractor")
    found = services.result(survey)
    assert (found.returned, found.valid, found.percent) == (4, 3, Decimal("66.67"))


# ---- Paper ---------------------------------------------------------------------------------


def test_a_percentage_without_counts_and_proof_cannot_be_entered(
    world: World, survey: Survey
) -> None:
    world.owner.groups.set(_groups("contract_officer"))
    client, url = world.client(world.owner), f"/surveys/survey/{survey.pk}/manual/"
    counts = {"invited": 10, "returned": 9, "valid": 9, "satisfied": 8}
    client.post(url, counts)  # no attachment
    client.post(url, {"satisfied": 96, "attachment": SimpleUploadedFile("t.pdf", TALLY)})
    client.post(url, {**counts, "satisfied": 10, "attachment": SimpleUploadedFile("t.pdf", TALLY)})
    assert not ManualResult.objects.exists()
    client.post(url, {**counts, "attachment": SimpleUploadedFile("t.pdf", TALLY)})
    assert services.result(survey).percent == Decimal("88.89")
    assert body(client.get(f"/surveys/survey/{survey.pk}/proof/")) == TALLY
    with pytest.raises(IntegrityError), transaction.atomic():
        ManualResult.objects.update(satisfied=10)


def test_a_survey_with_ballots_is_not_entered_by_hand(survey: Survey) -> None:
    opened(survey)
    with pytest.raises(SurveyError, match="computed"):
        services.enter_by_hand(survey, Result(5, 5, 5, 5), SimpleUploadedFile("t.pdf", TALLY), None)


# ---- Pages ---------------------------------------------------------------------------------


def _groups(name: str) -> Any:  # noqa: ANN401
    from django.contrib.auth.models import Group  # noqa: PLC0415

    return Group.objects.filter(name=name)


PAGES = ("", "ballots/", "summary.docx", "question-sheet.docx", "links/")


def page_urls(survey: Survey) -> list[str]:
    base = f"/surveys/survey/{survey.pk}"
    return [f"{base}/{tail}" for tail in PAGES]


@pytest.mark.parametrize(
    ("role", "where", "allowed"),
    [
        ("contract_officer", "east", 5),
        ("leader", "east", 4),
        ("contract_officer", "west", 0),
        ("network_engineer", "east", 0),
        ("contractor", "east", 0),
    ],
)
def test_who_opens_the_pages_of_a_survey(
    world: World, survey: Survey, role: str, where: str, allowed: int
) -> None:
    opened(survey)
    region = getattr(world, where).region
    client = Client()
    client.force_login(
        person("someone", role, regions=[region]), "django.contrib.auth.backends.ModelBackend"
    )
    codes = [client.get(url).status_code for url in page_urls(survey)]
    assert codes.count(200) == allowed, codes
    assert set(codes) <= {200, 403, 404}
    if allowed == 0:
        listed = client.get("/surveys/survey/")
        assert listed.status_code == 403 or "east-survey" not in listed.content.decode()
    for tail in ("step/close/", "manual/"):
        status = client.post(f"/surveys/survey/{survey.pk}/{tail}").status_code
        assert (status == 302) == (allowed == 5)


def test_the_links_go_to_the_officer_and_nowhere_else(world: World, survey: Survey) -> None:
    first, *_rest = opened(survey)
    world.owner.groups.set(_groups("contract_officer"))
    client = world.client(world.owner)
    token = services.token_of(first).split(":")[0]  # the rest depends on the second
    for tail in ("", "ballots/"):
        assert token not in body(client.get(f"/surveys/survey/{survey.pk}/{tail}")).decode("latin1")
    from io import BytesIO  # noqa: PLC0415

    from openpyxl import load_workbook  # noqa: PLC0415

    book = load_workbook(BytesIO(body(client.get(f"/surveys/survey/{survey.pk}/links/"))))
    sheet = book.active
    assert sheet is not None
    assert token in str(sheet.cell(2, 3).value)


def test_the_page_shows_n_and_interval(world: World, survey: Survey) -> None:
    ballots = opened(survey)
    for ballot in ballots:
        answer(ballot, 4)
    world.owner.groups.set(_groups("contract_officer"))
    client = world.client(world.owner)
    url = f"/surveys/survey/{survey.pk}/"
    client.get(url)
    with compare("surveys:survey"):
        page = client.get(url).content.decode()
    assert "n = 5" in page
    assert "56.55% – 100.00%" in page


def test_what_was_asked_stays_while_the_survey_is_open(survey: Survey) -> None:
    from django.core.exceptions import ValidationError  # noqa: PLC0415

    opened(survey)
    survey.satisfied_from = 3
    with pytest.raises(ValidationError):
        survey.clean()
    survey.satisfied_from = 4
    survey.closes_on = date(2030, 1, 1)
    survey.clean()

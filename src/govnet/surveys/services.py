"""What changes surveys and ballots; refusals say why."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from django.core import signing
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from govnet.core.errors import ToldError, gettext_noop
from govnet.core.uploads import keep
from govnet.inventory.models import AcceptanceState, Region, Unit
from govnet.surveys.models import Ballot, ManualResult, Rating, Survey, SurveyState
from govnet.surveys.result import Result

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

    from govnet.accounts.models import User

SALT: Final = "govnet.surveys.ballot"


class SurveyError(ToldError):
    """A change that the rules of surveys refuse; the message says why."""


def invitable(survey: Survey) -> Iterable[Unit]:
    """The accepted units of a survey's region; of the whole site without one."""
    units = Unit.objects.filter(acceptance_state=AcceptanceState.ACCEPTED)
    if survey.region is not None:
        below = Region.objects.descendants(survey.region, include_self=True)
        units = units.filter(region__in=below.values_list("pk", flat=True))
    return units.order_by("code")


@transaction.atomic
def open_survey(survey: Survey) -> int:
    """Make one ballot for each accepted unit and open the survey.

    Returns:
        how many were invited.

    Raises:
        SurveyError: it is no draft, its last day has passed, or there is no unit to ask.
    """
    survey = Survey.objects.select_for_update().get(pk=survey.pk)
    if survey.state != SurveyState.DRAFT:
        raise SurveyError(gettext_noop("Only a draft can be opened."))
    if survey.closes_on < timezone.localdate():
        raise SurveyError(gettext_noop("The last day for answers has passed."))
    units = list(invitable(survey))
    if not units:
        raise SurveyError(gettext_noop("There is no accepted unit to ask."))
    Ballot.objects.bulk_create(Ballot(survey=survey, unit=u, nonce=_nonce()) for u in units)
    survey.state = SurveyState.OPEN
    survey.save(update_fields=["state", "updated_at"])
    return len(units)


@transaction.atomic
def close_survey(survey: Survey) -> None:
    """Take no more answers.

    Raises:
        SurveyError: it is not open.
    """
    survey = Survey.objects.select_for_update().get(pk=survey.pk)
    if survey.state != SurveyState.OPEN:
        raise SurveyError(gettext_noop("The survey is not open."))
    survey.state = SurveyState.CLOSED
    survey.save(update_fields=["state", "updated_at"])


# ---- Links ---------------------------------------------------------------------------------


def _nonce() -> str:
    return secrets.token_hex(8)


def token_of(ballot: Ballot) -> str:
    """What the link of a ballot holds: signed, so that nobody can make one up."""
    return signing.dumps([ballot.pk, ballot.nonce], salt=SALT)


def ballot_of(token: str) -> Ballot | None:
    """The ballot of a link; None for a link that was made up or replaced."""
    try:
        pk, nonce = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    rows = Ballot.objects.select_related("survey", "unit")
    return rows.filter(pk=pk, nonce=nonce).first()


@transaction.atomic
def renew_link(ballot: Ballot) -> Ballot:
    """A new link for a unit that has lost its own; the old one is dead.

    Raises:
        SurveyError: the ballot was returned already.
    """
    if ballot.returned_at:
        raise SurveyError(gettext_noop("The ballot was returned already."))
    ballot.nonce = _nonce()
    ballot.save(update_fields=["nonce"])
    return ballot


def takes_answers(survey: Survey) -> bool:
    """Whether a survey is open today."""
    return survey.state == SurveyState.OPEN and survey.closes_on >= timezone.localdate()


def vote(ballot: Ballot, rating: int, answers: Mapping[str, int], comment: str) -> bool:
    """Record a ballot, once.

    Returns:
        False when it was returned before, however close to each other two answers come.

    Raises:
        SurveyError: the survey takes no answers any more.
    """
    if not takes_answers(ballot.survey):
        raise SurveyError(gettext_noop("The survey takes no answers any more."))
    won = Ballot.objects.filter(pk=ballot.pk, nonce=ballot.nonce, returned_at=None).update(
        returned_at=timezone.now(),
        rating=Rating(rating),
        answers=dict(answers),
        comment=comment.strip()[:500],
    )
    return won == 1


@transaction.atomic
def invalidate(ballot: Ballot, reason: str) -> None:
    """Let a returned ballot not count; an empty reason lets it count again.

    Raises:
        SurveyError: it was not returned.
    """
    if ballot.returned_at is None:
        raise SurveyError(gettext_noop("The ballot was not returned."))
    ballot.invalid_reason = reason.strip()[:200]
    ballot.save(update_fields=["invalid_reason"])


# ---- Results -------------------------------------------------------------------------------


def result(survey: Survey) -> Result:
    """The counts of a survey: of its ballots, or as they were entered by hand."""
    manual = ManualResult.objects.filter(survey=survey).first()
    if manual is not None:
        return Result(manual.invited, manual.returned, manual.valid, manual.satisfied)
    valid = Q(returned_at__isnull=False, invalid_reason="")
    counts = survey.ballots.aggregate(
        invited=Count("pk"),
        returned=Count("pk", filter=Q(returned_at__isnull=False)),
        valid=Count("pk", filter=valid),
        satisfied=Count("pk", filter=valid & Q(rating__gte=survey.satisfied_from)),
    )
    return Result(**counts)


@transaction.atomic
def enter_by_hand(
    survey: Survey, counts: Result, file: UploadedFile[Any], user: User | None
) -> ManualResult:
    """The result of a survey on paper; counts and proof together or not at all.

    Raises:
        SurveyError: there are ballots, the counts contradict each other, or the file is refused.
    """
    if survey.ballots.exists():
        raise SurveyError(gettext_noop("The survey has ballots: its result is computed."))
    if not 0 <= counts.satisfied <= counts.valid <= counts.returned <= counts.invited:
        raise SurveyError(gettext_noop("Satisfied ≤ valid ≤ returned ≤ invited must hold."))
    if not counts.valid:
        raise SurveyError(gettext_noop("Without a valid answer there is no result."))
    made = ManualResult(
        survey=survey,
        invited=counts.invited,
        returned=counts.returned,
        valid=counts.valid,
        satisfied=counts.satisfied,
        entered_by=user,
    )
    try:
        kept = keep(made.attachment, file)
    except ToldError as error:
        raise SurveyError(error.note.message, **error.note.params) from error
    made.file_name, made.digest = kept.name, kept.digest
    made.save()
    survey.state = SurveyState.CLOSED
    survey.save(update_fields=["state", "updated_at"])
    return made

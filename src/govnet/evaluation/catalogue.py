"""The frameworks of this installation: the shipped ones and the bureau's own, by version."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from django.db import IntegrityError, transaction

from govnet.accounts.models import User
from govnet.evaluation.framework import (
    Framework,
    FrameworkError,
    parse_framework,
    shipped_frameworks,
)
from govnet.evaluation.models import BureauFramework, SelfEvaluation

MAX_BYTES = 256 * 1024


@lru_cache(maxsize=64)
def _parsed(text: str, origin: str) -> Framework:
    return parse_framework(text, origin)


def frameworks() -> dict[str, Framework]:
    """The newest version of each framework, by id."""
    found = dict(shipped_frameworks())
    for row in BureauFramework.objects.order_by("version"):
        known = found.get(row.framework_id)
        if known is None or known.version <= row.version:
            found[row.framework_id] = _parsed(row.text, str(row))
    return found


def framework_of(evaluation: SelfEvaluation) -> Framework | None:
    """The framework that an evaluation was laid out by, in its own version.

    Evaluations without a recorded version use the newest one.
    """
    return find_framework(evaluation.framework, evaluation.framework_version)


def find_framework(id_: str, version: date | None) -> Framework | None:
    """A framework by id and version; None where there is no such id."""
    if not id_:
        return None
    shipped = shipped_frameworks().get(id_)
    if shipped is not None and version in {None, shipped.version}:
        return shipped
    rows = BureauFramework.objects.filter(framework_id=id_)
    row = (rows.filter(version=version).first() if version else None) or rows.first()
    return _parsed(row.text, str(row)) if row else shipped


def store_framework(data: bytes, origin: str, user: User | None) -> BureauFramework:
    """Check an uploaded framework and keep it.

    Raises:
        FrameworkError: wrong, too large, or its version exists already; names line and field.
    """
    if len(data) > MAX_BYTES:
        raise FrameworkError(f"{origin}: over {MAX_BYTES >> 10} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FrameworkError(f"{origin}: not UTF-8 text") from error
    framework = parse_framework(text, origin)
    taken = f"{origin}: {framework.id} {framework.version} exists: give the change a new version"
    shipped = shipped_frameworks().get(framework.id)
    if shipped is not None and shipped.version == framework.version:
        raise FrameworkError(taken)
    try:
        with transaction.atomic():
            return BureauFramework.objects.create(
                framework_id=framework.id,
                version=framework.version,
                name=framework.name[:200],
                text=text,
                uploaded_by=user,
            )
    except IntegrityError as error:
        raise FrameworkError(taken) from error

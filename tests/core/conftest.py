"""The world of the generic layer's tests."""

from __future__ import annotations

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from tests.core.world import IMMEDIATE, Importer, World, build_world


@pytest.fixture
def world(db: None, settings: Settings) -> World:
    """Two counties and the people; no test signs in by password, so hashes may be weak."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return build_world()


@pytest.fixture
def importer(
    settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> Importer:
    """Imports whose jobs run in this process."""
    settings.TASKS = IMMEDIATE
    return Importer(django_capture_on_commit_callbacks)

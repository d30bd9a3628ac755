"""The world of the tests of projects and contracts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from tests.core.world import World
from tests.inventory.conftest import importer as importer  # noqa: PLC0414  # a fixture
from tests.projects.world import build


@pytest.fixture
def world(db: None, settings: Settings, tmp_path: Path) -> World:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.MEDIA_ROOT = tmp_path / "media"
    return build()

"""What every test has: static files by their plain names, so that no test needs collectstatic.

Hypothesis runs without a deadline: the machines are noisy, and no test is a timed one.
"""

from __future__ import annotations

import hypothesis
import pytest
from pytest_django import Settings

hypothesis.settings.register_profile("govnet", deadline=None)
hypothesis.settings.load_profile("govnet")


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """A strong hash takes a third of a second of CPU, and most tests make five accounts."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _plain_static_files(settings: Settings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }

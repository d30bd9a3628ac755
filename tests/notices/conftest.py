"""The world of the generic layer's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from govnet.config import get_config
from govnet.notices.models import Channel
from tests.city import City, build_city
from tests.core.world import IMMEDIATE, Importer, World, build_world
from tests.notices.peers import HttpPeer, http_peer


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


@pytest.fixture
def city(db: None) -> City:
    return build_city()


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpPeer]:
    monkeypatch.setenv("GOVNET_NOTICE_LOOPBACK", "true")
    monkeypatch.setenv("GOVNET_PUBLIC_URL", "https://noc.example.gov.cn/")
    get_config.cache_clear()
    with http_peer() as found:
        yield found
    monkeypatch.undo()
    get_config.cache_clear()


@pytest.fixture
def robot(peer: HttpPeer) -> Channel:
    return Channel.objects.create(name="duty room", kind="wecom", address=peer.url, secret="key")

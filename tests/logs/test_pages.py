"""Search, tail, export and panels: who sees whose messages; nothing that came is believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from govnet.inventory.interface_names import canonical
from govnet.inventory.models import Device, Port, Region
from govnet.logs import pages, services
from govnet.logs.models import LogPattern, LogSource
from govnet.telemetry.client import TelemetryUnavailableError
from govnet.telemetry.log_queries import LogFilter, LogRow
from tests import query_counts
from tests.people import person

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


class FakeStore:
    """Answers like the store, and remembers what it was asked."""

    def __init__(self) -> None:
        self.rows: list[LogRow] = []
        self.asked: list[LogFilter] = []

    def add(self, device: int, text: str, **more: object) -> None:
        values = {
            "at": NOW - timedelta(seconds=len(self.rows)), "device_id": device, "source_id": 1,
            "address": "::ffff:10.0.0.9", "channel": "udp", "facility": 23, "severity": 3,
            "host": "h", "program": "p", "vendor": "", "event": "link_down", "about": "GE0/0/1",
            "port_id": 0, "skew_s": 7200.0, "head": "<187>", "text": text, "raw": "",
            "key": str(len(self.rows)),
        }  # fmt: skip
        self.rows.append(LogRow(**{**values, **more}))  # type: ignore[arg-type]

    def search(self, _client: object, wanted: LogFilter, *_more: object) -> list[LogRow]:
        self.asked.append(wanted)
        devices = wanted.devices
        return [row for row in self.rows if devices is None or row.device_id in devices]


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> FakeStore:
    fake = FakeStore()
    monkeypatch.setattr(pages, "shared_client", lambda _config: None)
    for name in ("log_search", "log_tail", "log_export"):
        monkeypatch.setattr(pages, name, fake.search)
    facets: dict[str, list[tuple[str, int]]] = {name: [] for name in pages.FACET_TITLES} | {
        "event": [("link_down", 12_345)]
    }
    monkeypatch.setattr(pages, "log_facets", lambda *_a: facets)
    monkeypatch.setattr(pages, "log_histogram", lambda *_a: (60, [(NOW, 9, 4)]))
    return fake


@pytest.fixture
def devices() -> tuple[Device, Device]:
    city = Region.objects.create(code="430600", name="city", level="city")
    made = []
    for n in (1, 2):
        county = Region.objects.create(
            code=f"43060{n}", name=f"county {n}", level="county", parent=city
        )
        made.append(
            Device.objects.create(
                name=f"router-{n}", layer="core", region=county, management_ipv4=f"10.0.0.{n}"
            )
        )
    return made[0], made[1]


def signed_in(username: str, *roles: str, **fields: object) -> Client:
    client = Client()
    user = person(username, *roles, **fields)  # type: ignore[arg-type]
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def owner(devices: tuple[Device, Device]) -> Client:
    return signed_in("owner", "network_engineer", regions=[devices[0].region])


@pytest.mark.parametrize("url", ["logs:search", "logs:traps", "logs:tail", "logs:export"])
def test_each_sees_the_messages_of_his_own_devices(
    store: FakeStore, devices: tuple[Device, Device], owner: Client, url: str
) -> None:
    for device, text in ((devices[0].pk, "mine"), (devices[1].pk, "theirs"), (0, "unknown")):
        store.add(device, text)
    address = reverse(url) + ("?after=1:1" if url == "logs:tail" else "")

    def shown(client: Client) -> set[str]:
        answer = client.get(address)
        assert answer.status_code == 200
        text = answer.getvalue().decode()
        return {word for word in ("mine", "theirs", "unknown") if f"{word}<" in text or
                f",{word}\r" in text}  # fmt: skip

    assert shown(owner) == {"mine"}
    colleague = signed_in("colleague", "duty_officer", whole_site=True)
    assert shown(colleague) == {"mine", "theirs", "unknown"}
    for stranger in (signed_in("stranger"), signed_in("contact", "unit_contact", whole_site=True)):
        assert stranger.get(address).status_code == 403
    assert Client().get(address).status_code == 302


def test_another_ones_device_cannot_be_asked_for(
    store: FakeStore, devices: tuple[Device, Device], owner: Client
) -> None:
    owner.get(reverse("logs:search"), {"device": devices[1].pk})
    assert store.asked[-1].devices == []


def test_hostile_text_stays_text(
    store: FakeStore, owner: Client, devices: tuple[Device, Device]
) -> None:
    store.add(devices[0].pk, "<script>alert(1)</script>", program="<b>", host="<i>")
    store.add(devices[0].pk, "=cmd|' /C calc'!A0")
    page = owner.get(reverse("logs:search"), {"q": '"><script>'}).content.decode()
    assert "<script>alert" not in page
    assert '"><script>' not in page
    exported = owner.get(reverse("logs:export")).getvalue().decode()
    assert "'=cmd" in exported
    assert exported.startswith("\ufeff")


def test_the_page_tells_facets_skew_and_a_lasting_address(
    store: FakeStore, owner: Client, devices: tuple[Device, Device]
) -> None:
    store.add(devices[0].pk, "text", raw="/wA=")
    page = owner.get(reverse("logs:search"), {"q": "text", "range": "1h"}).content.decode()
    assert "event=link_down" in page
    assert "from=" in page
    assert "7200" in page
    assert "\\xff\\x00" in page


@pytest.mark.parametrize(
    "query",
    ["range=1x", "from=1", "from=5&to=4", "from=1e400&to=2", "least=x", "before=x:y", "device=x",
     "severity=x", "from=nan&to=nan"],
)  # fmt: skip
def test_nonsense_is_refused_or_ignored(store: FakeStore, owner: Client, query: str) -> None:
    assert owner.get(f"{reverse('logs:search')}?{query}").status_code in (200, 400)
    assert store is not None


def test_a_store_that_is_away_is_said(monkeypatch: pytest.MonkeyPatch, owner: Client) -> None:
    def away(_config: object) -> None:
        raise TelemetryUnavailableError("away")

    monkeypatch.setattr(pages, "shared_client", away)
    assert "▲" in owner.get(reverse("logs:search")).content.decode()
    assert "▲" in owner.get(reverse("logs:tail")).content.decode()
    assert owner.get(reverse("logs:export")).status_code == 503


def test_a_devices_page_shows_its_last_messages(
    store: FakeStore, owner: Client, devices: tuple[Device, Device]
) -> None:
    store.add(devices[0].pk, "last words")
    assert "last words" in owner.get(devices[0].get_absolute_url()).content.decode()
    assert store.asked[-1].devices == [devices[0].pk]


def test_the_number_of_queries_does_not_grow(
    store: FakeStore, devices: tuple[Device, Device]
) -> None:
    colleague = signed_in("colleague", "duty_officer", whole_site=True)
    colleague.get(reverse("logs:search"))
    for number in range(60):
        store.add(devices[number % 2].pk, "x")
        if number in (1, 59):
            with query_counts.compare("logs:search"):
                colleague.get(reverse("logs:search"))


def test_sources_are_listed_by_scope_and_unknown_ones_can_be_added(
    owner: Client, devices: tuple[Device, Device]
) -> None:
    services.ensure_sources(["10.0.0.1", "10.0.0.2", "10.9.9.9"], 1_790_000_000)
    page = owner.get(reverse("logs:logsource_list")).content.decode()
    assert "10.0.0.1" in page
    assert "10.0.0.2" not in page
    colleague = signed_in("colleague", "network_engineer", whole_site=True)
    page = colleague.get(reverse("logs:logsource_list")).content.decode()
    assert "management_ipv4=10.9.9.9" in page
    assert colleague.get(reverse("logs:logpattern_list")).status_code == 200


def test_a_source_finds_its_device_later(devices: tuple[Device, Device]) -> None:
    services.ensure_sources(["10.7.7.7"], 1_790_000_000)
    assert services.find_devices() == 0
    devices[0].management_ipv6 = "2001:db8::7"
    devices[0].management_ipv4 = "10.7.7.7"
    devices[0].save()
    assert services.find_devices() == 1
    assert LogSource.objects.get().device == devices[0]


def test_forged_senders_do_not_fill_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_SOURCES", 3)
    services.ensure_sources([f"10.9.1.{n}" for n in range(10)], 1_790_000_000)
    assert LogSource.objects.count() == 3


def test_silence_is_told_once_and_so_is_its_end(devices: tuple[Device, Device]) -> None:
    now = timezone.now()
    source = LogSource.objects.create(
        address="10.0.0.1", device=devices[0], last_seen=now - timedelta(hours=25)
    )
    LogSource.objects.create(address="10.0.0.3", last_seen=now - timedelta(days=9))
    assert services.silence_changes(now) == [(source, True)]
    assert services.silence_changes(now) == []
    LogSource.objects.filter(pk=source.pk).update(last_seen=now)
    assert services.silence_changes(now) == [(source, False)]


def test_the_directory_as_the_receiver_reads_it(devices: tuple[Device, Device]) -> None:
    services.ensure_sources(["10.0.0.1"], 1_790_000_000)
    port = Port.objects.create(device=devices[0], name="GigabitEthernet0/0/1", if_index=5)
    LogPattern.objects.create(name="a", pattern="disk .*")
    LogPattern.objects.create(name="b", pattern="x", enabled=False)
    directory = services.load_directory()
    assert directory.sources["10.0.0.1"].device_id == devices[0].pk
    assert directory.ports_by_name == {(devices[0].pk, canonical("GE0/0/1")): port.pk}
    assert directory.ports_by_index == {(devices[0].pk, 5): port.pk}
    assert [pattern.name for pattern in directory.patterns] == ["a"]


def test_a_pattern_that_cannot_be_used_is_refused(owner: Client) -> None:
    data = {"name": "n", "pattern": "(?=a)", "least": 7, "kind": "log_pattern", "enabled": "on"}
    answer = owner.post(reverse("logs:logpattern_list") + "add/", data)
    assert answer.status_code in (200, 422)
    assert not LogPattern.objects.exists()

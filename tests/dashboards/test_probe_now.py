"""One probe by hand: who may, where to, and that a failure is shown as well as an answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address

import pytest
from django.test import Client

from govnet.dashboards import probe_now
from govnet.engine.result import Outcome, ProbeKind
from govnet.monitor.models import Target
from tests.city import City, build_city
from tests.people import person

pytestmark = pytest.mark.django_db
PAGE = "/monitor/probe/"


@pytest.fixture
def city() -> City:
    return build_city()


@pytest.fixture
def listener() -> Iterator[tuple[str, int]]:
    """A TCP service at an address of the ledger's kind."""
    with socket.create_server(("127.20.0.1", 0)) as server:
        server.settimeout(30)

        def accept() -> None:
            try:
                while True:
                    server.accept()[0].close()
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[:2]
        server.shutdown(socket.SHUT_RDWR)


def ask(client: Client, **fields: object) -> str:
    """Run the form; the page that comes back."""
    response = client.post(PAGE, {"timeout_s": 1, "tries": 1, **fields})
    assert response.status_code == 200
    return response.content.decode()


def officer(client: Client, city: City) -> Client:
    client.force_login(person("officer", "duty_officer", regions=[city.east]))
    return client


def test_only_those_with_the_permission_reach_the_page(client: Client, city: City) -> None:
    client.force_login(person("contact", "unit_contact", whole_site=True))
    assert client.get(PAGE).status_code == 403
    assert client.post(PAGE, {"kind": "icmp", "address": "127.20.0.1"}).status_code == 403


def watch(city: City, kind: str, address: str, **params: object) -> Target:
    """A target of the eastern county: only what is measured may be probed on this machine."""
    return Target.objects.create(
        name=address, kind=kind, address=address, params=params, access_point=city.point_east
    )


def test_an_answer_is_shown_with_its_exchange(
    client: Client, city: City, listener: tuple[str, int]
) -> None:
    watch(city, "tcp", listener[0], port=listener[1])
    page = ask(officer(client, city), kind="tcp", address=listener[0], port=listener[1])
    assert 'id="probe-result"' in page
    assert "state-up" in page
    assert "connect" in page


def test_a_failure_is_readable(client: Client, city: City, listener: tuple[str, int]) -> None:
    with socket.create_server((listener[0], 0)) as other:
        closed = other.getsockname()[1]
    watch(city, "tcp", listener[0], port=closed)
    page = ask(officer(client, city), kind="tcp", address=listener[0], port=closed)
    assert "连接被拒绝" in page
    assert "state-down" in page


@pytest.mark.parametrize("address", ["127.20.0.2", "127.0.0.1", "192.0.2.1", "169.254.169.254"])
def test_an_officer_probes_only_what_the_officer_sees(
    client: Client, city: City, address: str
) -> None:
    page = ask(officer(client, city), kind="icmp", address=address)
    assert 'id="probe-result"' not in page
    assert "台账" in page or "本机" in page


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0", "224.0.0.1"]
)
def test_even_an_administrator_probes_nothing_of_this_machine(city: City, address: str) -> None:
    chief = person("chief", "administrator", whole_site=True)
    for kind, wish, params in (
        (ProbeKind.ICMP, address, {}),
        (ProbeKind.TCP, address, {"port": 22}),
        (ProbeKind.DNS, "example.org", {"server": address}),
        (ProbeKind.HTTP, f"http://[{address}]/" if ":" in address else f"http://{address}/", {}),
    ):
        with pytest.raises(probe_now.NotPermittedError):
            probe_now.goal_of(chief, kind, wish, params)


@pytest.mark.parametrize(
    ("kind", "address", "params"),
    [
        (ProbeKind.TCP, "127.20.0.1", {"port": 18123}),
        (ProbeKind.TCP, "127.20.0.1", {}),
        (ProbeKind.HTTP, "http://127.20.0.1:18124/metrics", {}),
        (ProbeKind.HTTP, "http://127.20.0.1:8/x?y", {}),
        (ProbeKind.DNS, "example.org", {"server": "127.20.0.1"}),
        (ProbeKind.SNMP, "127.20.0.1", {}),
    ],
)
def test_an_address_of_this_machine_in_the_ledger_opens_nothing_but_what_is_measured(
    city: City, kind: ProbeKind, address: str, params: dict[str, object]
) -> None:
    """Whoever edits the ledger could otherwise reach the platform's own ports."""
    watch(city, "tcp", "127.20.0.1", port=22)
    watch(city, "http", "http://127.20.0.1:8/x")
    east = person("east", "network_engineer", regions=[city.east])
    assert probe_now.goal_of(east, ProbeKind.TCP, "127.20.0.1", {"port": 22})
    assert probe_now.goal_of(east, ProbeKind.HTTP, "http://127.20.0.1:8/x", {})
    for user in (east, person("chief", superuser=True)):
        with pytest.raises(probe_now.NotPermittedError):
            probe_now.goal_of(user, kind, address, params)


def test_what_somebody_else_measures_on_this_machine_stays_closed(city: City) -> None:
    watch(city, "tcp", "127.20.0.1", port=22)
    west = person("west", "network_engineer", regions=[city.west])
    with pytest.raises(probe_now.NotPermittedError):
        probe_now.goal_of(west, ProbeKind.TCP, "127.20.0.1", {"port": 22})
    Target.objects.update(enabled=False)
    east = person("east", "network_engineer", regions=[city.east])
    with pytest.raises(probe_now.NotPermittedError):
        probe_now.goal_of(east, ProbeKind.TCP, "127.20.0.1", {"port": 22})


def test_a_redirect_is_shown_and_not_followed(city: City) -> None:
    """Whatever answers at an address of the ledger must not send the web server elsewhere."""
    asked: list[str] = []

    class Redirecting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.20.0.1:{port}/secret")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            return

    with HTTPServer(("127.20.0.1", 0), Redirecting) as server:
        port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        watch(city, "http", f"http://127.20.0.1:{port}/")
        east = person("east", "network_engineer", regions=[city.east])
        goal = probe_now.goal_of(east, ProbeKind.HTTP, f"http://127.20.0.1:{port}/", {})
        result = probe_now.run(ProbeKind.HTTP, goal, timeout_s=5, tries=1)
        server.shutdown()
    assert asked == ["/"]
    assert result.outcome is Outcome.OK
    assert f"http://127.20.0.1:{port}/secret" in str(result.detail["headers"])


def test_an_administrator_may_leave_the_ledger(city: City) -> None:
    chief = person("chief", "administrator", whole_site=True)
    goal = probe_now.goal_of(chief, ProbeKind.ICMP, "192.0.2.1", {})
    assert goal.address == "192.0.2.1"


def test_a_name_is_pinned_to_the_address_that_was_judged(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second look-up could lead the probe elsewhere."""
    watch(city, "http", "http://127.0.0.1:8/x")
    goal = probe_now.goal_of(
        person("chief", superuser=True), ProbeKind.HTTP, "http://127.0.0.1:8/x", {}
    )
    assert goal.address == "http://127.0.0.1:8/x"
    monkeypatch.setattr(probe_now, "_address_of", lambda _host: ip_address("192.0.2.7"))
    goal = probe_now.goal_of(
        person("other", superuser=True), ProbeKind.HTTP, "https://portal.example:444/a?b=c", {}
    )
    assert goal.address == "https://192.0.2.7:444/a?b=c"
    assert goal.params["server_name"] == "portal.example"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "gopher://127.20.0.1/", "http://", "http://u:p@127.20.0.1/", "x"]
)
def test_only_http_urls_are_fetched(city: City, url: str) -> None:
    with pytest.raises(probe_now.NotPermittedError):
        probe_now.goal_of(person("chief", superuser=True), ProbeKind.HTTP, url, {})


def test_snmp_asks_with_the_stored_credential_and_never_shows_it(
    client: Client, city: City
) -> None:
    client.force_login(person("engineer", "network_engineer", whole_site=True))
    watch(city, "snmp", "127.20.1.1")
    watch(city, "snmp", "127.20.0.1")
    page = ask(client, kind="snmp", address="127.20.1.1", timeout_s=0.2)
    assert 'id="probe-result"' in page
    assert "hidden-community" not in page
    page = ask(client, kind="snmp", address="127.20.0.1")
    assert "凭据" in page


def test_more_than_four_at_once_are_turned_away(client: Client, city: City) -> None:
    taken = [probe_now._slots.acquire(blocking=False) for _ in range(probe_now.AT_ONCE)]
    try:
        page = ask(officer(client, city), kind="icmp", address="127.20.0.1")
    finally:
        for _ in filter(None, taken):
            probe_now._slots.release()
    assert "已有 4 个拨测" in page


def test_a_probe_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_now, "LIMIT_S", 0.2)
    with socket.create_server(("127.20.0.3", 0)) as silent:  # accepts, never speaks
        port = silent.getsockname()[1]
        goal = probe_now.Goal("127.20.0.3", {"port": port, "expect": "x"})
        result = probe_now.run(ProbeKind.TCP, goal, timeout_s=10, tries=3)
    assert (result.outcome, result.reason) == (Outcome.FAILED, "too_slow")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "tcp", "address": "127.20.0.1"},
        {"kind": "dns", "address": "example.org"},
        {"kind": "icmp", "address": ""},
        {"kind": "telnet", "address": "127.20.0.1"},
        {"kind": "icmp", "address": "127.20.0.1", "timeout_s": "9999"},
    ],
)
def test_a_wrong_form_runs_nothing_and_keeps_what_was_typed(
    client: Client, city: City, fields: dict[str, str]
) -> None:
    page = ask(officer(client, city), **fields)
    assert 'id="probe-result"' not in page
    assert "field-error" in page
    assert fields["address"] in page

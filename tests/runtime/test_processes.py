"""The real processes together: they come up, come back when killed, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.running import Running, installation, running_govnet, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def govnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running_govnet(tmp_path_factory.mktemp("up")) as running:
        yield running


def test_every_process_is_ok_and_tells_its_counters(govnet: Running) -> None:
    status = govnet.status()
    assert status["ok"]
    assert set(status["processes"]) == {
        "store",
        "web",
        "engine",
        "receiver",
        "worker",
        "correlator",
    }
    for name, report in status["processes"].items():
        assert report["pid"], name
        assert report["counters"], name
    printed = json.loads(govnet.run("status", "--json").stdout)
    assert printed["ok"]
    assert "process" in govnet.run("status").stdout


def test_the_pages_and_every_health_port_answer(govnet: Running) -> None:
    assert httpx.get(f"{govnet.url}/", trust_env=False).status_code in (200, 302)
    for name in ("web", "engine", "receiver", "worker", "correlator"):
        port = govnet.port(f"{name}_health_port")
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert f"govnet_{name}" in text
        with pytest.raises(httpx.ConnectError):  # loopback only, never another address
            httpx.get(f"http://{_other_address()}:{port}/metrics", trust_env=False, timeout=2)


def _other_address() -> str:
    addresses = psutil.net_if_addrs()
    for name, found in addresses.items():
        for address in found:
            if name != "lo" and address.family.name == "AF_INET":
                return str(address.address)
    return "127.0.0.2"


def test_the_first_administrators_password_is_new_private_and_in_no_log(govnet: Running) -> None:
    path = govnet.data_dir / "initial-admin-password"
    password = path.read_text().strip()
    assert len(password) >= 16
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    shown = [line for line in govnet.log_path.read_text().splitlines() if password in line]
    assert len(shown) == 1, "shown once, on the terminal"
    assert "shown once" in shown[0]
    rows = govnet.django(
        "from govnet.accounts.models import User; u = User.objects.get();"
        " print(u.username, u.is_superuser, u.must_change_password,"
        f" u.check_password({password!r}))"
    )
    assert rows.split() == ["admin", "True", "True", "True"]


@pytest.mark.parametrize("name", ["store", "web", "engine", "worker", "correlator"])
def test_a_killed_process_comes_back(govnet: Running, name: str) -> None:
    before = govnet.pid(name)
    os.kill(before, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(before), 5, f"{name} gone")
    govnet.wait_ok()
    assert govnet.pid(name) != before


def test_a_second_one_is_refused_with_a_sentence(govnet: Running) -> None:
    refused = govnet.run("up", check=False)
    assert refused.returncode == 1
    assert f"already runs on {govnet.data_dir} (process {govnet.supervisor.pid})" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "already runs" in govnet.run("engine", check=False).stderr


def test_a_port_in_use_is_a_sentence_that_says_which_setting(
    govnet: Running, tmp_path: Path
) -> None:
    other = installation(tmp_path, GOVNET_WEB_PORT=govnet.env["GOVNET_WEB_PORT"])
    refused = other.run("up", check=False)
    assert refused.returncode == 1
    assert "GOVNET_WEB_PORT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_wrong_setting_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    refused = installation(tmp_path, GOVNET_WEB_PORT="seventy").run("up", check=False)
    assert refused.returncode == 2
    assert "GOVNET_WEB_PORT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_sigterm_ends_everything_within_five_seconds(tmp_path: Path) -> None:
    with running_govnet(tmp_path) as running:
        left = running.processes()
        assert len(left) >= 4
        took = running.stop()
        assert took < 5, running.log_tail()
        assert running.supervisor.returncode == 0
        assert not [process for process in left if process.is_running()]
        text = running.log_path.read_text()
        assert "did not stop in time" not in text
        assert "Traceback" not in text, text


def test_nothing_survives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    with running_govnet(tmp_path) as running:
        left = running.processes()
        running.supervisor.kill()
        running.supervisor.wait()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and any(p.is_running() for p in left):
            time.sleep(0.1)
        assert not [p.cmdline() for p in left if p.is_running()]

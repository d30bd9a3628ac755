"""Messages and traps of real senders: stored once with what the ledger knows, and reported."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import until
from tests.runtime.log_site import HOST, LogSite, log_site, tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

DOWN = b"<189>Nov 26 2026 10:00:00 CORE %%01IFNET/4/LINK_STATE(l)[1]:The line protocol IP on the "
DOWN += b"interface GE0/0/3 has entered the DOWN state."
V2 = "0 1.3.6.1.6.3.1.1.5.3 1.3.6.1.2.1.2.2.1.1.3 i 3".split()  # noqa: SIM905  # a command line
REPORTED = (
    "from govnet.alarms.models import ReportedEvent\n"
    "print([(r.kind, r.object_kind, r.object_id, r.raised, r.source)"
    " for r in ReportedEvent.objects.all()])"
)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogSite]:
    with log_site(tmp_path_factory.mktemp("logs")) as running:
        yield running


def test_a_message_is_stored_and_reported_with_its_port(logs: LogSite) -> None:
    logs.say(DOWN)
    until(lambda: logs.count("event = 'link_down'") == 1, 60, "stored", logs.log)
    logs.say(DOWN, b"<11>disk sda1 failed")
    until(
        lambda: "('link_down', 'port', 70, True, 'syslog')" in logs.site.django(REPORTED),
        30, "reported", logs.log,
    )  # fmt: skip
    assert "('log_pattern', 'device', 7, True, 'syslog')" in logs.site.django(REPORTED)
    until(lambda: logs.count("device_id = 7 AND port_id = 70") >= 1, 60, "known", logs.log)
    (row,) = logs.rows("SELECT any(skew_s) IS NULL, any(vendor), any(about) FROM log_message"
                       " WHERE port_id = 70")  # fmt: skip
    assert row == [0, "huawei", "GE0/0/3"]


def test_tcp_in_both_framings_and_tls(logs: LogSite) -> None:
    one = "<13>Nov 26 10:00:00 h t: 交换机告警 tcp-gbk".encode("gb18030")
    logs.pour(b"<13>tcp-line\n%d %b" % (len(one), one))
    logs.pour(b"12 <13>tls-tenx<13>tls-line\n", tls=True)
    until(lambda: logs.count("channel != 'udp' AND channel != 'trap'") == 4, 60, "4", logs.log)
    assert logs.count("channel = 'tcp' AND text = '交换机告警 tcp-gbk' AND raw != ''") == 1
    assert logs.count("channel = 'tls'") == 2


@pytest.mark.skipif(shutil.which("logger") is None, reason="needs logger of bsdutils")
@pytest.mark.parametrize("form", ["--rfc3164", "--rfc5424"])
@pytest.mark.parametrize("way", ["--udp", "--tcp"])
def test_logger_of_debian(logs: LogSite, form: str, way: str) -> None:
    text = f"from logger {form} {way}"
    command = ["logger", "-n", HOST, "-P", str(logs.port), form, way, "-t", "mytag", "-p"]
    subprocess.run([*command, "local4.err", text], check=True, timeout=20)
    wanted = f"text = '{text}' AND program = 'mytag' AND facility = 20 AND severity = 3"
    until(lambda: logs.count(wanted) == 1, 60, text, logs.log)
    assert logs.count(f"text = '{text}' AND abs(skew_s) < 30") == 1


@pytest.mark.skipif(shutil.which("rsyslogd") is None, reason="needs rsyslog")
def test_rsyslog_of_debian_over_tcp(logs: LogSite, tmp_path: Path) -> None:
    configuration = tmp_path / "rsyslog.conf"
    configuration.write_text(
        f'module(load="imuxsock" SysSock.Use="on" SysSock.Name="{tmp_path}/log")\n'
        f'action(type="omfwd" target="{HOST}" port="{logs.port}" protocol="tcp"'
        ' TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")\n'
    )
    daemon = subprocess.Popen(["/usr/sbin/rsyslogd", "-n", "-iNONE", "-f", str(configuration)])
    try:
        until((tmp_path / "log").exists, 20, "rsyslog is up")
        command = ["logger", "-u", str(tmp_path / "log"), "-t", "relayed", "链路 rsyslog"]
        subprocess.run(command, check=True, timeout=20)
        until(lambda: logs.count("text = '链路 rsyslog'") == 1, 60, "stored", logs.log)
    finally:
        daemon.terminate()
        daemon.wait(10)


@pytest.mark.skipif(shutil.which("snmptrap") is None, reason="needs snmp of Net-SNMP")
def test_traps_of_every_version_and_informs(logs: LogSite, tmp_path: Path) -> None:
    peer = f"{HOST}:{logs.trap_port}"
    v3 = ["-v3", "-l", "authPriv", "-u", "govnet", "-a", "SHA-256", "-A", "authentication"]
    v3 += ["-x", "AES", "-X", "privacy-word"]
    v1 = [peer, "1.3.6.1.4.1.8072", "10.1.2.3", "2", "0", "5", "1.3.6.1.2.1.2.2.1.1.3", "i", "3"]
    tool("snmptrap", "-v1", "-c", "x", *v1, state=tmp_path)
    tool("snmptrap", "-v2c", "-c", "x", peer, *V2, state=tmp_path)
    tool("snmptrap", *v3, "-e", "0x80001f880401020304", peer, *V2, state=tmp_path)
    tool("snmpinform", "-v2c", "-c", "known", peer, *V2, state=tmp_path)
    tool("snmpinform", *v3, peer, *V2, state=tmp_path)
    tool("snmptrap", "-v2c", "-c", "x", peer, "0", "1.3.6.1.4.1.99999.5", state=tmp_path)
    until(lambda: logs.count("channel = 'trap' AND event = 'link_down'") == 5, 60, "5", logs.log)
    until(lambda: logs.count("event = '1.3.6.1.4.1.99999.5'") == 1, 60, "unknown", logs.log)
    versions = logs.rows("SELECT DISTINCT program FROM log_message WHERE channel = 'trap'")
    assert sorted(str(v) for (v,) in versions) == ["SNMPv1", "SNMPv2c", "SNMPv3"]
    assert "('link_down', 'port', 70, True, 'trap')" in logs.site.django(REPORTED)


def test_a_stranger_is_listed_and_noise_is_counted(logs: LogSite) -> None:
    logs.pour(b"\x00\xff" * 100_000 + b"\n" + b"9" * 70_000)
    logs.say(*[b"\x1b[2J<script>" + bytes(range(256)) * 200] * 20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.83.8.77", 0))
        sender.sendto(b"<13>who am I", (HOST, logs.port))
        for noise in (b"", b"\x30\x82", b"\x30\x03\x02\x01\x03", bytes(3_000)):
            sender.sendto(noise, (HOST, logs.trap_port))
    listed = "from govnet.logs.models import LogSource\nfor s in LogSource.objects.all():"
    listed += " print(s.address, s.device_id, s.counters.get('refused', 0))"
    until(lambda: "127.83.8.77 None 4" in logs.site.django(listed), 60, "listed", logs.log)
    assert logs.health()["log_lost_malformed"] >= 3
    assert logs.count("match(text, '[\\x00-\\x1f]')") == 0


def test_with_store_and_receiver_killed_what_was_spooled_is_stored_once(logs: LogSite) -> None:
    logs.kill("store")
    logs.say(*[f"<13>numbered {n}".encode() for n in range(2_000)])
    spool = logs.site.data_dir / "spool" / "receiver"
    until(lambda: list(spool.glob("*.arrow")), 60, "something is spooled", logs.log)
    time.sleep(1.5)
    logs.kill("receiver")
    logs.start("store")
    logs.start("receiver")
    logs.wait_store()
    until(lambda: not list(spool.glob("*.arrow")), 90, "the spool is empty", logs.log)
    (row,) = logs.rows("SELECT count() = uniqExact(text), count() FROM log_message"
                       " WHERE startsWith(text, 'numbered')")  # fmt: skip
    assert row == [1, 2_000]

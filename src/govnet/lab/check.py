"""``govnet lab check``: does every protocol of every node answer, seen from the operations room.

Asked with net-snmp's and Python's own clients, not with GovNet's probes: what is to be measured
is not its own measure. Needs the Debian package ``snmp``.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import dns.exception
import dns.message
import dns.query

from govnet.engine.throughput import PORT as IPERF3_PORT
from govnet.lab import kernel
from govnet.lab.daemons.base import IPFIX_PORT, NETFLOW_PORT, SYSLOG_PORT, TRAP_PORT
from govnet.lab.daemons.flows import EXPORTERS
from govnet.lab.daemons.phones import CONTROL, PHONES, SIP_PORT
from govnet.lab.daemons.portal import HOST, SITE
from govnet.lab.daemons.syslog import CHINESE
from govnet.lab.description import INSIDE, Node, Role
from govnet.lab.twin import Twin

SYS_NAME: Final = "1.3.6.1.2.1.1.5.0"
OSPF_STATE: Final = "1.3.6.1.2.1.14.10.1.6"
BGP_STATE: Final = "1.3.6.1.2.1.15.3.1.2"
LLDP_NAME: Final = "1.0.8802.1.1.2.1.4.1.1.9"
FULL: Final = "8"
ESTABLISHED: Final = "6"
WAIT_S: Final = 5.0
ARRIVE_S: Final = 12.0
DISCARD: Final = 9
SO_RCVBUFFORCE: Final = 33
"""socket(7); Python has no name for it."""

LISTENER_OCTETS: Final = 64 * 2**20
BLOCK_PACKETS: Final = 2500
"""Small packets that fill a block of libpcap, with some to spare."""

RFC5424_VERSION: Final = b"1 "
_VALUE: Final = re.compile(r'"([0-9A-F \n]*)"|([^"\s]+)')


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: how many of how many answered, and which did not."""

    what: str
    good: int
    of: int
    missing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything that should answer did."""
        return self.good >= self.of


def _compare(what: str, wanted: Iterable[str], missing: Iterable[str]) -> Finding:
    everything, lost = sorted(wanted), sorted(missing)
    return Finding(what, len(everything) - len(lost), len(everything), tuple(lost))


def check(twin: Twin) -> Iterator[Finding]:
    """Every check in turn."""
    yield _daemons(twin)
    yield from _ping(twin)
    yield from _snmp(twin)
    yield from _neighbours(twin)
    yield from _services(twin)
    yield _telephones(twin)
    yield from _arriving(twin)


def _daemons(twin: Twin) -> Finding:
    wanted = [f"{n.name} {d.name}" for n in twin.city.nodes for d in twin.daemons(n.name)]
    return _compare("daemons run", wanted, (f"{n} {d}" for n, d in twin.dead_daemons()))


def _ping(twin: Twin) -> Iterator[Finding]:
    silent = twin.unreachable(WAIT_S)
    both = {node.name: twin.city.address_of(node.name) for node in twin.city.nodes}
    for position, version in enumerate(("IPv4", "IPv6")):
        names = {str(pair[position]): name for name, pair in both.items()}
        lost = (name for address, name in names.items() if address in silent)
        yield _compare(f"ping {version}", names.values(), lost)


def _agents(twin: Twin) -> list[Node]:
    return [node for node in twin.city.nodes if node.agent]


def _ask_all(twin: Twin, commands: dict[str, list[str]]) -> dict[str, list[str]]:
    """Run net-snmp's commands at once in the operations room; lines by their keys.

    The credentials are in the room's ``snmp.conf``: a command line is everybody's to read.
    """
    room = twin.room(twin.city.by_name["noc"])
    environment = {"SNMPCONFPATH": str(room.directory / "run/etc/snmp"), "MIBS": ""}
    with kernel.inside(twin.namespace("noc")):
        running = {
            key: subprocess.Popen(  # noqa: S603  # fixed commands, addresses of the description
                ["/usr/bin/" + argv[0], "-Oqvx", "-t", "1", "-r", "3", *argv[1:]],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                text=True,
            )
            for key, argv in commands.items()
        }
    return {key: values_of(process.communicate()[0]) for key, process in running.items()}


def values_of(text: str) -> list[str]:
    """Values that net-snmp printed with ``-Oqvx``: texts come as bytes in hex, in quotes."""
    return [
        bytes.fromhex(quoted).decode("utf-8", "replace") if quoted else plain
        for quoted, plain in _VALUE.findall(text)
    ]


def _snmp(twin: Twin) -> Iterator[Finding]:
    agents = _agents(twin)
    for what, position, options in (
        ("SNMP v2c IPv4", 0, ["-v", "2c"]),
        ("SNMP v2c IPv6", 1, ["-v", "2c"]),
        ("SNMP v3 SHA-256 AES", 0, ["-v", "3"]),
    ):
        commands = {
            node.name: ["snmpget", *options, _peer(twin, node, position), SYS_NAME]
            for node in agents
        }
        answers = _ask_all(twin, commands)
        lost = [node.name for node in agents if answers[node.name] != [node.system_name]]
        yield _compare(what, commands, lost)


def _peer(twin: Twin, node: Node, position: int) -> str:
    address = twin.city.address_of(node.name)[position]
    return f"udp6:[{address}]" if position else str(address)


def _neighbours(twin: Twin) -> Iterator[Finding]:
    wanted = {
        "OSPF full": (OSPF_STATE, FULL, _ospf_neighbours(twin)),
        "BGP established": (BGP_STATE, ESTABLISHED, _bgp_neighbours(twin)),
    }
    for what, (oid, good, expected) in wanted.items():
        answers = _walk(twin, oid, expected)
        found = {name: lines.count(good) for name, lines in answers.items()}
        lost = tuple(name for name, count in expected.items() if found[name] < count)
        yield Finding(what, sum(found.values()), sum(expected.values()), lost)
    yield _lldp(twin)


def _walk(twin: Twin, oid: str, names: Iterable[str]) -> dict[str, list[str]]:
    nodes = (twin.city.by_name[name] for name in names)
    return _ask_all(
        twin, {n.name: ["snmpbulkwalk", "-v", "2c", _peer(twin, n, 0), oid] for n in nodes}
    )


def _ospf_neighbours(twin: Twin) -> dict[str, int]:
    inside = {node.name for node in twin.city.of_role(*INSIDE)}
    return {
        node.name: sum(far.node in inside for _, far, _ in twin.city.plugs(node.name))
        for node in twin.city.of_role(*INSIDE)
        if node.agent
    }


def _bgp_neighbours(twin: Twin) -> dict[str, int]:
    speakers = {node.name: node for node in twin.city.nodes if node.asn is not None}
    return {
        name: sum(far.node in speakers for _, far, _ in twin.city.plugs(name)) for name in speakers
    }


def _lldp(twin: Twin) -> Finding:
    """Both ends of every cable between nodes that speak LLDP know each other's name."""
    speakers = {node.name for node in twin.city.nodes if node.agent or node.routes}
    expected = {
        node.name: Counter(
            twin.city.by_name[far.node].system_name
            for _, far, _ in twin.city.plugs(node.name)
            if far.node in speakers
        )
        for node in _agents(twin)
    }
    deadline = time.monotonic() + WAIT_S
    while True:
        answers = _walk(twin, LLDP_NAME, expected)
        found = {name: Counter(answers[name]) for name in expected}
        lost = {name: wanted - found[name] for name, wanted in expected.items()}
        if not any(lost.values()) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    pairs = [f"{name} - {other}" for name, wanted in expected.items() for other in wanted]
    return _compare("LLDP neighbours", pairs, (f"{n} - {o}" for n, lo in lost.items() for o in lo))


def _services(twin: Twin) -> Iterator[Finding]:
    room = twin.room(twin.city.by_name["portal"])
    authority = (room.directory / "run/etc/authority.pem").read_text(encoding="ascii")
    tests: dict[str, tuple[str, Callable[[str], bool]]] = {
        "HTTPS": ("portal", lambda host: _https(host, authority)),
        "SIP OPTIONS": ("phones", _sip),
        "DNS": ("resolver", lambda host: _dns(host, twin)),
        "iperf3": ("noc", _iperf3),
    }
    with kernel.inside(twin.namespace("noc")):
        for what, (node, test) in tests.items():
            hosts = [str(address) for address in twin.city.address_of(node)]
            yield _compare(what, hosts, [host for host in hosts if not _passes(test, host)])


def _telephones(twin: Twin) -> Finding:
    """Whether the phone server knows where each telephone is."""
    phones = [name for name in PHONES if name in twin.city.by_name]
    control = twin.room(twin.city.by_name["phones"]).directory / CONTROL
    deadline = time.monotonic() + ARRIVE_S
    while True:
        done = subprocess.run(  # noqa: S603  # a fixed command
            ["/usr/sbin/kamcmd", "-s", f"unix:{control}", "ul.dump", "brief"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        lost = [name for name in phones if f"AoR: {name}\n" not in done.stdout]
        if not lost or time.monotonic() > deadline:
            return _compare("SIP phones registered", phones, lost)
        time.sleep(0.5)


def _passes(test: Callable[[str], bool], host: str) -> bool:
    try:
        return test(host)
    except (OSError, dns.exception.DNSException, UnicodeDecodeError):
        return False


def _https(host: str, authority: str) -> bool:
    context = ssl.create_default_context(cadata=authority)
    with (
        socket.create_connection((host, 443), WAIT_S) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as secure,
    ):
        secure.sendall(f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        answer = secure.makefile("rb").read().decode()
    return " 200 " in answer.splitlines()[0] and SITE in answer


def _iperf3(host: str) -> bool:
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            with socket.create_connection((host, IPERF3_PORT), WAIT_S):
                return True
        except ConnectionRefusedError:  # it listens anew after each visitor
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _sip(host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(WAIT_S)
        asking.connect((host, SIP_PORT))
        mine, port = asking.getsockname()[:2]
        me, peer = (f"[{a}]" if ":" in a else a for a in (mine, host))
        asking.send(
            f"OPTIONS sip:check@{peer} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {me}:{port};branch=z9hG4bKcheck{port};rport\r\n"
            f"From: <sip:check@{me}>;tag=check\r\nTo: <sip:check@{peer}>\r\n"
            f"Call-ID: check-{port}@{me}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        return asking.recv(2048).startswith(b"SIP/2.0 200")


def _dns(host: str, twin: Twin) -> bool:
    question = dns.message.make_query(HOST, "AAAA")
    answer = dns.query.udp(question, host, timeout=WAIT_S)
    return str(twin.city.address_of("portal")[1]) in answer.to_text()


def _arriving(twin: Twin) -> Iterator[Finding]:
    """What devices send by themselves: provoked, and seen coming in whoever else listens."""
    wanted = {"NetFlow v5", "NetFlow v9", "IPFIX", "trap"}
    wanted |= {"syslog RFC 3164", "syslog RFC 5424", "syslog GB18030"}
    seen: set[str] = set()
    with kernel.inside(twin.namespace("noc")):
        listener = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    with listener:
        # All that comes meanwhile waits in it, and polls of a GovNet in there are answered, too.
        listener.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, LISTENER_OCTETS)
        _provoke(twin)
        listener.settimeout(0.2)
        deadline = time.monotonic() + ARRIVE_S
        while wanted - seen and time.monotonic() < deadline:
            try:
                seen.add(kind_of(listener.recv(2048)))
            except TimeoutError:
                continue
    for what in sorted(wanted):
        yield _compare(what, ["noc"], [] if what in seen else ["noc"])


def kind_of(packet: bytes) -> str:
    """What an IPv4 packet brings to the operations room; "" for anything else."""
    if len(packet) < 20 or packet[9] != socket.IPPROTO_UDP:
        return ""
    start = (packet[0] & 15) * 4
    if len(packet) < start + 10:
        return ""
    port = struct.unpack_from("!H", packet, start + 2)[0]
    payload = packet[start + 8 :]
    version = struct.unpack_from("!H", payload)[0]
    if port == SYSLOG_PORT:
        return _kind_of_syslog(payload)
    if port == TRAP_PORT:
        return "trap"
    if port == NETFLOW_PORT:
        return f"NetFlow v{version}"
    return "IPFIX" if port == IPFIX_PORT and version == 10 else ""


def _kind_of_syslog(line: bytes) -> str:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return "syslog GB18030"
    modern = line.partition(b">")[2].startswith(RFC5424_VERSION)
    return "syslog RFC 5424" if modern else "syslog RFC 3164"


def _load(twin: Twin) -> None:
    """Packets through every exporter, enough for it to see them.

    softflowd reads its interface in blocks of 256 KiB that libpcap hands over when they are
    full: of a quiet line it sees nothing (softflowd pull request 71).
    """
    near = [node.name for node in twin.city.of_role(Role.UNIT) if node.area == 1]
    counts = dict.fromkeys(near, BLOCK_PACKETS * 3 // max(1, len(near)))
    counts |= {"isp1": BLOCK_PACKETS, "isp2": BLOCK_PACKETS}
    hosts = {name: str(twin.city.address_of(name)[0]) for name in counts}
    with (
        kernel.inside(twin.namespace("noc")),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        for n in range(max(counts.values())):
            for name, count in counts.items():
                if n < count:
                    sender.sendto(b"GovNet lab check", (hosts[name], DISCARD))
            time.sleep(0.001)  # no more at once than the ports hold


def _provoke(twin: Twin) -> None:
    _load(twin)
    for node in ("core1", "agg1", *(CHINESE & twin.city.by_name.keys())):
        twin.run(node, ("/usr/bin/logger", "-u", "/run/log", "GovNet lab check"))
    for node in EXPORTERS:
        if node in twin.city.by_name:
            command = ("/usr/sbin/softflowctl", "-c", "/run/softflowd.ctl", "expire-all")
            twin.run(node, command)
    # A wrong community is worth a trap (authenticationFailure) to every agent.
    core = _peer(twin, twin.city.by_name["core1"], 0)
    _ask_all(twin, {"core1": ["snmpget", "-v", "2c", "-c", "wrong", core, SYS_NAME]})


def is_complete(findings: Iterable[Finding]) -> bool:
    """Whether every check found everything."""
    return all(finding.ok for finding in findings)

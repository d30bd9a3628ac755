"""Runs GovNet in the operations room of a twin, where it sees the city as a real one's would."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from zlib import crc32

from govnet.config import Config
from govnet.lab import kernel
from govnet.lab.daemons.base import SYSLOG_PORT, TRAP_PORT
from govnet.lab.description import Description
from govnet.lab.relay import Relay
from govnet.lab.twin import Twin, remove
from govnet.runtime.supervisor import Program, check_ports, supervise

RECEIVED: Final = {
    "GOVNET_RECEIVER_HOSTS": '["0.0.0.0", "::"]',
    "GOVNET_SYSLOG_PORTS": f"[{SYSLOG_PORT}]",
    "GOVNET_TRAP_PORTS": f"[{TRAP_PORT}]",
}
"""Where the twin's devices send their flows, logs and traps; nobody else is in its namespaces."""


def run_inside(
    config: Config,
    twin: Twin,
    prepare: tuple[str, ...],
    ready: Callable[[str], None],
    *,
    plays_faults: bool = False,
) -> None:
    """Keep GovNet's processes running inside until SIGTERM or Ctrl-C.

    Args:
        config: the installation; its ports are reachable outside, too.
        twin: a running one.
        prepare: the ``govnet`` command that makes the installation ready to start.
        ready: told the address once the pages answer.
        plays_faults: whether something of the twin fails now and then.

    Raises:
        govnet.runtime.supervisor.StartError: it cannot start.
    """
    check_ports(config)
    relay = Relay(twin.namespace("noc"), config.web_host, config.tcp_ports.values())
    director = (sys.executable, "-m", "govnet.lab.director", twin.city.name, str(int(plays_faults)))
    views = {f"/etc/{name}": twin.directory / name for name in ("hosts", "resolv.conf")}
    with kernel.inside(twin.namespace("noc")):
        kernel.see_instead({seen: path for seen, path in views.items() if Path(seen).is_file()})
        relay.start()
        for name, value in RECEIVED.items():
            os.environ.setdefault(name, value)
        programs = (Program("director", director),)
        asyncio.run(supervise(config, programs, prepare, ready))


@contextmanager
def own_twin(data_dir: Path, city: Callable[[str], Description]) -> Iterator[Twin]:
    """A twin for one installation, there while the block runs and not longer, even by kill -9.

    Args:
        data_dir: of the installation; two of them have two twins.
        city: its description, given the twin's name.

    Raises:
        TwinError: it cannot be built.
    """
    name = f"demo{crc32(str(data_dir).encode()):08x}"
    twin = Twin(city(name))
    remove(name)  # an earlier one of this data directory, whose lock this process holds
    down = (sys.executable, "-m", "govnet", "lab", "down", "--name", name)
    # It reads until this process closes the pipe, or the kernel does because it was killed.
    keeper = subprocess.Popen(  # noqa: S603  # our own command
        ("/bin/sh", "-c", 'read -r _; exec "$@"', "sh", *down),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        twin.up()
        yield twin
    finally:
        assert keeper.stdin is not None
        keeper.stdin.close()
        keeper.wait()

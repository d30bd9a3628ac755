"""``govnet up``: every process of an installation, started, watched and stopped together.

Why our own and not a library: ``docs/decisions/0003-supervisor.md``.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

import structlog

from govnet.config import Config
from govnet.runtime.health import LOOPBACK

log = structlog.get_logger()

PARENT_VARIABLE = "GOVNET_SUPERVISOR_PID"
_PR_SET_PDEATHSIG = 1


class StartError(Exception):
    """The installation cannot start; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running.

    Attributes:
        name: as shown in the log.
        argv: the command.
        last: stopped after all the others, so that what they still send arrives.
    """

    name: str
    argv: tuple[str, ...]
    last: bool = False


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds that the supervisor works with.

    Attributes:
        first_delay_s: wait before the first restart; doubles with each further one.
        max_delay_s: ceiling of that wait.
        stable_s: a process that ran this long starts again with the first delay.
        grace_s: how long a process may take to stop before it is killed.
        last_grace_s: the same for the programs stopped last; both together stay under 5 s.
    """

    first_delay_s: float = 0.5
    max_delay_s: float = 30.0
    stable_s: float = 60.0
    grace_s: float = 3.0
    last_grace_s: float = 1.5


@dataclass(slots=True)
class Backoff:
    """How long to wait before a process that ended is started again."""

    timing: Timing
    _delay_s: float = field(default=0.0)

    def after(self, ran_s: float) -> float:
        """Seconds to wait when the process had run for ``ran_s`` seconds."""
        if ran_s >= self.timing.stable_s or not self._delay_s:
            self._delay_s = self.timing.first_delay_s
        else:
            self._delay_s = min(self._delay_s * 2, self.timing.max_delay_s)
        return self._delay_s


class Child:
    """One program, started again whenever it ends, until told to stop."""

    def __init__(self, program: Program, timing: Timing) -> None:
        self.program = program
        self.restarts = 0
        self._timing = timing
        self._backoff = Backoff(timing)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process and running else None

    async def keep_running(self) -> None:
        """Start, wait, start again; returns after ``stop``."""
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            delay = self._backoff.after(time.monotonic() - started)
            self.restarts += 1
            log.warning(
                "process ended, starting it again",
                name=self.program.name,
                exit_code=code,
                wait_s=delay,
                restarts=self.restarts,
            )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)

    async def _run_once(self) -> int:
        # A group of its own: the terminal's Ctrl-C reaches the supervisor alone, which then
        # stops the programs in order, and a kill takes a program's own children along.
        self._process = await asyncio.create_subprocess_exec(
            *self.program.argv,
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,
            env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
        )
        log.info("process started", name=self.program.name, pid=self._process.pid)
        try:
            return await self._process.wait()
        finally:
            self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """End it and everything that it started, at once."""
        self._stopping.set()
        self._signal_group(signal.SIGKILL)

    async def stop(self, grace_s: float) -> None:
        """Ask it to stop, kill it when it does not within ``grace_s`` seconds."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace_s)
        except TimeoutError:
            log.warning("process did not stop in time, killing it", name=self.program.name)
            self.kill()
            await process.wait()


class Supervisor:
    """All programs of an installation."""

    def __init__(self, programs: Iterable[Program], timing: Timing | None = None) -> None:
        self.timing = timing or Timing()
        self.children = [Child(program, self.timing) for program in programs]
        self._stop = asyncio.Event()

    def request_stop(self) -> None:
        """Stop everything; asked a second time, do not wait for anybody."""
        if self._stop.is_set():
            for child in self.children:
                child.kill()
        self._stop.set()

    async def run(self) -> None:
        """Keep every program running until ``request_stop``, then stop them in order."""
        async with asyncio.TaskGroup() as group:
            for child in self.children:
                group.create_task(child.keep_running(), name=child.program.name)
            await self._stop.wait()
            log.info("stopping")
            await self._stop_each(False, self.timing.grace_s)
            await self._stop_each(True, self.timing.last_grace_s)
        log.info("stopped")

    async def _stop_each(self, last: bool, grace_s: float) -> None:
        stopping = [child.stop(grace_s) for child in self.children if child.program.last is last]
        await asyncio.gather(*stopping)


def programs_of(config: Config) -> list[Program]:
    """The processes of an installation; no store when the column store is somebody else's."""
    names = ["store"] if config.embedded_store else []
    names += ["web", "engine", "receiver", "worker", "correlator"]
    return [
        Program(name, (sys.executable, "-m", "govnet", name), last=name == "store")
        for name in names
    ]


def check_ports(config: Config) -> None:
    """Find out now, with a sentence, what would fail later in a restart loop.

    Raises:
        StartError: a port is taken or the address to listen on is not of this machine.
    """
    for name, port in config.tcp_ports.items():
        _check_port(name, config.web_host if name == "web_port" else LOOPBACK, port)


def _check_port(name: str, host: str, port: int) -> None:
    variable = f"GOVNET_{name.upper()}"
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError as error:
        raise StartError(
            f"Port {port} ({variable}) needs root; choose one above 1023 and let a reverse"
            " proxy listen there."
        ) from error
    except OSError as error:
        raise StartError(
            f"Cannot listen on {host} port {port}: {error.strerror}."
            f" Stop the program that holds it or set {variable} to another port."
        ) from error


def end_with_parent() -> None:
    """Have the kernel stop this process when its parent dies, even by kill -9.

    ``PR_SET_PDEATHSIG`` (prctl(2)) reports the death of the parent's thread that started us.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end_with_supervisor() -> None:
    """Have this process stopped when its supervisor dies; no-op without a supervisor."""
    supervisor = os.environ.get(PARENT_VARIABLE)
    if supervisor is None:
        return
    end_with_parent()
    if os.getppid() != int(supervisor):  # it died before we could ask
        os.kill(os.getpid(), signal.SIGTERM)


def leave(code: int) -> NoReturn:
    """End at once: everything is where it belongs by now.

    Taking the interpreter apart costs 0.6 s of CPU, which on a machine that is busy takes longer
    than the supervisor waits before it kills.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


async def _prepare(command: tuple[str, ...]) -> None:
    """Migrate and so on in a process of its own: the supervisor stays small without Django."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "govnet", *command)
    if await process.wait():
        raise StartError("The installation could not be prepared; the reason is above.")


def _log_ready(url: str) -> None:
    log.info("ready", url=url)


async def _announce(config: Config, ready: Callable[[str], None]) -> None:
    """Tell the person at the terminal where to look, once the pages answer."""
    while True:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, config.web_health_port)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            writer.close()
            ready(web_url(config))
            return


def web_url(config: Config) -> str:
    """The address that a person opens."""
    host = f"[{config.web_host}]" if ":" in config.web_host else config.web_host
    return f"http://{host}:{config.web_port}/"


async def supervise(
    config: Config,
    more: Iterable[Program] = (),
    prepare: tuple[str, ...] = ("prepare",),
    ready: Callable[[str], None] = _log_ready,
) -> None:
    """Prepare the installation and keep its processes running until SIGTERM or Ctrl-C.

    Args:
        config: the installation.
        more: programs to run beside its own.
        prepare: the ``govnet`` command that makes it ready to start.
        ready: told the address once the pages answer.

    Raises:
        StartError: it cannot start; the message says what to change.
    """
    check_ports(config)
    await _prepare(prepare)
    supervisor = Supervisor([*programs_of(config), *more])
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.request_stop)
    announcing = asyncio.create_task(_announce(config, ready))
    try:
        await supervisor.run()
    finally:
        announcing.cancel()

"""The supervisor with small stand-in programs: restarts, order of stopping, nothing left over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from govnet.runtime.locks import AlreadyRunningError, only_one
from govnet.runtime.supervisor import Backoff, Program, Supervisor, Timing

QUICK = Timing(first_delay_s=0.05, max_delay_s=0.2, stable_s=60, grace_s=0.5, last_grace_s=0.5)

OBEDIENT = """
import pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def stop(*_):
    with (folder / "stopped").open("a") as file:
        file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
with (folder / "started").open("a") as file:
    file.write(name + "\\n")
time.sleep(60)
"""
STUBBORN = OBEDIENT.replace("sys.exit(0)", "return")
WITH_A_CHILD = OBEDIENT.replace(
    "time.sleep(60)",
    "import subprocess; c = subprocess.Popen(['sleep', '60']);"
    " (folder / 'child').write_text(str(c.pid)); time.sleep(60)",
)


def program(code: str, name: str, folder: Path, *, last: bool = False) -> Program:
    return Program(name, (sys.executable, "-c", code, name, str(folder)), last)


@asynccontextmanager
async def supervised(*programs: Program, timing: Timing = QUICK) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(programs, timing)
    task = asyncio.create_task(supervisor.run())
    try:
        yield supervisor
    finally:
        supervisor.request_stop()
        await asyncio.wait_for(task, 10)


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


def words(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


async def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    async with supervised(program(OBEDIENT, "engine", tmp_path)) as supervisor:
        child = supervisor.children[0]
        await until(lambda: len(words(tmp_path / "started")) == 1)
        first = child.pid
        assert first
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(words(tmp_path / "started")) == 2)
        assert child.pid not in (None, first)
        assert child.restarts == 1
    assert not psutil.pid_exists(first)


async def test_the_last_program_is_stopped_after_all_the_others(tmp_path: Path) -> None:
    async with supervised(
        program(OBEDIENT, "store", tmp_path, last=True), program(OBEDIENT, "engine", tmp_path)
    ):
        await until(lambda: len(words(tmp_path / "started")) == 2)
    assert words(tmp_path / "stopped") == ["engine", "store"]


async def test_a_process_that_ignores_the_signal_is_killed_in_time(tmp_path: Path) -> None:
    async with supervised(program(STUBBORN, "web", tmp_path)) as supervisor:
        await until(lambda: bool(words(tmp_path / "started")))
        pid = supervisor.children[0].pid
        assert pid
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
    assert not psutil.pid_exists(pid)


async def test_asked_twice_it_does_not_wait(tmp_path: Path) -> None:
    patient = Timing(grace_s=30, last_grace_s=30)
    async with supervised(program(STUBBORN, "web", tmp_path), timing=patient) as supervisor:
        await until(lambda: bool(words(tmp_path / "started")))
        begun = time.monotonic()
        supervisor.request_stop()
        await until(lambda: bool(words(tmp_path / "stopped")))
    assert time.monotonic() - begun < 5


async def test_what_a_killed_process_started_goes_with_it(tmp_path: Path) -> None:
    async with supervised(program(WITH_A_CHILD, "web", tmp_path)) as supervisor:
        await until(lambda: bool(words(tmp_path / "child")))
        grandchild = int((tmp_path / "child").read_text())
        pid = supervisor.children[0].pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: _gone(grandchild))


def _gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def test_the_wait_before_a_restart_grows_and_falls_back_after_a_stable_minute() -> None:
    backoff = Backoff(Timing())
    assert [backoff.after(1) for _ in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert backoff.after(61) == 0.5
    assert backoff.after(1) == 1


def test_default_graces_keep_the_stop_within_five_seconds() -> None:
    timing = Timing()
    assert timing.grace_s + timing.last_grace_s < 5


def test_a_second_one_on_the_same_directory_is_refused_and_told_who_holds_it(
    tmp_path: Path,
) -> None:
    hold = (
        "import sys, time; from pathlib import Path; from govnet.runtime.locks import only_one\n"
        f"with only_one(Path({str(tmp_path)!r}), 'up'): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with (
            pytest.raises(AlreadyRunningError, match=rf"already runs .*{holder.pid}"),
            only_one(tmp_path, "up"),
        ):
            pass
        holder.kill()
    with only_one(tmp_path, "up"):
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())


@pytest.mark.parametrize("ending", ["return 3", "raise SystemExit(3)"])
def test_a_process_that_is_done_leaves_without_taking_itself_apart(
    tmp_path: Path, ending: str
) -> None:
    """That costs 0.6 s of CPU: on a busy machine more than the grace before a kill."""
    code = (
        "import atexit\nfrom govnet.runtime.commands import _run_process\n"
        "atexit.register(print, 'taken apart')\n"
        f"def run(config):\n    print('done')\n    {ending}\n"
        "_run_process('test', run)"
    )
    env = {**os.environ, "GOVNET_DATA_DIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 3, ended.stderr
    assert ended.stdout == "done\n"

"""Network namespaces, and processes started inside: the few Linux calls that Python lacks.

Sources: setns(2), unshare(2), mount(2), sethostname(2); names are those of ``ip netns``.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NoReturn

NAMESPACES: Final = Path("/run/netns")
CLONE_NEWNS: Final = 0x00020000
CLONE_NEWUTS: Final = 0x04000000
CLONE_NEWNET: Final = 0x40000000
MS_REC: Final = 0x4000
MS_BIND: Final = 0x1000
MS_PRIVATE: Final = 0x40000
NODEV_FREE: Final = ("null", "zero", "full", "random", "urandom")

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def missing_privileges() -> list[str]:
    """What this process lacks to build a twin, in sentences; empty when it may."""
    if os.uname().sysname != "Linux":
        return ["network namespaces are a feature of Linux"]
    if os.geteuid() != 0:
        return ["it must run as root (sudo)"]
    if not _may_make_namespaces():
        return ["this root may not make namespaces (CAP_SYS_ADMIN; a container needs --privileged)"]
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        return ["/dev/net/tun is missing (modprobe tun; a container needs --device /dev/net/tun)"]
    return []


def _may_make_namespaces() -> bool:
    child = os.fork()
    if child == 0:  # in a process of its own: there is no way back
        os._exit(_libc.unshare(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS) != 0)
    return os.waitpid(child, 0)[1] == 0


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread's new sockets and child processes are in a network namespace meanwhile.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        move_into(namespace)
        try:
            yield
        finally:
            _checked(_libc.setns(home, CLONE_NEWNET), "setns")
    finally:
        os.close(home)


def move_into(namespace: str) -> None:
    """Move this thread into a network namespace for good."""
    there = os.open(NAMESPACES / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(there, CLONE_NEWNET), "setns")
    finally:
        os.close(there)


def names(prefix: str) -> list[str]:
    """Network namespaces whose names begin so."""
    if not NAMESPACES.is_dir():
        return []
    return sorted(path.name for path in NAMESPACES.iterdir() if path.name.startswith(prefix))


def create(namespaces: Iterable[str]) -> None:
    """Make network namespaces."""
    ip(f"netns add {name}" for name in namespaces)


def delete(namespaces: Iterable[str]) -> None:
    """Remove network namespaces; what lived in them must have ended."""
    ip((f"netns delete {name}" for name in namespaces), force=True)


def ip(lines: Iterable[str], *, force: bool = False) -> None:
    """Run many commands of iproute2 in one process, in this thread's namespace.

    Raises:
        OSError: one was refused; its message is the kernel's.
    """
    text = "".join(f"{line}\n" for line in lines)
    program = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or "ip"
    command = [program, *(["-force"] if force else []), "-batch", "-"]
    done = subprocess.run(  # noqa: S603  # a fixed command; names are checked by the description
        command, input=text, capture_output=True, text=True, check=False
    )
    if done.returncode and not force:
        raise OSError(f"ip: {done.stderr.strip() or done.returncode}")


def processes_in(namespaces: Iterable[str]) -> dict[int, str]:
    """Process ids to the namespace (one of those named) that they are in."""
    wanted: dict[tuple[int, int], str] = {}
    for name in namespaces:
        with suppress(OSError):
            found = (NAMESPACES / name).stat()
            wanted[found.st_dev, found.st_ino] = name
    inside: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it ended meanwhile
                found = (entry / "ns" / "net").stat()
                if (found.st_dev, found.st_ino) in wanted:
                    inside[int(entry.name)] = wanted[found.st_dev, found.st_ino]
    return inside


def end_processes_in(namespaces: Iterable[str], *, grace_s: float) -> int:
    """End everything in these namespaces, politely first; returns how many there were."""
    mine = list(namespaces)
    first = processes_in(mine)
    if first and grace_s:
        _signal(first, signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        while time.monotonic() < deadline and processes_in(mine):
            time.sleep(0.05)
    # Whoever is left may be starting others: look again until nobody is.
    while left := processes_in(mine):
        _signal(left, signal.SIGKILL)
        time.sleep(0.02)
    return len(first)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        if pid != os.getpid():
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def in_room(
    namespace: str, hostname: str, views: dict[str, Path], work: Callable[[], None]
) -> None:
    """Do some work in a forked process that lives in a node's own view of the machine.

    Args:
        namespace: its network namespace.
        hostname: what it is called there.
        views: directories of the machine ("/run") and what is seen there instead.
        work: may start processes, which stay in that view; must not return anything.

    Raises:
        OSError: it failed; standard error has the reason.
    """
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _enter_room(namespace, hostname, views)
            work()
            code = 0
        except OSError as error:
            os.write(2, f"{namespace}: {error}\n".encode())
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        raise OSError(f"the processes of {namespace} could not be started")


def become(namespace: str, hostname: str, views: dict[str, Path], argv: list[str]) -> NoReturn:
    """Turn this process into a command that runs in a node's own view of the machine.

    Raises:
        OSError: there is no such command or namespace.
    """
    _enter_room(namespace, hostname, views)
    os.chdir("/run")
    os.execvp(argv[0], argv)  # noqa: S606  # who may do this is root already


def _enter_room(namespace: str, hostname: str, views: dict[str, Path]) -> None:
    move_into(namespace)
    _checked(_libc.unshare(CLONE_NEWUTS), "unshare")
    name = hostname.encode()
    _checked(_libc.sethostname(name, len(name)), "sethostname")
    _own_mounts()
    devices = [os.open(f"/dev/{name}", os.O_PATH) for name in NODEV_FREE]
    _cover(views)
    _own_devices(dict(zip(NODEV_FREE, devices, strict=True)))
    for descriptor in devices:
        os.close(descriptor)


def see_instead(views: dict[str, Path]) -> None:
    """Let this process, which has no threads yet, and its children see other files.

    Args:
        views: what of the machine ("/etc/hosts") and what is seen there instead.
    """
    _own_mounts()
    _cover(views)


def _own_mounts() -> None:
    _checked(_libc.unshare(CLONE_NEWNS), "unshare")
    _mount(b"none", b"/", b"", MS_REC | MS_PRIVATE, b"")


def _cover(views: dict[str, Path]) -> None:
    # All are opened before the first is covered: they may lie below each other.
    sources = {seen: os.open(instead, os.O_PATH) for seen, instead in views.items()}
    for seen, source in sources.items():
        _mount(f"/proc/self/fd/{source}".encode(), seen.encode(), b"", MS_BIND, b"")
        os.close(source)


def _own_devices(devices: dict[str, int]) -> None:
    """A /dev with little in it, whose ``log`` is the node's own."""
    _mount(b"tmpfs", b"/dev", b"tmpfs", 0, b"size=64k,mode=755")
    for name, descriptor in devices.items():
        Path(f"/dev/{name}").touch()
        source = f"/proc/self/fd/{descriptor}".encode()
        _mount(source, f"/dev/{name}".encode(), b"", MS_BIND, b"")
    Path("/dev/log").symlink_to("/run/log")
    Path("/dev/fd").symlink_to("/proc/self/fd")
    Path("/dev/shm").mkdir(mode=0o1777)  # noqa: S108  # the room's own, empty


def _mount(source: bytes, target: bytes, kind: bytes, flags: int, data: bytes) -> None:
    result = _libc.mount(source, target, kind or None, ctypes.c_ulong(flags), data or None)
    _checked(result, f"mount {target.decode()}")

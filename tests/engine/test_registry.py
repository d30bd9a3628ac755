"""One call for every kind of probe, and a boundary that nothing passes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from govnet.engine.probes import registry
from govnet.engine.probes.registry import (
    PROBES,
    ProbeContext,
    ProbeRegistry,
    ProbeType,
    check_target,
    run_probe,
)
from govnet.engine.result import Outcome, ProbeKind, Result, Target
from tests.peers import free_port

GOOD: dict[ProbeKind, tuple[str, dict[str, Any]]] = {
    ProbeKind.ICMP: ("127.0.0.1", {"count": 1}),
    ProbeKind.SNMP: ("127.0.0.1", {"credential": {"version": "2c", "community": "public"}}),
    ProbeKind.HTTP: ("https://portal.example.gov.cn/", {"expected_status": "200"}),
    ProbeKind.TCP: ("portal.example.gov.cn", {"port": 22}),
    ProbeKind.DNS: ("portal.example.gov.cn", {"server": "127.0.0.1"}),
}


def tcp_target(**params: int) -> Target:
    return Target(1, ProbeKind.TCP, "127.0.0.1", timeout_s=0.2, tries=1, params=params)


def replacing(
    monkeypatch: pytest.MonkeyPatch, run: Callable[[ProbeContext, Target], Awaitable[Result]]
) -> None:
    old = PROBES[ProbeKind.TCP]
    changed = {**PROBES, ProbeKind.TCP: ProbeType(old.params, old.check_address, run)}
    monkeypatch.setattr(registry, "PROBES", changed)


@pytest.mark.parametrize("kind", PROBES)
def test_every_kind_is_there_and_checks_what_is_entered(kind: ProbeKind) -> None:
    address, params = GOOD[kind]
    check_target(kind, address, params)
    with pytest.raises(ValueError, match=r"surplus: Extra inputs"):
        check_target(kind, address, {**params, "surplus": 1})
    with pytest.raises(ValueError, match=r"."):
        check_target(kind, "not an address\n", params)


def test_what_is_wrong_is_named_but_not_repeated() -> None:
    secret = {"credential": {"version": "2c", "community": ["s3cret"]}}
    with pytest.raises(ValueError, match="community") as caught:
        check_target(ProbeKind.SNMP, "127.0.0.1", secret)
    assert "s3cret" not in str(caught.value)


async def test_wrong_parameters_are_unknown_not_failed() -> None:
    result = await run_probe(ProbeContext(), tcp_target(port=0))
    assert (result.outcome, result.reason, result.sent) == (Outcome.UNKNOWN, "bad_params", 0)
    assert result.detail["error"].startswith("port: ")


async def test_an_unexpected_error_is_unknown_counted_and_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def explode(_: ProbeContext, target: Target) -> Result:
        raise ZeroDivisionError("a bug\x1b[31m")

    replacing(monkeypatch, explode)
    counter = registry.ERRORS.labels("tcp")
    before = counter._value.get()
    result = await run_probe(ProbeContext(), tcp_target(port=1))
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "probe_error")
    assert result.detail == {"error": r"ZeroDivisionError: a bug\x1b[31m"}
    assert counter._value.get() == before + 1


async def test_a_probe_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: ProbeContext, target: Target) -> Result:
        await asyncio.sleep(3600)
        raise AssertionError

    replacing(monkeypatch, hang)
    monkeypatch.setattr(registry, "OVERRUN_S", 0.1)
    result = await run_probe(ProbeContext(), tcp_target(port=1))
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "probe_overrun")


async def test_cancellation_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_: ProbeContext, target: Target) -> Result:
        await asyncio.sleep(3600)
        raise AssertionError

    replacing(monkeypatch, hang)
    task = asyncio.create_task(run_probe(ProbeContext(), tcp_target(port=1)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_kind_without_its_client_is_unknown() -> None:
    target = Target(1, ProbeKind.ICMP, "127.0.0.1")
    result = await run_probe(ProbeContext(), target)
    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "not_available")


async def test_one_registry_measures_every_kind() -> None:
    port = free_port()
    snmp_params = {**GOOD[ProbeKind.SNMP][1], "port": port}
    targets = [
        Target(1, ProbeKind.ICMP, "127.0.0.1", timeout_s=0.5),
        Target(2, ProbeKind.SNMP, "127.0.0.1", 10, 0.3, 1, snmp_params),
        Target(3, ProbeKind.HTTP, f"http://127.0.0.1:{port}/", timeout_s=0.3, tries=1),
        Target(4, ProbeKind.TCP, "127.0.0.1", 10, 0.3, 1, {"port": port}),
        Target(5, ProbeKind.DNS, "a.cn", 10, 0.3, 1, {"server": "127.0.0.1", "port": port}),
    ]  # fmt: skip
    probes = ProbeRegistry()
    await probes.start()
    try:
        results = await asyncio.gather(*(probes.probe(target) for target in targets))
    finally:
        await probes.close()
    assert [result.target_id for result in results] == [1, 2, 3, 4, 5]
    assert {result.outcome for result in results[1:]} == {Outcome.FAILED}
    assert results[0].outcome is Outcome.OK or results[0].reason == "no_socket"
    assert [result.reason for result in results[2:]] == ["refused"] * 3
    for result in results:
        json.dumps(result.detail)

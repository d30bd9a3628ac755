"""The poller: many devices, one interface over SNMP v2c and v3."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import Counter

from govnet.engine.result import Outcome
from govnet.engine.snmp.agent_v2c import V2cAgent
from govnet.engine.snmp.client_v2c import ExchangeStats, V2cClient
from govnet.engine.snmp.client_v3 import V3Agent, V3Sessions
from govnet.engine.snmp.model import DevicePoll, SnmpDevice, SnmpError, V2cCredential, VarBind
from govnet.engine.snmp.reading import Memory, Reader
from govnet.engine.snmp.tables import MAX_ROWS
from govnet.engine.snmp.vendors import VendorCatalog, load_catalog

log = structlog.get_logger()

POLLS = Counter("govnet_snmp_polls_total", "Device polls", ["outcome"])
REQUESTS = Counter("govnet_snmp_requests_total", "SNMP requests sent, retries included")
ANSWERS = Counter("govnet_snmp_answers_total", "SNMP answers that counted")
ROWS = Counter("govnet_snmp_interface_rows_total", "Interface rows read")
PROBLEMS = Counter("govnet_snmp_problems_total", "Polls that are not OK, by reason", ["reason"])


_OUTCOMES = {outcome: POLLS.labels(outcome.name.lower()) for outcome in Outcome}


@dataclass(slots=True)
class Exchange:
    """One GET for a person: values by OID, counts and trace, reason code when it failed."""

    values: dict[str, VarBind]
    stats: ExchangeStats
    reason: str = ""
    message: str = ""


class SnmpPoller:
    """Polls devices over v2c and v3; one request in flight per device.

    Args:
        window: see ``V2cClient``.
        refresh_every: polls between two readings of what rarely changes.
        poll_limit_s: seconds that one poll may take in all, however slow its answers.
        max_rows: interfaces read of one device.
        catalog: vendor profiles; None: those of the package.
    """

    def __init__(
        self,
        *,
        window: int | None = None,
        refresh_every: int = 30,
        poll_limit_s: float = 60.0,
        max_rows: int = MAX_ROWS,
        catalog: VendorCatalog | None = None,
    ) -> None:
        self._client = V2cClient(window)
        self._sessions = V3Sessions()
        self._memories: dict[int, Memory] = {}
        self._refresh_every = max(1, refresh_every)
        self._poll_limit_s = poll_limit_s
        self._max_rows = max_rows
        self._catalog = catalog or load_catalog()

    async def start(self) -> None:
        """Open the sockets."""
        await self._client.start()

    async def close(self) -> None:
        """Close the sockets and forget sessions."""
        await self._client.close()
        self._sessions.clear()

    def forget(self, device_id: int) -> None:
        """Drop what was learned of a device that is gone."""
        self._memories.pop(device_id, None)
        self._sessions.drop(device_id)

    async def poll(self, device: SnmpDevice) -> DevicePoll:
        """Read a device once; never raises for what a device does."""
        memory = self._memory(device)
        async with memory.lock:
            poll = DevicePoll(device.id, time.time(), time.monotonic())
            stats = ExchangeStats()
            await self._guarded(memory, poll, stats)
            if poll.system is None:
                memory.system = None  # the next poll starts with a small question
            _count(poll, stats)
        return poll

    async def _guarded(self, memory: Memory, poll: DevicePoll, stats: ExchangeStats) -> None:
        """The poll's steps; whatever goes wrong ends up in its outcome and reason."""
        full = memory.is_full(self._refresh_every)
        try:
            agent = self._agent(memory, stats)
            reader = Reader(agent, memory, self._catalog, full=full, max_rows=self._max_rows)
            async with asyncio.timeout(self._poll_limit_s):
                await reader.read(poll)
            memory.polls += 1
        except SnmpError as error:
            poll.reason = error.reason
        except TimeoutError:
            poll.reason = "too_slow"
        except Exception:  # boundary: one device must not end the round of the others
            log.exception("snmp poll failed", device_id=memory.device.id)
            poll.reason, poll.outcome = "internal_error", Outcome.UNKNOWN
            return
        if not poll.reason:
            poll.outcome = Outcome.OK
        elif poll.system is not None:
            poll.outcome = Outcome.DEGRADED

    async def poll_many(
        self, devices: Sequence[SnmpDevice], concurrency: int = 5000
    ) -> AsyncIterator[DevicePoll]:
        """Poll devices at once, giving each result as it comes."""
        todo = iter(devices)
        results: asyncio.Queue[DevicePoll | None] = asyncio.Queue()

        async def work() -> None:
            try:
                for device in todo:
                    results.put_nowait(await self.poll(device))
            finally:
                results.put_nowait(None)

        count = max(1, min(concurrency, len(devices)))
        workers = [asyncio.create_task(work()) for _ in range(count)]
        try:
            running = len(workers)
            while running:
                poll = await results.get()
                if poll is None:
                    running -= 1
                else:
                    yield poll
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def walk(self, device: SnmpDevice, oid: str, max_rows: int = 1000) -> list[VarBind]:
        """All variables under an OID, for discovery and the probe page.

        Raises:
            SnmpError: no usable answer.
        """
        memory = self._memory(device)
        async with memory.lock:
            return await self._agent(memory, ExchangeStats()).walk(oid, max_rows)

    async def get(self, device: SnmpDevice, oids: Sequence[str]) -> Exchange:
        """Values of instances with the steps of the exchange; a failure is in its reason."""
        memory = self._memory(device)
        stats = ExchangeStats(trace=[])
        async with memory.lock:
            try:
                values = await self._agent(memory, stats).get(oids)
            except SnmpError as error:
                return Exchange({}, stats, error.reason, str(error))
        return Exchange(values, stats)

    def _memory(self, device: SnmpDevice) -> Memory:
        memory = self._memories.get(device.id)
        if memory is None or memory.device != device:
            memory = self._memories[device.id] = Memory(device)
        return memory

    def _agent(self, memory: Memory, stats: ExchangeStats) -> V2cAgent | V3Agent:
        device = memory.device
        if isinstance(device.credential, V2cCredential):
            return V2cAgent(self._client, device, memory.levels, stats)
        return V3Agent(self._sessions, device, stats)


def _count(poll: DevicePoll, stats: ExchangeStats) -> None:
    poll.sent, poll.received = stats.sent, stats.received
    poll.odd_sources, poll.rtt_ms = stats.odd_sources, stats.rtt_ms
    REQUESTS.inc(stats.sent)
    ANSWERS.inc(stats.received)
    _OUTCOMES[poll.outcome].inc()
    if poll.interfaces is not None:
        ROWS.inc(len(poll.interfaces))
    if poll.reason:
        PROBLEMS.labels(poll.reason).inc()

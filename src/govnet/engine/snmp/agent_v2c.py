"""One device's conversation over v2c: tries, request sizes learned, error statuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from govnet.engine.snmp import ber
from govnet.engine.snmp.ber import BerError, Header, Pdu
from govnet.engine.snmp.client_v2c import ExchangeStats, Peer, V2cClient, resolve
from govnet.engine.snmp.model import SnmpDevice, SnmpError, V2cCredential, VarBind
from govnet.engine.snmp.tables import MAX_ROWS, BulkWalk, ColumnSet, TableRead

GET_CHUNK: Final = 24  # OIDs of one GET
_STATUS: Final = {6: "denied", 16: "denied"}  # RFC 3416: noAccess, authorizationError


class V2cAgent:
    """One device's conversation: tries, request sizes, error statuses.

    Args:
        client: the shared client.
        device: with a ``V2cCredential``.
        levels: what earlier polls learned of the sizes that the device answers: per column
            set (by its first column) a step of its ladder. Changed in place.
        stats: counts of this poll.
    """

    def __init__(
        self, client: V2cClient, device: SnmpDevice, levels: dict[str, int], stats: ExchangeStats
    ) -> None:
        if not isinstance(device.credential, V2cCredential):
            raise TypeError("V2cAgent needs a V2cCredential")
        family, address = resolve(device.address, device.port)
        self._community = device.credential.community.encode()
        self._peer = Peer(family, address, self._community)
        self._client = client
        self._device = device
        self._levels = levels
        self._losses: dict[int, int] = {}  # lost answers of this poll by ladder step
        self.stats = stats

    async def get(self, oids: Sequence[str]) -> dict[str, VarBind]:
        """Values of instances; those that the agent lacks are left out.

        Raises:
            SnmpError: no usable answer.
        """
        found: dict[str, VarBind] = {}
        for at in range(0, len(oids), GET_CHUNK):
            await self._get_chunk(list(oids[at : at + GET_CHUNK]), found)
        return found

    async def _get_chunk(self, oids: list[str], found: dict[str, VarBind]) -> None:
        tail = ber.request_tail([ber.encode_oid(oid) for oid in oids])
        data, header = await self._tries(Pdu.GET, tail)
        if header.error_status == 1 and len(oids) > 1:
            half = len(oids) // 2
            await self._get_chunk(oids[:half], found)
            await self._get_chunk(oids[half:], found)
            return
        self._check_status(header)
        pairs = zip(oids, _varbinds(data, header), strict=False)
        found.update((oid, v) for oid, v in pairs if v.oid == oid and v.value is not None)

    async def table(
        self,
        columns: ColumnSet,
        scalars: tuple[str, ...] = (),
        known: Sequence[int] = (),
        max_rows: int = MAX_ROWS,
    ) -> TableRead:
        """Read columns whole; what is missing is named in ``problem``.

        Args:
            columns: what to read.
            scalars: OIDs without ``.0`` to read with the first request.
            known: the indexes, when it is certain that these are all.
            max_rows: cap of rows.

        Raises:
            SnmpError: not one usable answer.
        """
        stop = known[-1] if known else None
        walk = BulkWalk(columns, scalars, stop, len(known), max_rows)
        key = columns.names[0] if columns.names else ""
        level = min(self._levels.get(key, 0), len(columns.ladder) - 1)
        answered = self.stats.received
        while not walk.done:
            try:
                level = await self._step(walk, columns, level)
            except SnmpError as error:
                if self.stats.received == answered:
                    raise
                walk.read.problem = error.reason
                level = min(level + 1, len(columns.ladder) - 1)
                break
        if self.stats.received > answered:
            self._levels[key] = level
        return walk.read

    async def _step(self, walk: BulkWalk, columns: ColumnSet, level: int) -> int:
        """One answered request of a walk; the ladder step to go on with.

        An answer that is too big is the agent's word; a lost one may be the line's fault, so
        it takes two losses of a size within one poll before smaller requests are kept to.
        """
        ladder, start = columns.ladder, level
        for attempt in range(self._device.tries + len(ladder)):
            rows, width = ladder[level]
            ask = walk.ask(rows, width)
            try:
                data, header = await self._once(ask.pdu, ask.tail)
            except SnmpError as error:
                if error.reason not in _WORTH_A_RETRY or attempt + 1 >= self._device.tries:
                    raise
                self._losses[level] = self._losses.get(level, 0) + 1
                level = min(level + 1, len(ladder) - 1)
                continue
            if header.error_status in (1, 5) and level + 1 < len(ladder):  # tooBig, genErr
                level = start = level + 1
                continue
            self._check_status(header)
            _feed(walk, data, header)
            learned = _learned(walk, ladder, level)
            by_chance = learned == level and self._losses.get(start, 0) < 2
            return start if by_chance else learned
        raise SnmpError("agent_error", "the agent answers no size of request")

    async def walk(self, oid: str, max_rows: int) -> list[VarBind]:
        """All variables under an OID, at most ``max_rows``.

        Raises:
            SnmpError: no usable answer, or the agent's OIDs do not increase.
        """
        root = ber.encode_oid(oid)
        at, found, repetitions = root, list[VarBind](), 16
        while len(found) < max_rows:
            data, header = await self._tries(
                Pdu.GETBULK, ber.request_tail([at], 0, min(repetitions, max_rows - len(found)))
            )
            if header.error_status in (1, 5) and repetitions > 1:
                repetitions //= 4
                continue
            self._check_status(header)
            raw = _raw_varbinds(data, header)
            if not raw:
                break
            for varbind in raw:
                if varbind.tag in ber.EXCEPTIONS or not varbind.oid.startswith(root):
                    return found
                at = _increasing(at, varbind.oid)
                found.append(_decoded(varbind))
        return found[:max_rows]

    async def _tries(self, pdu: Pdu, tail: bytes) -> tuple[bytes, Header]:
        for attempt in range(self._device.tries):
            try:
                return await self._once(pdu, tail)
            except SnmpError as error:
                if error.reason not in _WORTH_A_RETRY or attempt + 1 >= self._device.tries:
                    raise
        raise SnmpError("timeout", "no try was allowed")

    async def _once(self, pdu: Pdu, tail: bytes) -> tuple[bytes, Header]:
        head = ber.request_head(self._community, pdu, len(tail))
        stats, device = self.stats, self._device
        try:
            answer = await self._client.exchange(self._peer, head, tail, device.timeout_s, stats)
        except SnmpError as error:
            if stats.trace is not None:
                stats.note(request=pdu.name, octets=len(head) + 4 + len(tail), failed=error.reason)
            raise
        if stats.trace is not None:
            self._trace(pdu, len(head) + 4 + len(tail), answer)
        return answer

    def _trace(self, pdu: Pdu, octets: int, answer: tuple[bytes, Header]) -> None:
        data, header = answer
        self.stats.note(
            request=pdu.name,
            octets=octets,
            answer_octets=len(data),
            error_status=header.error_status,
            rtt_ms=round(self.stats.round_trips_ms[-1], 3),
        )

    def _check_status(self, header: Header) -> None:
        if header.error_status:
            reason = _STATUS.get(header.error_status, "agent_error")
            message = f"error-status {header.error_status} at {header.error_index}"
            raise SnmpError(reason, message)


_WORTH_A_RETRY: Final = frozenset(("timeout", "malformed", "unreachable"))


def _learned(walk: BulkWalk, ladder: tuple[tuple[int, int], ...], level: int) -> int:
    """The ladder step to go on with after an answer.

    A shorter answer than asked is legal (RFC 3416, 4.2.3): ask for as much from then on.

    Raises:
        SnmpError: the answer brought nothing and there is no smaller request.
    """
    if walk.done or walk.columns_ended:
        return level
    if not walk.cells_taken:
        if level + 1 >= len(ladder):
            raise SnmpError("agent_error", "an answer without what was asked")
        return level + 1
    if not walk.short:
        return level
    width, taken = ladder[level][1], walk.rows_taken
    return next(
        (i for i, (rows, wide) in enumerate(ladder) if wide == width and rows <= max(1, taken)),
        level,
    )


def _feed(walk: BulkWalk, data: bytes, header: Header) -> None:
    try:
        walk.feed(data, header.start, header.end)
    except BerError as error:
        raise SnmpError("malformed", str(error)) from error


def _raw_varbinds(data: bytes, header: Header) -> list[ber.RawVarBind]:
    try:
        return ber.read_varbinds(data, header.start, header.end)
    except BerError as error:
        raise SnmpError("malformed", str(error)) from error


def _decoded(raw: ber.RawVarBind) -> VarBind:
    try:
        value = ber.decode_value(raw.tag, raw.value)
        return VarBind(ber.decode_oid(raw.oid), _TYPE_NAMES.get(raw.tag, ""), value)
    except BerError as error:
        raise SnmpError("malformed", str(error)) from error


def _varbinds(data: bytes, header: Header) -> list[VarBind]:
    return [_decoded(raw) for raw in _raw_varbinds(data, header)]


def _increasing(before: bytes, oid: bytes) -> bytes:
    """The OID, if it follows the one before.

    Raises:
        SnmpError: "not_increasing", "malformed".
    """
    try:
        if ber.sub_ids(oid) > ber.sub_ids(before):
            return oid
    except BerError as error:
        raise SnmpError("malformed", str(error)) from error
    raise SnmpError("not_increasing", "the agent's OIDs do not increase: an endless walk")


_TYPE_NAMES: Final[dict[int, str]] = {
    ber.Tag.INTEGER: "Integer32",
    ber.Tag.OCTET_STRING: "OctetString",
    ber.Tag.NULL: "Null",
    ber.Tag.OID: "ObjectIdentifier",
    ber.Tag.IP_ADDRESS: "IpAddress",
    ber.Tag.COUNTER32: "Counter32",
    ber.Tag.GAUGE32: "Gauge32",
    ber.Tag.TIME_TICKS: "TimeTicks",
    ber.Tag.OPAQUE: "Opaque",
    ber.Tag.COUNTER64: "Counter64",
    ber.Tag.NO_SUCH_OBJECT: "noSuchObject",
    ber.Tag.NO_SUCH_INSTANCE: "noSuchInstance",
    ber.Tag.END_OF_MIB_VIEW: "endOfMibView",
}

"""What GovNet takes from a flow record, and which information elements say it.

A *role* is one fact of a flow, whatever element carries it. For each role the elements are listed
best first; the first that a template has is used. Numbers are IANA's (``ipfix`` registry; NetFlow
v9 types 1 to 127 are the same). Reverse elements (RFC 5103) have the same number under
``REVERSE_PEN``.
"""

from __future__ import annotations

from typing import Final, TypeAlias

ElementId: TypeAlias = tuple[int, int]
"""Private enterprise number (0: IANA) and element number."""

IANA: Final = 0
REVERSE_PEN: Final = 29305
VARIABLE: Final = 0xFFFF
"""Field length that announces a length in each record (RFC 7011, 7)."""


def _iana(*numbers: int) -> tuple[ElementId, ...]:
    return tuple((IANA, number) for number in numbers)


NUMBER_ROLES: Final[dict[str, tuple[ElementId, ...]]] = {
    "bytes": _iana(1, 85, 231, 352, 23),
    "packets": _iana(2, 86, 298, 24),
    "reverse_bytes": ((REVERSE_PEN, 1), (REVERSE_PEN, 85), (IANA, 232)),
    "reverse_packets": ((REVERSE_PEN, 2), (REVERSE_PEN, 86), (IANA, 299)),
    "protocol": _iana(4),
    "tos": _iana(5),
    "tcp_flags": _iana(6),
    "src_port": _iana(7, 182, 180),
    "dst_port": _iana(11, 183, 181),
    "icmp_type_code": _iana(32, 139),
    "in_if": _iana(10, 252),
    "out_if": _iana(14, 253),
    "src_as": _iana(16),
    "dst_as": _iana(17),
    "vlan": _iana(58, 243),
    "sampling_interval": _iana(34, 50),
    "selector": _iana(302, 48),
    "sampling_packets": _iana(305),
    "sampling_space": _iana(306),
    "sampling_size": _iana(309),
    "sampling_population": _iana(310),
    "end_ms": _iana(153),
    "end_s": _iana(151),
    "end_ntp": _iana(155, 157),
    "end_uptime": _iana(21),
    "end_delta_us": _iana(159),
    "start_ms": _iana(152),
    "start_s": _iana(150),
    "start_ntp": _iana(154, 156),
    "start_uptime": _iana(22),
    "start_delta_us": _iana(158),
    "duration_ms": _iana(161),
    "boot_ms": _iana(160),
}
"""Roles whose value is an unsigned integer of 1 to 8 octets."""

ADDRESS_ROLES: Final[dict[str, tuple[ElementId, int]]] = {
    "src4": ((IANA, 8), 4),
    "dst4": ((IANA, 12), 4),
    "src6": ((IANA, 27), 16),
    "dst6": ((IANA, 28), 16),
}
"""Roles whose value is an address, with its octets."""

NAMES: Final[dict[int, str]] = {
    1: "octetDeltaCount",
    2: "packetDeltaCount",
    4: "protocolIdentifier",
    5: "ipClassOfService",
    6: "tcpControlBits",
    7: "sourceTransportPort",
    8: "sourceIPv4Address",
    10: "ingressInterface",
    11: "destinationTransportPort",
    12: "destinationIPv4Address",
    14: "egressInterface",
    15: "ipNextHopIPv4Address",
    16: "bgpSourceAsNumber",
    17: "bgpDestinationAsNumber",
    21: "flowEndSysUpTime",
    22: "flowStartSysUpTime",
    27: "sourceIPv6Address",
    28: "destinationIPv6Address",
    32: "icmpTypeCodeIPv4",
    34: "samplingInterval",
    35: "samplingAlgorithm",
    48: "samplerId",
    50: "samplerRandomInterval",
    58: "vlanId",
    60: "ipVersion",
    61: "flowDirection",
    85: "octetTotalCount",
    86: "packetTotalCount",
    136: "flowEndReason",
    139: "icmpTypeCodeIPv6",
    150: "flowStartSeconds",
    151: "flowEndSeconds",
    152: "flowStartMilliseconds",
    153: "flowEndMilliseconds",
    154: "flowStartMicroseconds",
    155: "flowEndMicroseconds",
    160: "systemInitTimeMilliseconds",
    302: "selectorId",
    305: "samplingPacketInterval",
    306: "samplingPacketSpace",
    309: "samplingSize",
    310: "samplingPopulation",
}
"""Names of the commonest elements, for people who read what an exporter sends."""


def element_name(enterprise: int, element: int) -> str:
    """What to call an element on a page."""
    if enterprise == IANA:
        return NAMES.get(element, str(element))
    if enterprise == REVERSE_PEN:
        return f"reverse {NAMES.get(element, str(element))}"
    return f"{enterprise}/{element}"

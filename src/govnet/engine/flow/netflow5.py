"""NetFlow v5: a fixed header and a fixed record, written as a template like any other."""

from __future__ import annotations

from struct import Struct
from typing import Final

from govnet.engine.flow.templates import Field, Template

V5_HEADER: Final = Struct(">HHIIIIHH")
"""version, count, uptime ms, seconds, nanoseconds, flow sequence, engine, sampling (2 + 14 bits)"""

_PADDING = 210
_RECORD = (
    (8, 4),  # srcaddr
    (12, 4),  # dstaddr
    (15, 4),  # nexthop
    (10, 2),  # input
    (14, 2),  # output
    (2, 4),  # dPkts
    (1, 4),  # dOctets
    (22, 4),  # First
    (21, 4),  # Last
    (7, 2),  # srcport
    (11, 2),  # dstport
    (_PADDING, 1),
    (6, 1),  # tcp_flags
    (4, 1),  # prot
    (5, 1),  # tos
    (16, 2),  # src_as
    (17, 2),  # dst_as
    (9, 1),  # src_mask
    (13, 1),  # dst_mask
    (_PADDING, 2),
)
V5_TEMPLATE: Final = Template(0, [Field(0, element, length) for element, length in _RECORD])

"""SNMP polling: one interface over an own v2c client and gufo-snmp for v3.

``SnmpPoller`` is the way in; ``CounterHistory`` turns two polls into rates. How it works and
why v2c is written here: docs/explanation/snmp.md.
"""

from govnet.engine.snmp.model import (
    AuthProtocol,
    DevicePoll,
    HealthSample,
    InterfaceTable,
    PrivProtocol,
    SnmpDevice,
    SnmpError,
    SystemInfo,
    V2cCredential,
    V3Credential,
    VarBind,
)
from govnet.engine.snmp.poll import SnmpPoller
from govnet.engine.snmp.rates import CounterHistory, merge_columns

__all__ = [
    "AuthProtocol",
    "CounterHistory",
    "DevicePoll",
    "HealthSample",
    "InterfaceTable",
    "PrivProtocol",
    "SnmpDevice",
    "SnmpError",
    "SnmpPoller",
    "SystemInfo",
    "V2cCredential",
    "V3Credential",
    "VarBind",
    "merge_columns",
]

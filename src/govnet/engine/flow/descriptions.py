"""Template and options template sets of NetFlow v9 (RFC 3954) and IPFIX (RFC 7011)."""

from __future__ import annotations

from struct import Struct
from typing import Final

from govnet.engine.flow.exporters import Domain
from govnet.engine.flow.templates import MAX_FIELDS, BadTemplateError, Field

_TWO: Final = Struct(">HH")
_THREE: Final = Struct(">HHH")
_ENTERPRISE: Final = Struct(">I")
_ENTERPRISE_BIT: Final = 0x8000
_FIRST_TEMPLATE: Final = 256
_V9_SCOPE: Final = 0xFFFFFFFF  # v9 counts scopes apart from elements: 1 system, 2 interface, ...


def learn_templates(domain: Domain, payload: memoryview, *, ipfix: bool) -> bool:
    """Take every template of a set; True when one was new, other than before or withdrawn.

    Raises:
        BadTemplateError: one does not make sense; those before it were taken.
    """
    at, changed = 0, False
    while len(payload) - at >= _TWO.size:
        number, count = _TWO.unpack_from(payload, at)
        at += _TWO.size
        if ipfix and not count:
            changed |= domain.withdraw(number)
            continue
        if not number and not count:
            break  # padding
        fields, at = _fields(payload, at, count, ipfix=ipfix)
        changed |= _learn(domain, number, fields)
    return changed


def learn_options(domain: Domain, payload: memoryview, *, ipfix: bool) -> bool:
    """The same of an options template set."""
    return _ipfix_options(domain, payload) if ipfix else _v9_options(domain, payload)


def _ipfix_options(domain: Domain, payload: memoryview) -> bool:
    at, changed = 0, False
    while len(payload) - at >= _TWO.size:
        number, count = _TWO.unpack_from(payload, at)
        if not count:
            changed |= domain.withdraw(number)
            at += _TWO.size
            continue
        if len(payload) - at < _THREE.size:
            break  # padding
        scopes = _THREE.unpack_from(payload, at)[2]
        fields, at = _fields(payload, at + _THREE.size, count, ipfix=True)
        if not 1 <= scopes <= count:
            raise BadTemplateError(f"{scopes} scope fields of {count}")
        changed |= _learn(domain, number, fields, scopes)
    return changed


def _v9_options(domain: Domain, payload: memoryview) -> bool:
    at, changed = 0, False
    while len(payload) - at >= _THREE.size:
        number, scope_octets, option_octets = _THREE.unpack_from(payload, at)
        if not scope_octets and not option_octets:
            break  # padding
        if scope_octets % 4 or option_octets % 4:
            raise BadTemplateError("odd length of an options template")
        at += _THREE.size
        scopes, at = _fields(payload, at, scope_octets // 4, ipfix=False)
        options, at = _fields(payload, at, option_octets // 4, ipfix=False)
        scoped = [Field(_V9_SCOPE, field.element, field.length) for field in scopes]
        changed |= _learn(domain, number, scoped + options, max(len(scoped), 1))
    return changed


def _learn(domain: Domain, number: int, fields: list[Field], scopes: int = 0) -> bool:
    if number < _FIRST_TEMPLATE:
        raise BadTemplateError(f"template id {number}")
    changed = domain.learn(number, fields, scopes)
    domain.exporter.counters["templates"] += 1
    return changed


def _fields(payload: memoryview, at: int, count: int, *, ipfix: bool) -> tuple[list[Field], int]:
    if count > MAX_FIELDS or len(payload) - at < count * _TWO.size:
        raise BadTemplateError(f"{count} fields do not fit")
    fields = []
    for _ in range(count):
        if len(payload) - at < _TWO.size:
            raise BadTemplateError("cut short")
        element, length = _TWO.unpack_from(payload, at)
        at += _TWO.size
        enterprise = 0
        if ipfix and element & _ENTERPRISE_BIT:
            if len(payload) - at < _ENTERPRISE.size:
                raise BadTemplateError("cut short")
            (enterprise,) = _ENTERPRISE.unpack_from(payload, at)
            at += _ENTERPRISE.size
            element &= ~_ENTERPRISE_BIT
        fields.append(Field(enterprise, element, length))
    if not ipfix and any(field.length == 0xFFFF for field in fields):
        raise BadTemplateError("NetFlow v9 has no fields of variable length")
    return fields, at

"""Loads the demo city into the ledger and removes it again.

Loading twice changes nothing: rows are found by their codes and what a person edited stays.
Only what the endpoints decide (addresses, credentials, certificates) is refreshed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

import structlog
from django.contrib.auth import get_user_model
from django.db import models, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from govnet.demo import names
from govnet.demo.accounts import load_accounts, remove_accounts
from govnet.demo.layout import USER, DemoSecrets
from govnet.demo.plan import MOBILE, TELECOM, City, PlanLink, PlanUnit
from govnet.demo.targets import remove_targets
from govnet.inventory.models import (
    AcceptanceState,
    AccessPoint,
    AuthProtocol,
    BandwidthChange,
    Carrier,
    Circuit,
    CircuitKind,
    Contact,
    ContactRole,
    Credential,
    Device,
    Port,
    PrivProtocol,
    Region,
    RegionLevel,
    SnmpVersion,
    Unit,
    UnitClass,
)
from govnet.monitor.services import bump_revision

log = structlog.get_logger()

MARK: Final = "演示数据"
PLAYED: Final = f"{MARK}: 演示程序会不时地短暂关闭它的端点,以便看到中断与恢复。"
NO_PHONE: Final = "000-0000000"
FIRST_MBPS: Final = 10
RENT: Final = {10: Decimal(300), 100: Decimal(800), 1000: Decimal(3000)}
CREDENTIALS: Final = {True: "SNMPv3 (演示)", False: "SNMP v2c (演示)"}
# The running contract leases the telecom's lines, so its statements are about them.
CONTRACTS: Final = {TELECOM: "YS-YW-DEMO", MOBILE: "YS-2019-02"}


class DemoError(Exception):
    """The demo data cannot be loaded or removed; the message says why and what to do."""


def load(
    city: City, secrets: DemoSecrets, load_targets: Callable[[], None], *, force: bool
) -> None:
    """Put a demo city into the ledger, all or nothing.

    Args:
        city: units, devices and lines at the addresses of the endpoints.
        secrets: credentials of the devices' agents.
        load_targets: adds what is measured beside what the inventory generates.
        force: load beside units that are not demo data, too.

    Raises:
        DemoError: the ledger holds somebody's own units, or one has a name of the demo's.
    """
    with transaction.atomic():
        _refuse_real_data(city, force)
        _remove_another_city(city)
        regions = _load_regions()
        carriers = {name: _carrier(name) for name in (TELECOM, MOBILE)}
        _load_units(city, regions)
        _load_devices(city, regions, _load_credentials(secrets))
        _load_circuits(city, carriers)
        load_targets()
        load_accounts(regions[names.CITY[0]])
    bump_revision()
    log.info("demo city loaded", units=len(city.units), devices=len(city.devices))


def _refuse_real_data(city: City, force: bool) -> None:
    own = Unit.objects.filter(demo=False)
    if not force and own.exists():
        raise DemoError(
            f"The ledger holds {own.count()} units that are not demo data. Set GOVNET_DATA_DIR to"
            " an empty directory for the demo, or add --force to mix both."
        )
    clash = own.filter(name__in=[unit.name for unit in city.units]).first()
    clash = clash or own.filter(code__in=[unit.code for unit in city.units]).first()
    if clash:
        raise DemoError(
            f"Unit {clash.code} {clash.name} of your own has a name or code of the demo's."
            " Rename it or load the demo into another GOVNET_DATA_DIR."
        )


def _remove_another_city(city: City) -> None:
    """A demo on other endpoints left its devices here: what nothing answers for goes."""
    devices = Device.objects.filter(notes=PLAYED)
    if devices.exclude(name__in=[device.name for device in city.devices]).exists():
        _remove_objects()


def _load_regions() -> dict[str, Region]:
    province = _region(names.PROVINCE, RegionLevel.PROVINCE, None)
    city = _region(names.CITY, RegionLevel.CITY, province)
    regions = {province.code: province, city.code: city}
    for county in names.COUNTIES:
        identity = (county.code, county.name)
        regions[county.code] = _region(identity, RegionLevel.COUNTY, city)
    return regions


def _region(identity: tuple[str, str], level: RegionLevel, parent: Region | None) -> Region:
    code, name = identity
    defaults = {"name": name, "level": level, "parent": parent, "notes": MARK}
    region, _ = Region.objects.get_or_create(code=code, defaults=defaults)
    return region


def _carrier(name: str) -> Carrier:
    carrier, _ = Carrier.objects.get_or_create(name=name, defaults={"notes": MARK})
    return carrier


def _load_credentials(secrets: DemoSecrets) -> dict[bool, Credential]:
    v2c, _ = Credential.objects.update_or_create(
        name=CREDENTIALS[False],
        defaults={"version": SnmpVersion.V2C, "community": secrets.community, "notes": MARK},
    )
    v3, _ = Credential.objects.update_or_create(
        name=CREDENTIALS[True],
        defaults={
            "version": SnmpVersion.V3,
            "user": secrets.v3_user,
            "auth_protocol": AuthProtocol.SHA256,
            "auth_key": secrets.auth_key,
            "priv_protocol": PrivProtocol.AES128,
            "priv_key": secrets.priv_key,
            "notes": MARK,
        },
    )
    return {False: v2c, True: v3}


def _insert(rows: Iterable[models.Model], refresh: tuple[str, ...] = (), key: str = "") -> None:
    """Insert what is missing; of what is there refresh only the fields named."""
    objects: Any = list(rows)
    if not objects:
        return
    manager = type(objects[0])._default_manager  # noqa: SLF001  # the documented Model API
    if refresh:
        manager.bulk_create(
            objects, update_conflicts=True, unique_fields=[key], update_fields=list(refresh)
        )
    else:
        manager.bulk_create(objects, ignore_conflicts=True)


def _load_units(city: City, regions: dict[str, Region]) -> None:
    _insert(_unit(unit, regions[unit.region_code]) for unit in city.units)
    units = Unit.objects.in_bulk(field_name="code")
    _insert(
        (_access_point(unit, units[unit.code]) for unit in city.units),
        ("ipv4", "ipv6"),
        key="code",
    )
    _insert(
        Contact(
            unit=units[unit.code],
            role=ContactRole.LIAISON,
            name="联络员(演示)",
            phone=NO_PHONE,
            notes=MARK,
        )
        for unit in city.units
    )


def _unit(unit: PlanUnit, region: Region) -> Unit:
    accepted = unit.opened_on + timedelta(days=14)
    return Unit(
        code=unit.code,
        name=unit.name,
        region=region,
        level=unit.level,
        unit_class=UnitClass.D if unit.xueliang else UnitClass.B,
        xueliang=unit.xueliang,
        access_date=unit.opened_on,
        acceptance_state=AcceptanceState.ACCEPTED,
        acceptance_date=min(accepted, date(2020, 5, 31)),
        demo=True,
        notes=PLAYED if unit.xueliang else MARK,
    )


def _access_point(unit: PlanUnit, owner: Unit) -> AccessPoint:
    return AccessPoint(
        code=unit.access_point_code,
        name=f"{unit.name}机房",
        unit=owner,
        ipv4=str(unit.address),
        ipv6=str(unit.ipv6) if unit.ipv6 else None,
        opened_on=unit.opened_on,
        notes=MARK,
    )


def _load_devices(
    city: City, regions: dict[str, Region], credentials: dict[bool, Credential]
) -> None:
    points = AccessPoint.objects.in_bulk(field_name="code")
    rows = [
        Device(
            name=device.name,
            layer=device.layer,
            region=regions[device.region_code],
            access_point=points[f"{device.unit_code}-01"] if device.unit_code else None,
            vendor=device.vendor,
            model=device.model,
            management_ipv4=str(device.address),
            management_ipv6=str(device.ipv6) if device.ipv6 else None,
            snmp_port=device.snmp_port,
            credential=credentials[device.v3],
            notes=PLAYED,
        )
        for device in city.devices
    ]
    addresses = ("management_ipv4", "management_ipv6")
    _insert(rows, (*addresses, "snmp_port", "credential"), key="name")
    devices = Device.objects.in_bulk([row.name for row in rows], field_name="name")
    _insert(
        Port(
            device=devices[device.name],
            name=port.name,
            if_index=port.if_index,
            alias=port.alias,
            notes=MARK,
        )
        for device in city.devices
        for port in device.ports
    )


def _load_circuits(city: City, carriers: dict[str, Carrier]) -> None:
    points = AccessPoint.objects.in_bulk(field_name="code")
    ports = {
        (port.device.name, port.name): port
        for port in Port.objects.filter(notes=MARK).select_related("device")
    }
    expires = date(timezone.localdate().year + 1, 5, 31)
    access = [
        Circuit(
            number=unit.circuit_number,
            kind=CircuitKind.ACCESS,
            carrier=carriers[unit.carrier],
            access_point=points[unit.access_point_code],
            z_port=ports.get(city.unit_ports[unit.code]),
            monthly_rent=RENT[unit.mbps],
            contract_number=CONTRACTS[unit.carrier],
            contract_expires_on=expires,
            opened_on=unit.opened_on,
            notes=MARK,
        )
        for unit in city.units
    ]
    links = [
        Circuit(
            number=link.number,
            kind=link.kind,
            carrier=carriers[link.carrier],
            a_port=ports.get(link.a_end),
            z_port=ports.get(link.z_end) if link.z_end else None,
            contract_number=CONTRACTS[link.carrier],
            contract_expires_on=expires,
            opened_on=link.history[0][0],
            notes=MARK,
        )
        for link in city.links
    ]
    _insert([*access, *links])
    _load_histories(city)
    _set_diverse_routes(city.links)


def _load_histories(city: City) -> None:
    circuits = Circuit.objects.in_bulk(_numbers(city), field_name="number")
    with_history = set(BandwidthChange.objects.values_list("circuit_id", flat=True))
    histories = {unit.circuit_number: _history(unit) for unit in city.units}
    histories |= {link.number: link.history for link in city.links}
    _insert(
        BandwidthChange(circuit=circuits[number], effective_on=day, mbps=mbps)
        for number, history in histories.items()
        if circuits[number].pk not in with_history
        for day, mbps in history
    )


def _history(unit: PlanUnit) -> tuple[tuple[date, int], ...]:
    if unit.upgraded_on is None:
        return ((unit.opened_on, unit.mbps),)
    return ((unit.opened_on, FIRST_MBPS), (unit.upgraded_on, unit.mbps))


def _set_diverse_routes(links: Iterable[PlanLink]) -> None:
    for link in links:
        if link.diverse_from:
            other = Circuit.objects.filter(number=link.diverse_from).first()
            Circuit.objects.filter(number=link.number, diverse_from=None).update(diverse_from=other)


def _numbers(city: City) -> list[str]:
    return [unit.circuit_number for unit in city.units] + [link.number for link in city.links]


def ensure_user(password: str) -> None:
    """A user who may see and do everything in the demo, with the password that is printed.

    The password is set again at every start, so that what the demo prints is true.
    """
    user, _ = get_user_model().objects.get_or_create(
        username=USER,
        defaults={
            "display_name": "演示用户",
            "is_superuser": True,
            "is_staff": True,
            "whole_site": True,
        },
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])


def remove() -> None:
    """Take the demo city out of the ledger; what is not demo data stays.

    Raises:
        DemoError: something of your own hangs on a demo object.
    """
    try:
        with transaction.atomic():
            _remove_objects()
            get_user_model().objects.filter(username=USER).delete()
    except ProtectedError as error:
        mine = ", ".join(sorted(str(item) for item in list(error.protected_objects)[:5]))
        raise DemoError(
            f"Objects of your own refer to demo data: {mine}. Remove or move them first."
        ) from error
    bump_revision()
    log.info("demo city removed")


def _remove_objects() -> None:
    remove_accounts()
    remove_targets()
    Circuit.objects.filter(notes=MARK).delete()
    Device.objects.filter(notes=PLAYED).delete()
    AccessPoint.objects.filter(unit__demo=True, notes=MARK).delete()
    Unit.objects.filter(demo=True).delete()
    Credential.objects.filter(name__in=CREDENTIALS.values()).delete()
    Carrier.objects.filter(name__in=(TELECOM, MOBILE)).delete()
    for code in [c.code for c in names.COUNTIES] + [names.CITY[0], names.PROVINCE[0]]:
        mine = Region.objects.filter(code=code, notes=MARK)
        if not mine.filter(
            models.Q(children__isnull=False) | models.Q(units__isnull=False)
        ).exists():
            mine.delete()

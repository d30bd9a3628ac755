"""Every object of the ledger passes the tests of the generic layer."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from govnet.inventory import models
from tests.core.cases import ObjectCase
from tests.core.world import World

pytestmark = pytest.mark.django_db


class TestRegions(ObjectCase):
    model = models.Region
    form_data: ClassVar[dict[str, Any]] = {
        "code": "430601001",
        "name": "new town",
        "level": "township",
        "parent": "the-city/east-region",
    }
    edit: ClassVar[dict[str, Any]] = {"name": "newer town"}
    csv_data: ClassVar[list[str]] = [
        "code,name,level,parent",
        "430601101,town 1,township,east-region",
        "430601102,village 1,village,430601101",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("430601103,town 3,nonsense,east-region", "level", "/"),
        ("430601103,town 3,township,west-region", "parent", "west-region"),
        ("430601103,town 3,township,430601103", "parent", ""),
        ("430601101,town 3,township,east-region", "code", "2"),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"level": "village"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Region.objects.count()
        return [
            models.Region.objects.create(
                code=f"43060{n:05d}", name=f"east-r{n}", level="township", parent=world.east.region
            )
            for n in range(start, start + number)
        ]


class TestCarriers(ObjectCase):
    model = models.Carrier
    common = True
    form_data: ClassVar[dict[str, Any]] = {"name": "new carrier", "service_phone": "10010"}
    edit: ClassVar[dict[str, Any]] = {"service_phone": "10086"}
    csv_data: ClassVar[list[str]] = ["name,service_phone", "carrier 2,10010", "carrier 3,'+86"]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        (f"{'x' * 61},1", "name", "60"),
        ("carrier 2,1", "name", "2"),
        (",1", "name", ""),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"service_phone": "10099"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Carrier.objects.count()
        return [
            models.Carrier.objects.create(name=f"carrier no {n}")
            for n in range(start, start + number)
        ]


class TestContractors(ObjectCase):
    model = models.Contractor
    common = True
    form_data: ClassVar[dict[str, Any]] = {"name": "new contractor", "kind": "builder"}
    edit: ClassVar[dict[str, Any]] = {"service_phone": "0730-1"}
    csv_data: ClassVar[list[str]] = [
        "name,kind,carrier,service_phone",
        "contractor 2,maintainer,,10010",
        "contractor 3,监理单位,,0730-1",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("contractor 4,nonsense,,", "kind", "/"),
        ("contractor 4,builder,the-carrier,", "carrier", ""),
        ("contractor 4,carrier,no-carrier,", "carrier", "no-carrier"),
        ("contractor 2,builder,,", "name", "2"),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"service_phone": "0730-2"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Contractor.objects.count()
        return [
            models.Contractor.objects.create(name=f"contractor no {n}", kind="builder")
            for n in range(start, start + number)
        ]


class TestUnits(ObjectCase):
    model = models.Unit
    form_data: ClassVar[dict[str, Any]] = {
        "code": "N1",
        "name": "new unit",
        "region": "the-city/east-region",
        "level": "county",
        "unit_class": "B",
        "acceptance_state": "requested",
    }
    edit: ClassVar[dict[str, Any]] = {"name": "renamed unit", "unit_class": "D"}
    csv_data: ClassVar[list[str]] = [
        "code,name,region,level,access_date,xueliang",
        "N2,unit 2,east-region,county,2024-01-31,yes",
        "N3,unit 3,430601,县市区,2024/2/1,否",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("N4,unit 4,nowhere,county,,", "region", "nowhere"),
        ("N4,unit 4,west-region,county,,", "region", "west-region"),
        ("N4,unit 4,east-region,county,2024-02-30,", "access_date", "2026-11-23"),
        ("N4,east-unit,east-region,county,,", "name", ""),
        ("N4,west-unit,east-region,county,,", "name", ""),
        ("N2,unit 9,east-region,county,,", "code", "2"),
        ("N4,bad\x00name,east-region,county,,", "name", "U+0000"),
        ("N4,unit 4,east-region,county,,maybe", "xueliang", ""),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"unit_class": "E"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Unit.objects.count()
        return [
            models.Unit.objects.create(
                code=f"east-{n}", name=f"east-unit {n}", region=world.east.region, level="county"
            )
            for n in range(start, start + number)
        ]


class TestContacts(ObjectCase):
    model = models.Contact
    form_data: ClassVar[dict[str, Any]] = {
        "unit": "east-unit",
        "role": "leader",
        "name": "王敏",
        "phone": "0730-8889999",
    }
    edit: ClassVar[dict[str, Any]] = {"phone": "13800000000"}
    csv_data: ClassVar[list[str]] = [
        "unit,role,name,phone,email",
        "east-unit,finance,李四,0730-1,li@example.cn",
        "east-U1,leader,王五,0730-2,",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("west-unit,finance,李四,1,", "unit", "west-unit"),
        ("east-unit,finance,赵六,1,not-an-address", "email", ""),
        ("east-unit,finance,李四,2,", "unit", "2"),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"role": "technician"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Contact.objects.count()
        return [
            models.Contact.objects.create(unit=world.east.unit, role="leader", name=f"east-p{n}")
            for n in range(start, start + number)
        ]


class TestAccessPoints(ObjectCase):
    model = models.AccessPoint
    form_data: ClassVar[dict[str, Any]] = {
        "code": "N-AP",
        "name": "new point",
        "unit": "east-unit",
        "ipv4": "10.9.9.9",
        "status": "active",
    }
    edit: ClassVar[dict[str, Any]] = {"ipv4": "10.9.9.10"}
    csv_data: ClassVar[list[str]] = [
        "code,name,unit,ipv4,ipv6,status",
        "N1,p1,east-unit,10.8.0.1,2001:DB8::1,active",
        "N2,p2,east-U1,,,planned",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("N3,p3,west-unit,,,active", "unit", "west-unit"),
        ("N3,p3,east-unit,10.8.0.256,,active", "ipv4", ""),
        ("N3,p3,east-unit,10.73.2.1,,active", "ipv4", ""),
        ("N3,p3,east-unit,10.8.0.1,,active", "ipv4", "2"),
        ("N3,p3,east-unit,,2001:db8::1,active", "ipv6", "2"),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"status": "suspended", "place": "3号楼"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.AccessPoint.objects.count()
        return [
            models.AccessPoint.objects.create(
                code=f"east-{n}", name=f"east-p{n}", unit=world.east.unit
            )
            for n in range(start, start + number)
        ]


class TestCredentials(ObjectCase):
    model = models.Credential
    common = True
    form_data: ClassVar[dict[str, Any]] = {
        "name": "new",
        "version": "2c",
        "community": "hush-hush",
    }
    edit: ClassVar[dict[str, Any]] = {"name": "renamed", "community": "other-secret"}
    csv_data: ClassVar[list[str]] = [
        "name,version,community,user,auth_protocol,auth_key",
        "c2,2c,quiet-word,,,",
        "c3,v3,,monitor,SHA-256,long-pass-phrase",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("c4,2c,,,,", "community", ""),
        ("c4,v9,x,,,", "version", "v2c"),
        ("c4,v3,,monitor,MD5,long-pass-phrase", "auth_protocol", "SHA"),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"notes": "rotated in May"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Credential.objects.count()
        return [
            models.Credential.objects.create(name=f"cred {n}", version="2c", community=f"s{n}")
            for n in range(start, start + number)
        ]


class TestDevices(ObjectCase):
    model = models.Device
    form_data: ClassVar[dict[str, Any]] = {
        "name": "new-device",
        "layer": "access",
        "region": "the-city/east-region",
        "access_point": "east-AP1",
        "snmp_port": "161",
        "status": "active",
    }
    edit: ClassVar[dict[str, Any]] = {"vendor": "华为"}
    csv_data: ClassVar[list[str]] = [
        "name,layer,region,access_point,management_ipv4,credential,snmp_port",
        "d2,core,east-region,,10.7.0.1,the-credential,",
        "d3,接入层,430601,east-AP1,10.7.0.2,,1161",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("d4,core,east-region,west-AP1,,,", "access_point", "west-AP1"),
        ("d4,core,east-region,,,no-such,", "credential", "no-such"),
        ("d4,core,east-region,,,,99999", "snmp_port", ""),
        ("west-device,core,east-region,,,,", "name", ""),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"vendor": "H3C", "snmp_port": "1161"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Device.objects.count()
        return [
            models.Device.objects.create(
                name=f"east-d{n}", layer="access", region=world.east.region
            )
            for n in range(start, start + number)
        ]


class TestPorts(ObjectCase):
    model = models.Port
    form_data: ClassVar[dict[str, Any]] = {
        "device": "east-device",
        "name": "GE0/0/9",
        "if_index": "9",
    }
    edit: ClassVar[dict[str, Any]] = {"alias": "to core"}
    csv_data: ClassVar[list[str]] = [
        "device,name,if_index,alias",
        "east-device,GE0/0/2,2,a",
        "east-device,GE0/0/3,3,'-dash",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("west-device,GE0/0/2,2,", "device", "west-device"),
        ("east-device,GE0/0/4,2,", "if_index", "2"),
        ("east-device,GE0/0/4,1,", "if_index", ""),
        ("east-device,GE0/0/4,one,", "if_index", ""),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"alias": "spare"}

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Port.objects.count() + 10
        return [
            models.Port.objects.create(device=world.east.device, name=f"east-x{n}", if_index=n)
            for n in range(start, start + number)
        ]


class TestCircuits(ObjectCase):
    model = models.Circuit
    form_data: ClassVar[dict[str, Any]] = {
        "number": "N1",
        "kind": "access",
        "carrier": "1",
        "access_point": "east-AP1",
        "z_port": "east-device east-GE0/0/1",
        "status": "active",
        "monthly_rent": "99.50",
    }
    edit: ClassVar[dict[str, Any]] = {"monthly_rent": "100.00"}
    csv_data: ClassVar[list[str]] = [
        "number,carrier,access_point,z_port,bandwidths,monthly_rent,diverse_from",
        "N2,the-carrier,east-AP1,east-device east-GE0/0/1,2020-01-01=10; 2024-06-01=100,5.5,N3",
        "N3,the-carrier,east-AP1,,1000,,",
    ]
    csv_bad: ClassVar[list[tuple[str, str, str]]] = [
        ("N4,nobody,east-AP1,,,,", "carrier", "nobody"),
        ("N4,the-carrier,west-AP1,,,,", "access_point", "west-AP1"),
        ("N4,the-carrier,east-AP1,west-device west-GE0/0/1,,,", "z_port", "west-device"),
        ("N4,the-carrier,east-AP1,,ten,,", "bandwidths", "2020-01-01"),
        ("N4,the-carrier,east-AP1,,2020-01-01=0,,", "bandwidths", "0"),
        ("N4,the-carrier,east-AP1,,,1.234,", "monthly_rent", "2"),
        ("N4,the-carrier,east-AP1,,,-1,", "monthly_rent", ""),
        ("N4,the-carrier,east-AP1,,,,N4", "diverse_from", ""),
        ("N4,the-carrier,,,,,", "", ""),
    ]
    bulk_edit_data: ClassVar[dict[str, Any]] = {"contract_number": "K-2026-1", "status": "planned"}

    @pytest.fixture(autouse=True)
    def _carrier(self, world: World) -> None:
        self.form_data["carrier"] = str(world.carrier.pk)

    def make_more(self, world: World, number: int) -> list[Any]:
        start = models.Circuit.objects.count()
        made = [
            models.Circuit.objects.create(
                number=f"east-c{n}", carrier=world.carrier, access_point=world.east.access_point
            )
            for n in range(start, start + number)
        ]
        for circuit in made:
            models.BandwidthChange.objects.create(
                circuit=circuit, effective_on="2021-01-01", mbps=10
            )
        return made

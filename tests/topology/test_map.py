"""The map: what stands on it, for whom, what a supposed fault marks, and moving things."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.urls import reverse

from govnet.inventory.models import AccessPoint, Circuit, CircuitKind, Device, DeviceLayer, Unit
from govnet.monitor.models import PortState
from govnet.topology.elements import element_of
from govnet.topology.layout import CHIP_HEIGHT, CHIP_WIDTH, NODE_WIDTH, WIDTH, Block, arrange
from govnet.topology.map import COLLAPSE_FROM, LABEL_HEIGHT, LABEL_WIDTH, MapNode, draw, use_class
from govnet.topology.models import MapPosition, MapView, ProbeAttachment
from tests.people import person
from tests.topology.net import Net, build_net

pytestmark = pytest.mark.django_db
URL = "/topology/"


@pytest.fixture
def net() -> Net:
    return build_net()


@pytest.fixture
def engineer(client: Client, net: Net) -> Client:
    client.force_login(person("owner", "network_engineer", whole_site=True))
    return client


def _marked(page: str, css: str) -> set[str]:
    """Names of the drawn nodes that carry a class."""
    nodes = re.findall(r'class="map-node([^"]*)"[^>]*aria-label="([^":]+):', page)
    return {name for classes, name in nodes if css in classes.split()}


def test_nothing_overlaps_whatever_the_sizes() -> None:
    blocks = [Block(f"b{n}", tuple(f"b{n}m{k}" for k in range(n * 9 % 47))) for n in range(12)]
    layout = arrange([["b3", "b4", "x", "y"], ["b1", "b2"]], blocks)
    placed = list(layout.places.items())
    for number, (_one, (x, y)) in enumerate(placed):
        for _other, (u, v) in placed[number + 1 :]:
            assert abs(x - u) >= CHIP_WIDTH or abs(y - v) >= CHIP_HEIGHT
    assert layout.width >= WIDTH
    assert all(
        0 <= x <= layout.width and 0 <= y <= layout.height for x, y in layout.places.values()
    )


def test_nodes_of_a_row_keep_their_distance() -> None:
    layout = arrange([[f"n{i}" for i in range(30)]], [])
    xs = sorted(x for x, _y in layout.places.values())
    assert min(b - a for a, b in pairwise(xs)) >= NODE_WIDTH


@pytest.mark.parametrize(
    ("use", "expected"),
    [(None, "use-none"), (0.0, "use-0"), (0.3, "use-1"), (0.79, "use-2"), (1.2, "use-4")],
)
def test_the_colour_of_a_line_is_its_use_of_the_contract(use: float | None, expected: str) -> None:
    assert use_class(use) == expected


def test_the_map_shows_states_by_word_roots_and_shadows(engineer: Client, net: Net) -> None:
    net.set("down", "agg-e", "e1", "e2")
    PortState.objects.filter(port=net.circuits["agg-w-core1"].z_port).update(in_bps=450e6)
    page = engineer.get(URL).content.decode()
    assert _marked(page, "role-root") == {"agg-e"}
    assert _marked(page, "role-shadowed") == {"e1", "e2"}
    assert "45.00%" in page
    assert 'hx-trigger="every 10s' in page


def test_what_a_supposed_fault_takes_is_marked_and_counted(engineer: Client) -> None:
    page = engineer.get(URL, {"q": "agg-e", "act": "fail"}).content.decode()
    assert _marked(page, "is-hit") == {"agg-e", "e1", "e2"}
    assert "<strong>2</strong>" in page


def test_with_one_uplink_cut_already_the_other_takes_more(engineer: Client, net: Net) -> None:
    net.set("down", "agg-w", "w1")
    page = engineer.get(URL, {"q": "agg-e", "act": "fail"}).content.decode()
    assert _marked(page, "is-hit") == {"agg-e", "e1", "e2", "dual"}


def test_finding_points_out_and_a_name_that_is_not_there_says_so(engineer: Client) -> None:
    assert _marked(engineer.get(URL, {"q": "w1", "act": "find"}).content.decode(), "is-found")
    assert "banner-warning" in engineer.get(URL, {"q": "nowhere"}).content.decode()


def test_finding_a_circuit_points_out_both_of_its_ends(engineer: Client) -> None:
    circuit = Circuit.objects.filter(a_port__isnull=False, z_port__isnull=False)[0]
    page = engineer.get(URL, {"q": circuit.number, "act": "find"}).content.decode()
    ends = {port.device.name for port in (circuit.a_port, circuit.z_port) if port}
    assert _marked(page, "is-found") == ends


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("岳阳县汇聚路由器", "岳阳县汇聚路由器"),
        ("中国电信岳阳分公司互联网", "中国电信岳…互联网"),
        ("core-router-1.yy", "core-router-1.yy"),
        ("core-router-1.yueyang.gov", "core-router-1.…gov"),
    ],
)
def test_a_long_name_keeps_its_beginning_and_its_end(name: str, shown: str) -> None:
    assert MapNode("device:1", name, "", chip=False).short == shown


@pytest.mark.parametrize("view", MapView.values)
def test_nobody_sees_what_is_out_of_scope(client: Client, net: Net, view: str) -> None:
    client.force_login(person("colleague", "network_engineer", regions=[net.east]))
    page = client.get(URL, {"view": view}).content.decode()
    assert {"e1", "e2"} <= _marked(page, "node-up")
    assert not {"w1", "dual", "agg-w", "core1"} & _marked(page, "map-node-up")
    for hidden in ("w1", "dual", "agg-w", "core1", "西区"):
        assert hidden not in page
    page = client.get(URL, {"q": "core1", "act": "fail", "view": view}).content.decode()
    assert "banner-warning" in page, "what is out of scope cannot even be asked about"
    stranger = Client()
    stranger.force_login(person("stranger", "network_engineer"))
    assert "data-node" not in stranger.get(URL).content.decode()
    stranger.force_login(person("contact", "contractor"))
    assert stranger.get(URL).status_code == 403


def test_a_large_map_closes_its_blocks_and_opens_one(client: Client, net: Net) -> None:
    units = Unit.objects.bulk_create(
        Unit(code=f"X{n:04}", name=f"单位{n:04}", region=net.east, level="county")
        for n in range(COLLAPSE_FROM)
    )
    AccessPoint.objects.bulk_create(
        AccessPoint(code=f"A{n:04}", name=f"点{n:04}", unit=unit) for n, unit in enumerate(units)
    )
    cpe = Device.objects.create(
        name="cpe", layer=DeviceLayer.ACCESS, region=net.east, access_point=net.points["e1"]
    )
    owner = person("owner", whole_site=True, superuser=True)
    closed = draw(owner, MapView.LAYERS)
    assert closed.closed
    assert closed.total == COLLAPSE_FROM + 8
    assert sum(sum(node.counts.values()) for node in closed.nodes) == COLLAPSE_FROM + 5
    hit = draw(owner, MapView.LAYERS, fail=element_of(net.devices["agg-e"]))
    assert [node.hits for node in hit.nodes if node.hits] == [3], "e1, e2 and the device there"
    sought = draw(owner, MapView.LAYERS, find=element_of(cpe))
    assert [node.name for node in sought.nodes if node.found] == ["cpe"], "its block is open"
    opened = draw(owner, MapView.LAYERS, ["none"])
    assert len(opened.nodes) == COLLAPSE_FROM + 3 + 2


def test_what_lies_beyond_the_network_is_drawn_with_its_line(net: Net) -> None:
    core = net.port("core1", "uplink")
    carrier = net.circuits["agg-e-core1"].carrier
    Circuit.objects.create(number="NET-1", kind=CircuitKind.EGRESS, carrier=carrier, a_port=core)
    owner = person("owner", whole_site=True, superuser=True)
    for view in MapView.values:
        drawn = draw(owner, view)
        (beyond,) = (node for node in drawn.nodes if node.id.startswith("outside:"))
        assert "电信" in beyond.name
        assert beyond.y <= min(node.y for node in drawn.nodes) or view == MapView.REGIONS
        (line,) = (link for link in drawn.links if link.name == "NET-1")
        assert {end.name for end in line.ends} == {"core1", beyond.name}
    colleague = person("colleague", "network_engineer", regions=[net.east])
    assert "outside" not in str(draw(colleague, MapView.LAYERS).names)


def test_labels_of_lines_that_cross_stand_apart(net: Net) -> None:
    for number in range(2, 5):
        net.device(f"core{number}", DeviceLayer.CORE, net.east)
    for lower in ("agg-e", "agg-w"):
        for number in range(2, 5):
            net.backbone(lower, f"core{number}")
    drawn = draw(person("owner", whole_site=True, superuser=True), MapView.LAYERS)
    places = [link.label for link in drawn.links if link.label]
    assert len(places) == 8
    for number, (x, y) in enumerate(places):
        for u, v in places[number + 1 :]:
            assert abs(x - u) >= LABEL_WIDTH or abs(y - v) >= LABEL_HEIGHT


def test_the_map_is_drawn_again_only_when_it_would_differ(engineer: Client, net: Net) -> None:
    def asked() -> int:
        return engineer.get(URL, {"seen": seen}, headers={"HX-Request": "true"}).status_code

    seen = engineer.get(URL).context["fingerprint"]
    assert asked() == 204
    net.set("down", "e1")
    assert asked() == 200
    seen = engineer.get(URL).context["fingerprint"]
    PortState.objects.filter(port=net.circuits["agg-w-core1"].z_port).update(in_bps=450e6)
    assert asked() == 200
    seen = engineer.get(URL).context["fingerprint"]
    PortState.objects.filter(port=net.circuits["agg-w-core1"].z_port).update(in_bps=450.1e6)
    assert asked() == 204
    MapPosition.objects.create(view="layers", element="device:1", x=1, y=1)
    assert asked() == 200


def test_a_moved_node_stays_is_audited_and_can_be_reset(engineer: Client, net: Net) -> None:
    element = element_of(net.devices["agg-e"])
    values = {"view": "layers", "element": element, "x": "123", "y": "77"}
    assert engineer.post(reverse("topology:move"), values).status_code == 204
    assert "translate(123 77)" in engineer.get(URL).content.decode()
    assert LogEntry.objects.get_for_model(MapPosition).exists()
    engineer.post(reverse("topology:reset"), {"view": "layers"})
    assert not MapPosition.objects.exists()


@pytest.mark.parametrize(
    "values",
    [{"x": "nan"}, {"y": "1e9"}, {"element": "device:999999"}, {"view": "other"}, {"x": ""}],
)
def test_a_bad_move_changes_nothing(engineer: Client, net: Net, values: dict[str, str]) -> None:
    good = {"view": "layers", "element": element_of(net.devices["agg-e"]), "x": "1", "y": "1"}
    assert engineer.post(reverse("topology:move"), good | values).status_code == 400
    assert not MapPosition.objects.exists()


def test_only_engineers_move_and_only_what_they_see(client: Client, net: Net) -> None:
    values = {"view": "layers", "element": element_of(net.devices["agg-w"]), "x": "1", "y": "1"}
    client.force_login(person("officer", "duty_officer", whole_site=True))
    assert client.post(reverse("topology:move"), values).status_code == 403
    client.force_login(person("colleague", "network_engineer", regions=[net.east]))
    assert client.post(reverse("topology:move"), values).status_code == 400


def test_the_probe_points_place_is_set_by_who_sees_the_whole_site(
    engineer: Client, net: Net
) -> None:
    chosen = {"devices": [net.devices["agg-w"].pk]}
    engineer.post(reverse("topology:attach"), chosen)
    assert [str(row) for row in ProbeAttachment.objects.all()] == ["agg-w"]
    colleague = Client()
    colleague.force_login(person("colleague", "network_engineer", regions=[net.east]))
    colleague.post(reverse("topology:attach"), {"devices": []})
    assert ProbeAttachment.objects.count() == 1

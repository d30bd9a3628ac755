"""Pages of work orders: each person sees and does what is theirs."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from govnet.alarms.models import Alarm
from govnet.operations import services
from govnet.operations.choices import Action
from govnet.operations.models import WorkOrder
from govnet.operations.services import take
from tests.alarms.faults import fault, see
from tests.operations.conftest import Desk
from tests.operations.test_orders import PDF, new_order
from tests.query_counts import compare

pytestmark = pytest.mark.django_db


def test_a_company_sees_its_own_orders_on_every_page_and_no_other_company_does(
    desk: Desk,
) -> None:
    order = new_order(desk)
    take(order, Action.DISPATCH, desk.officer, contractor=desk.telecom)
    made = services.pause(order, desk.officer, "no_access", "closed", PDF)
    pages = (
        "/operations/orders/",
        "/operations/orders/export/?format=csv&columns=all",
        order.get_absolute_url(),
        f"{order.get_absolute_url()}proof/{made.pk}/",
    )
    for user, sees in (
        (desk.officer, True),
        (desk.telecom_man, True),
        (desk.mobile_man, False),
        (desk.stranger, False),
    ):
        client = desk.browser(user)
        for page in pages:
            answer = client.get(page)
            body = b"".join(answer) if answer.streaming else answer.content
            if page.endswith("/") and order.get_absolute_url() in page:
                assert answer.status_code == (200 if sees else 404), (user, page)
            else:
                assert (b"third floor" in body) is sees, (user, page)
        step = client.post(f"{order.get_absolute_url()}comment/", {"comment-text": "seen"})
        assert step.status_code == (302 if sees else 404)


def test_a_unit_reports_a_fault_of_its_own_and_of_no_other(desk: Desk) -> None:
    client = desk.browser(desk.unit_contact)
    page = client.get("/operations/orders/add/")
    assert b'name="level"' not in page.content  # how urgent it is, the centre says
    data = {"title": "no network", "unit": desk.city.unit_east.name}
    assert client.post("/operations/orders/add/", data).status_code == 302
    order = WorkOrder.objects.get()
    assert (order.source, order.level) == ("unit", "minor")
    other = {"title": "no network", "unit": desk.city.unit_west.name}
    answer = client.post("/operations/orders/add/", other)
    assert answer.status_code == 422
    assert "no network" in answer.content.decode()  # nothing typed is lost


def test_an_officer_opens_an_order_from_the_alarm(desk: Desk) -> None:
    see(fault(desk.city.point_east))
    alarm = Alarm.objects.get()
    client = desk.browser(desk.officer)
    answer = client.post(f"/operations/orders/from-alarm/{alarm.pk}/")
    assert answer["Location"] == WorkOrder.objects.get().get_absolute_url()
    assert (
        desk.browser(desk.telecom_man)
        .post(f"/operations/orders/from-alarm/{alarm.pk}/")
        .status_code
        == 403
    )


def test_steps_are_taken_by_the_buttons_of_the_page(desk: Desk) -> None:
    order = new_order(desk)
    officer, company = desk.browser(desk.officer), desk.browser(desk.telecom_man)
    url = order.get_absolute_url()
    officer.post(f"{url}dispatch/", {"dispatch-contractor": desk.telecom.pk})
    for action in ("accept", "arrive"):
        assert company.post(f"{url}{action}/", {}).status_code == 302
    restore = {"restore-cause": "fibre_cut", "restore-party": "carrier", "restore-text": "spliced"}
    company.post(f"{url}restore/", restore)
    officer.post(f"{url}confirm/", {"confirm-score": "5"})
    officer.post(f"{url}close/", {"close-cause": "fibre_cut", "close-party": "carrier"})
    order.refresh_from_db()
    assert (order.state, order.score, order.cause) == ("closed", 5, "fibre_cut")
    text = officer.get(url).content.decode()
    assert "spliced" in text


def test_a_wrong_form_says_so_and_keeps_what_was_typed(desk: Desk) -> None:
    order = new_order(desk)
    take(order, Action.DISPATCH, desk.officer)
    client = desk.browser(desk.officer)
    data = {"pause-reason": "other", "pause-text": "waiting for parts"}
    answer = client.post(f"{order.get_absolute_url()}pause/", data)
    assert answer.status_code == 422
    assert "waiting for parts" in answer.content.decode()
    data["pause-proof"] = SimpleUploadedFile("x.exe", b"MZ")  # type: ignore[assignment]
    client.post(f"{order.get_absolute_url()}pause/", data)
    assert not order.pauses.exists()


def test_the_list_takes_the_same_queries_however_long_it_is(desk: Desk) -> None:
    client = desk.browser(desk.officer)
    for _ in range(3):
        new_order(desk)
    client.get("/operations/orders/")
    with compare("operations:workorder_list"):
        client.get("/operations/orders/")
    for _ in range(12):
        new_order(desk)
    with compare("operations:workorder_list"):
        client.get("/operations/orders/")

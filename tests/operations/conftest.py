"""A small city, the companies that mend it, and their people."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client

from govnet.accounts.models import User
from govnet.inventory.models import Contractor
from tests.city import City, build_city
from tests.people import person


@dataclass(frozen=True)
class Desk:
    city: City
    telecom: Contractor
    mobile: Contractor
    officer: User
    telecom_man: User
    mobile_man: User
    unit_contact: User
    stranger: User

    def browser(self, user: User) -> Client:
        client = Client()
        client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        return client


@pytest.fixture
def desk(db: None) -> Desk:
    city = build_city()
    telecom = Contractor.objects.create(name="telecom", kind="carrier", carrier=city.access.carrier)
    mobile = Contractor.objects.create(name="mobile", kind="maintainer")
    made = Desk(
        city,
        telecom,
        mobile,
        person("officer", "duty_officer", whole_site=True),
        person("telecom-man", "contractor"),
        person("mobile-man", "contractor"),
        person("unit-contact", "unit_contact", units=[city.unit_east]),
        person("stranger", "duty_officer", regions=[city.west]),
    )
    made.telecom_man.contractors.set([telecom])
    made.mobile_man.contractors.set([mobile])
    return made

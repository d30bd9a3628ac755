"""Numbers are grouped alike in both languages, where a template asks for it and nowhere else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django import forms
from django.template import Context, Template
from django.test import Client
from django.urls import reverse
from django.utils import translation

from govnet.inventory.models import BandwidthChange, Circuit
from tests.city import build_city
from tests.people import person

LANGUAGES = pytest.mark.parametrize("language", ["zh-hans", "en"])


@LANGUAGES
def test_groups_stand_where_they_are_asked_for(language: str) -> None:
    text = (
        "{% load humanize %}{{ n|intcomma }} {{ d|intcomma }} {{ d|floatformat:'2g' }}"
        " {{ n }} {{ d }}<a data-n='{{ n }}'>"
    )
    with translation.override(language):
        shown = Template(text).render(Context({"n": 3450000, "d": Decimal("3450000.00")}))
    grouped = "3,450,000 3,450,000.00 3,450,000.00"
    assert shown == f"{grouped} 3450000 3450000.00<a data-n='3450000'>"


@LANGUAGES
def test_a_form_takes_and_shows_amounts_without_groups(language: str) -> None:
    class Form(forms.Form):
        amount = forms.DecimalField(max_digits=12, decimal_places=2)

    with translation.override(language):
        assert 'value="3450000.00"' in str(Form(initial={"amount": Decimal("3450000.00")}))
        assert Form({"amount": "3450000.00"}).is_valid()


@pytest.mark.django_db
@LANGUAGES
def test_a_circuits_page_groups_money_and_rates_but_no_port_or_address(
    client: Client, language: str
) -> None:
    city = build_city()
    Circuit.objects.filter(pk=city.egress.pk).update(monthly_rent=Decimal(12_500))
    BandwidthChange.objects.filter(circuit=city.egress).update(mbps=40_000)
    client.force_login(person("chief", "administrator", whole_site=True))
    client.cookies["govnet_language"] = language
    page = client.get(city.egress.get_absolute_url()).content.decode()
    assert "12,500.00" in page
    assert page.count("40,000") >= 2  # in force, and its row of history
    listed = client.get(reverse("inventory:circuit_list")).content.decode()
    assert "40,000" in listed
    edited = client.get(reverse("inventory:circuit_edit", args=[city.egress.pk])).content.decode()
    assert 'value="12500.00"' in edited
    assert 'value="40000"' in edited
    city.device.snmp_port = 10161
    city.device.save()
    assert "10161" in client.get(city.device.get_absolute_url()).content.decode()

"""A carrier's or contractor's person sees what concerns that company, and nothing else."""

from __future__ import annotations

from typing import ClassVar

import pytest
from django.db import models
from django.test.utils import isolate_apps

from govnet.core.querysets import RestrictedQuerySet, scopes
from govnet.core.scope import inside_scope
from govnet.inventory.models import Contractor, Region, Unit
from tests.people import person

pytestmark = pytest.mark.django_db


def test_rows_of_ones_own_contractor_are_in_scope_and_no_others() -> None:
    mine = Contractor.objects.create(name="mine", kind="builder")
    other = Contractor.objects.create(name="other", kind="builder")
    worker = person("worker", "contractor")
    worker.contractors.add(mine)
    region = Region.objects.create(code="430600", name="city", level="city")
    officer = person("officer", regions=[region])
    with isolate_apps("tests"):

        class Job(models.Model):
            region_lookups: ClassVar[tuple[str, ...]] = ("region",)
            contractor_lookups: ClassVar[tuple[str, ...]] = ("contractor",)

            region = models.ForeignKey(Region, models.CASCADE, related_name="+")
            contractor = models.ForeignKey(Contractor, models.CASCADE, related_name="+")

            objects = RestrictedQuerySet["Job"].as_manager()

            class Meta:
                app_label = "tests"

        assert inside_scope(Job(region=region, contractor=mine), worker)
        assert not inside_scope(Job(region=region, contractor=other), worker)
        assert inside_scope(Job(region=region, contractor=other), officer)
        sql = str(Job.objects.restrict(worker).query)
        assert f'"contractor_id" IN ({mine.pk})' in sql
        assert "region_id" not in sql.split("WHERE", 1)[1]  # no region is granted


def test_only_the_kinds_of_scope_that_a_model_has_are_asked_for() -> None:
    worker = person("worker", "contractor")
    found = scopes(Unit, worker)
    assert [paths for paths, _ids in found] == [("region",), ("pk",)]
    assert "scope_contractor_ids" not in vars(worker)
    assert Unit.objects.restrict(worker).count() == 0

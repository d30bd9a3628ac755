"""Inherited by one case per model, which declares data and gets these tests."""

from __future__ import annotations

import csv
import io
from typing import Any, ClassVar

import pytest
from auditlog.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from govnet.core.forms import ObjectForm
from govnet.core.registry import Resource, get_resource
from tests.core.world import Importer, World, body
from tests.query_counts import compare

pytestmark = pytest.mark.django_db


class ObjectCase:
    """Permission, scope, form, bulk, export and import tests of one model.

    Attributes:
        model: the model.
        form_data: what a person types to add an object in the east; formsets may be left out.
        edit: fields of ``form_data`` that the edit test types anew.
        csv_data: header and rows that add objects in the east.
        csv_bad: rows that must be refused, each with the column and a part of the rule.
        bulk_edit_data: values that bulk edit sets.
        common: everybody sees every object of this model.
    """

    model: ClassVar[type[Any]]
    form_data: ClassVar[dict[str, Any]]
    edit: ClassVar[dict[str, Any]]
    csv_data: ClassVar[list[str]]
    csv_bad: ClassVar[list[tuple[str, str, str]]]
    bulk_edit_data: ClassVar[dict[str, Any]]
    common: ClassVar[bool] = False

    @property
    def resource(self) -> Resource:
        return get_resource(self.model)

    def formsets(self, *, existing: int = 0) -> dict[str, str]:
        """The management data of empty formsets."""
        data = {}
        for inline in self.resource.inlines:
            prefix = inline.model._meta.model_name
            data[f"{prefix}-TOTAL_FORMS"] = "0"
            data[f"{prefix}-INITIAL_FORMS"] = "0"
        return data

    def make_more(self, world: World, number: int) -> list[Any]:
        """More objects in the east, for tests of numbers; secrets and unique values differ."""
        raise NotImplementedError

    # ---- Lists -------------------------------------------------------------------------

    def test_the_list_shows_what_lies_in_scope_and_nothing_else(self, world: World) -> None:
        mine = world.of(self.model)
        text = world.client(world.owner).get(self.resource.url("list")).content.decode()
        assert getattr(mine, "name", str(mine)) in text
        assert "west-" not in text

    def test_a_stranger_sees_nothing_of_it_on_any_page(self, world: World) -> None:
        mine = world.of(self.model)
        client, resource = world.client(world.stranger), self.resource
        pages = [
            resource.url("list"),
            f"{resource.url('list')}?q=east",
            f"{resource.url('export')}?format=csv",
            f"{resource.url('export')}?format=csv&columns=all",
            f"{resource.url('choices')}?q=east",
            resource.url("add"),
            resource.url("import"),
        ]
        for page in pages:
            answer = client.get(page)
            assert answer.status_code == 200
            # The search box repeats what was typed; nothing else may hold the mark.
            assert "east-" not in body(answer).decode(), page
        if not self.common:
            for action in ("", "edit", "delete"):
                assert client.get(resource.url(action, mine.pk)).status_code == 404

    def test_without_the_permission_every_page_is_forbidden(self, world: World) -> None:
        mine = world.of(self.model)
        client, resource = world.client(world.nobody), self.resource
        for action in ("list", "add", "import", "export", "choices"):
            assert client.get(resource.url(action)).status_code == 403
        for action in ("", "edit", "delete"):
            assert client.get(resource.url(action, mine.pk)).status_code == 403
        for action in ("bulk_edit", "bulk_delete"):
            assert client.post(resource.url(action), {"pk": mine.pk}).status_code == 403

    def test_nobody_sees_a_page_before_signing_in(self, world: World) -> None:
        mine = world.of(self.model)
        for url in (self.resource.url("list"), self.resource.url("", mine.pk)):
            answer = Client().get(url)
            assert answer.status_code == 302
            assert "sign-in" in answer["Location"]

    def test_htmx_gets_the_table_alone_from_the_same_url(self, world: World) -> None:
        answer = world.client(world.owner).get(
            self.resource.url("list"), headers={"HX-Request": "true"}
        )
        assert b"<html" not in answer.content
        assert b"<table" in answer.content
        assert "HX-Request" in answer["Vary"]

    def test_every_column_can_be_shown_and_sorted_by(self, world: World) -> None:
        client, label = world.client(world.owner), self.resource.label
        names = [name for name, _label in self.resource.table.choices(self.model)]
        client.post(f"/core/lists/{label}/columns/", {"columns": names, "per_page": 50})
        for name in names:
            answer = client.get(f"{self.resource.url('list')}?sort=-{name}&q=")
            assert answer.status_code == 200
            mine = world.of(self.model)
            assert getattr(mine, "name", str(mine)) in answer.content.decode()

    def test_the_list_needs_the_queries_of_the_baseline(self, world: World) -> None:
        self.make_more(world, 3)
        client, url = world.client(world.owner), self.resource.url("list")
        client.get(url)
        name = f"{self.model._meta.app_label}:{self.model._meta.model_name}_list"
        with compare(name):
            client.get(url)
        with CaptureQueriesContext(connection) as few:
            client.get(url)
        self.make_more(world, 15)
        with CaptureQueriesContext(connection) as many:
            client.get(url)
        assert len(many) == len(few)

    # ---- One object --------------------------------------------------------------------

    def test_the_page_of_an_object_shows_it_with_its_history(self, world: World) -> None:
        mine, client = world.of(self.model), world.client(world.owner)
        mine.notes = "seen-in-history"
        mine.save()
        page = client.get(self.resource.url("", mine.pk))
        assert str(mine) in page.content.decode()
        past = client.get(f"{self.resource.url('', mine.pk)}?tab=history").content.decode()
        assert "seen-in-history" in past

    def test_an_object_is_added_by_the_form_and_audited(self, world: World) -> None:
        before = self.model.objects.count()
        answer = world.client(world.owner).post(
            self.resource.url("add"), {**self.formsets(), **self.form_data}
        )
        assert answer.status_code == 302, _errors(answer)
        assert self.model.objects.count() == before + 1
        made = self.model.objects.order_by("-pk")[0]
        entry = LogEntry.objects.get_for_object(made).get(action=LogEntry.Action.CREATE)
        assert entry.actor == world.owner

    def test_a_wrong_form_keeps_what_was_typed(self, world: World) -> None:
        before = self.model.objects.count()
        required = next(n for n, f in self._form(world).fields.items() if f.required)
        data = {**self.formsets(), **self.form_data, required: "", "notes": "typed-and-kept"}
        answer = world.client(world.owner).post(self.resource.url("add"), data)
        assert answer.status_code == 422
        assert "typed-and-kept" in answer.content.decode()
        assert answer.context["form"].errors[required]
        assert self.model.objects.count() == before

    def _form(self, world: World) -> ObjectForm:
        return self.resource.form(user=world.owner)

    def test_a_colleague_may_look_but_not_write(self, world: World) -> None:
        mine, client, resource = world.of(self.model), world.client(world.colleague), self.resource
        if self.model._meta.model_name == "credential":
            return  # not even to be seen by duty officers
        assert client.get(resource.url("", mine.pk)).status_code == 200
        assert client.get(resource.url("add")).status_code == 403
        assert client.get(resource.url("import")).status_code == 403
        assert client.post(resource.url("edit", mine.pk), self.form_data).status_code == 403
        assert client.post(resource.url("delete", mine.pk)).status_code == 403
        assert client.post(resource.url("bulk_edit"), {"pk": mine.pk}).status_code == 403
        page = client.get(resource.url("list")).content.decode()
        assert resource.url("add") not in page

    def test_an_object_is_edited_by_the_form(self, world: World) -> None:
        client = world.client(world.owner)
        client.post(self.resource.url("add"), {**self.formsets(), **self.form_data})
        made = self.model.objects.order_by("-pk")[0]
        data = {**self.formsets(), **self.form_data, **self.edit}
        answer = client.post(self.resource.url("edit", made.pk), data)
        assert answer.status_code == 302, _errors(answer)
        fresh = self.model.objects.get(pk=made.pk)
        for name, value in self.edit.items():
            assert str(getattr(fresh, name)) == value

    def test_a_change_by_another_person_meanwhile_is_not_overwritten(self, world: World) -> None:
        mine, client = world.of(self.model), world.client(world.owner)
        url = self.resource.url("edit", mine.pk)
        version = client.get(url).context["version"]
        mine.notes = "by another"
        mine.save()
        data = {**self.formsets(), **self.form_data, "loaded-version": version}
        assert client.post(url, data).status_code == 422
        assert self.model.objects.get(pk=mine.pk).notes == "by another"

    def test_an_object_is_deleted_after_confirmation(self, world: World) -> None:
        client = world.client(world.owner)
        client.post(self.resource.url("add"), {**self.formsets(), **self.form_data})
        made = self.model.objects.order_by("-pk")[0]
        assert client.get(self.resource.url("delete", made.pk)).status_code == 200
        assert self.model.objects.filter(pk=made.pk).exists()
        client.post(self.resource.url("delete", made.pk))
        assert not self.model.objects.filter(pk=made.pk).exists()
        deleted = LogEntry.objects.filter(action=LogEntry.Action.DELETE, object_id=made.pk)
        assert deleted.filter(actor=world.owner).exists()

    # ---- Bulk --------------------------------------------------------------------------

    def test_bulk_edit_changes_only_what_is_filled_in_and_audits_it(self, world: World) -> None:
        made = self.make_more(world, 3)
        keys = [item.pk for item in made]
        client, url = world.client(world.owner), self.resource.url("bulk_edit")
        assert client.post(url, {"pk": keys}).status_code == 200
        data = {f"bulk-{name}": value for name, value in self.bulk_edit_data.items()}
        answer = client.post(url, {"pk": keys, "apply": "1", "expected": "3", **data})
        assert answer.status_code == 302, answer.content.decode()[-3000:]
        for old in made:
            new = self.model.objects.get(pk=old.pk)
            for name, value in self.bulk_edit_data.items():
                assert str(getattr(new, name)) == value
            entry = LogEntry.objects.get_for_object(new).filter(action=LogEntry.Action.UPDATE)
            assert set(entry[0].changes) == set(self.bulk_edit_data)
            assert entry[0].actor == world.owner

    def test_bulk_edit_of_all_matching_stays_inside_the_scope(self, world: World) -> None:
        self.make_more(world, 2)
        outside = None if self.common else world.west.of(self.model)
        seen = self.resource.visible(world.owner).count()
        data = {f"bulk-{name}": value for name, value in self.bulk_edit_data.items()}
        answer = world.client(world.owner).post(
            self.resource.url("bulk_edit"), {"all": "1", "query": "", "apply": "1", **data}
        )
        assert answer.status_code == 302
        name, value = next(iter(self.bulk_edit_data.items()))
        changed = self.resource.visible(world.owner).filter(**{name: value}).count()
        assert changed == seen
        if outside is not None:
            assert str(getattr(self.model.objects.get(pk=outside.pk), name)) != value

    def test_bulk_actions_stop_when_the_selection_has_changed(self, world: World) -> None:
        keys = [item.pk for item in self.make_more(world, 2)]
        data = {f"bulk-{name}": value for name, value in self.bulk_edit_data.items()}
        world.client(world.owner).post(
            self.resource.url("bulk_edit"), {"pk": keys, "apply": "1", "expected": "3", **data}
        )
        name, value = next(iter(self.bulk_edit_data.items()))
        assert not self.model.objects.filter(pk__in=keys, **{name: value}).exists()

    def test_bulk_delete_asks_first_and_leaves_other_scopes_alone(self, world: World) -> None:
        keys = [item.pk for item in self.make_more(world, 3)]
        client, url = world.client(world.owner), self.resource.url("bulk_delete")
        assert client.post(url, {"pk": keys}).status_code == 200
        assert self.model.objects.filter(pk__in=keys).count() == 3
        client.post(url, {"pk": keys, "confirm": "1", "expected": "3"})
        assert not self.model.objects.filter(pk__in=keys).exists()
        if not self.common:
            outside = world.west.of(self.model)
            client.post(url, {"pk": outside.pk, "confirm": "1"})
            assert self.model.objects.filter(pk=outside.pk).exists()

    # ---- Files -------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", ["csv", "xlsx"])
    @pytest.mark.parametrize("columns", ["", "all"])
    def test_an_export_imported_again_changes_nothing(
        self, world: World, importer: Importer, kind: str, columns: str
    ) -> None:
        self.make_more(world, 2)
        client = world.client(world.owner)
        url = f"{self.resource.url('export')}?format={kind}&columns={columns}"
        exported = body(client.get(url))
        run = importer.send(client, self.resource, exported, f"file.{kind}")
        assert (run.status, run.errors) == ("ready", [])
        assert (run.created_count, run.changed_count) == (0, 0)
        assert run.unchanged_count == self.resource.visible(world.owner).count()

    def test_rows_of_a_file_become_objects_and_can_be_undone(
        self, world: World, importer: Importer
    ) -> None:
        before, client = self.model.objects.count(), world.client(world.owner)
        rows = self.csv_data[1:]
        run = importer.send(client, self.resource, "\n".join(self.csv_data).encode())
        assert run.status == "ready", run.errors
        assert run.created_count == len(rows)
        assert self.model.objects.count() == before  # a check writes nothing
        run = importer.press(client, run, "apply")
        assert (run.status, run.message) == ("applied", "")
        assert self.model.objects.count() == before + len(rows)
        created = LogEntry.objects.filter(action=LogEntry.Action.CREATE, cid=f"import-{run.pk}")
        assert created.filter(actor=world.owner).count() >= len(rows)
        again = importer.send(client, self.resource, "\n".join(self.csv_data).encode())
        assert (again.created_count, again.changed_count) == (0, 0)
        run = importer.press(client, run, "undo")
        assert (run.status, run.message) == ("undone", "")
        assert self.model.objects.count() == before

    def test_a_bad_row_is_named_and_nothing_is_written(
        self, world: World, importer: Importer
    ) -> None:
        header, *rows = self.csv_data
        for line, column, rule in self.csv_bad:
            text = "\n".join([header, *rows, line])
            run = importer.send(world.client(world.owner), self.resource, text.encode())
            assert run.status == "rejected"
            number = len(rows) + 2
            found = [(e["row"], e["column"], e["rule"]) for e in run.errors]
            label = next((c.label for c in self.resource.columns if c.name == column), column)
            assert any(r == number and c == label and rule in t for r, c, t in found), found

    def test_headers_are_understood_in_both_languages_and_by_field_name(
        self, world: World, importer: Importer
    ) -> None:
        client = world.client(world.owner)
        for language in ("zh-hans", "en"):
            client.cookies["govnet_language"] = language
            exported = body(client.get(f"{self.resource.url('export')}?format=csv&columns=all"))
            run = importer.send(client, self.resource, exported)
            assert (run.status, run.errors, run.changed_count) == ("ready", [], 0)
        rows = list(csv.reader(io.StringIO(exported.decode("utf-8-sig"))))
        rows[0] = [column.name for column in self.resource.columns]
        text = io.StringIO()
        csv.writer(text, delimiter="\t").writerows(rows)
        run = importer.send(client, self.resource, text.getvalue())
        assert (run.status, run.errors, run.changed_count) == ("ready", [], 0)


def _errors(answer: Any) -> str:  # noqa: ANN401  # the test client's own kind of response
    form = answer.context and answer.context.get("form")
    return str(form.errors) if form else str(answer.status_code)

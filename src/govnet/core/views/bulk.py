"""Changing and deleting many objects: chosen rows or all that match, all or nothing."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from govnet.core.changes import StillReferencedError, delete_all, update_all
from govnet.core.forms import bulk_edit_form
from govnet.core.imports.filecolumns import cell_errors
from govnet.core.imports.rules import fields_of
from govnet.core.scope import inside_scope
from govnet.core.tables import field_label
from govnet.core.views.base import ListState, ObjectView
from govnet.core.views.objects import deletion_outlook

MAX_OBJECTS = 10_000
NAMES_SHOWN = 20


class BulkView(ObjectView):
    """What bulk edit and bulk delete share: which objects are meant."""

    template: ClassVar[str]

    def get(self, request: HttpRequest) -> HttpResponse:
        """A reload or a bookmark has no selection: back to the list."""
        del request
        return redirect(self.resource.url("list"))

    def selected(self) -> list[Any]:
        """The objects: the ticked rows, or with ``all`` every row of the filter."""
        post = self.request.POST
        if post.get("all"):
            rows = ListState(self.resource, self.request, QueryDict(post.get("query", ""))).rows
        else:
            keys = [int(key) for key in post.getlist("pk") if key.isdecimal() and len(key) < 19]
            rows = self.resource.rows(self.user).filter(pk__in=keys)
        return list(rows[: MAX_OBJECTS + 1])

    def refusal(self, objects: list[Any]) -> HttpResponse | None:
        """Back to the list when there is nothing to do, too much, or something else by now."""
        expected = self.request.POST.get("expected", "")
        if not objects:
            messages.warning(self.request, _("Select at least one row."))
        elif len(objects) > MAX_OBJECTS:
            messages.error(self.request, _("Select at most %d rows.") % MAX_OBJECTS)
        elif expected and expected != str(len(objects)):
            messages.error(
                self.request,
                _("The selection has changed from %(old)s to %(new)d rows; check it again.")
                % {"old": expected, "new": len(objects)},
            )
        else:
            return None
        query = self.request.POST.get("query", "")
        return redirect(f"{self.resource.url('list')}?{query}")

    def page(self, objects: list[Any], status: int = 200, **more: Any) -> HttpResponse:
        """The page that asks for confirmation with the number of objects."""
        post = self.request.POST
        context = self.context(
            count=len(objects),
            names=[str(item) for item in objects[:NAMES_SHOWN]],
            more=max(0, len(objects) - NAMES_SHOWN),
            keys=[] if post.get("all") else [item.pk for item in objects],
            all_matching=bool(post.get("all")),
            query=post.get("query", ""),
            **more,
        )
        return TemplateResponse(self.request, self.template, context, status=status)


class BulkEdit(BulkView):
    """Sets the same values on many objects."""

    actions: ClassVar[tuple[str, ...]] = ("change",)
    template = "core/bulk_edit.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        """The form; then the change."""
        objects = self.selected()
        if (refusal := self.refusal(objects)) is not None:
            return refusal
        if "apply" not in request.POST:
            return self.page(objects, form=bulk_edit_form(self.resource, self.user))
        form = bulk_edit_form(self.resource, self.user, request.POST)
        if not form.is_valid():
            return self.page(objects, form=form, status=422)
        values = self._chosen(form)
        if not values:
            form.add_error(None, _("Fill in at least one field."))
            return self.page(objects, form=form, status=422)
        return self._apply(objects, values, form)

    def _apply(self, objects: list[Any], values: dict[str, Any], form: Form) -> HttpResponse:
        pairs, errors = [], []
        for instance in objects:
            before = copy.copy(instance)
            problems = self._set(instance, values)
            errors += [(str(before), label, message) for label, message in problems.items()]
            pairs.append((before, instance))
        if errors:
            return self.page(
                [b for b, _a in pairs],
                form=form,
                object_errors=errors[:200],
                error_total=len(errors),
                status=422,
            )
        try:
            with transaction.atomic():
                update_all(pairs, values)
        except IntegrityError:
            form.add_error(None, _("Several objects would have the same unique values."))
            return self.page([before for before, _new in pairs], form=form, status=422)
        number = len(objects)
        messages.success(
            self.request,
            ngettext("%d object changed.", "%d objects changed.", number) % number,
        )
        return redirect(f"{self.resource.url('list')}?{self.request.POST.get('query', '')}")

    def _set(self, instance: Any, values: dict[str, Any]) -> dict[str, str]:
        """Set the values on one object; the rules that it would then break, by field label."""
        for name, value in values.items():
            setattr(instance, name, value)
        untouched = {f.name for f in instance._meta.concrete_fields if f.name not in values}
        try:
            instance.clean_fields(exclude=untouched)
            instance.clean()
            for constraint in instance._meta.constraints:
                if fields_of(constraint) & values.keys():
                    constraint.validate(type(instance), instance)
        except ValidationError as error:
            return {
                field_label(self.resource.model, None, name) if name else "": message
                for name, message in cell_errors(error).items()
            }
        if not inside_scope(instance, self.user):
            return {"": _("would lie outside your regions and units")}
        return {}

    def _chosen(self, form: Form) -> dict[str, Any]:
        """The fields that were filled in or cleared."""
        values: dict[str, Any] = {}
        for name in self.resource.bulk_edit:
            value = form.cleaned_data.get(name)
            if form.cleaned_data.get(f"clear_{name}"):
                model_field: Any = self.resource.model._meta.get_field(name)
                values[name] = None if model_field.null else ""
            elif value not in (None, ""):
                values[name] = value
        return values


class BulkDelete(BulkView):
    """Deletes many objects."""

    actions: ClassVar[tuple[str, ...]] = ("delete",)
    template = "core/bulk_delete.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        """What would go; then the deletion."""
        objects = self.selected()
        if (refusal := self.refusal(objects)) is not None:
            return refusal
        if "confirm" in request.POST:
            try:
                number = delete_all(objects)
            except StillReferencedError:
                return self._outlook(objects, status=409)
            messages.success(
                request, ngettext("%d object deleted.", "%d objects deleted.", number) % number
            )
            return redirect(f"{self.resource.url('list')}?{request.POST.get('query', '')}")
        return self._outlook(objects)

    def _outlook(self, objects: list[Any], status: int = 200) -> HttpResponse:
        goes, blocks, hidden = deletion_outlook(objects, self)
        return self.page(
            objects,
            status=status,
            goes=goes,
            blocks=blocks,
            hidden=hidden,
            blocked=bool(blocks or hidden),
        )

"""One object: its page, its form, its deletion, its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from operator import attrgetter
from typing import Any, ClassVar

from auditlog import get_logentry_model
from django.contrib import messages
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db import models, transaction
from django.db.models import Model, Q, QuerySet
from django.forms.models import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from tree_queries.models import TreeNode

from govnet.accounts.models import User
from govnet.core import panels
from govnet.core.changes import StillReferencedError, consequences, delete_all
from govnet.core.columns import extra_columns
from govnet.core.forms import InlineFormSet, inline_formset
from govnet.core.registry import (
    Inline,
    Related,
    Resource,
    find_resource,
    get_resource,
    hidden_fields,
)
from govnet.core.tables import ObjectTable, field_label
from govnet.core.views.base import ObjectView, render

RELATED_ROWS = 25
HISTORY_ROWS = 100


class SingleObjectView(ObjectView):
    """A page about one object; outside of the person's scope there is none."""

    def get_object(self, pk: int) -> Any:
        """The object.

        Raises:
            Http404: it does not exist or lies outside of the person's scope.
        """
        found = self.resource.rows(self.user).filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def trail(self, instance: Any) -> list[tuple[str, str]]:
        """The breadcrumb: regions above the object, each with its page if it may be seen."""
        node = instance if isinstance(instance, TreeNode) else _region_of(self.resource, instance)
        if node is None:
            return []
        regions = get_resource(type(node))
        include_self = node is not instance
        above = list(type(node)._default_manager.ancestors(node, include_self=include_self))
        seen = self.user.has_perm(regions.permission("view"))
        scope = None if self.user.sees_everything else self.user.scope_region_ids
        return [
            (str(r), regions.url("", r.pk) if seen and (scope is None or r.pk in scope) else "")
            for r in above
        ]


def _region_of(resource: Resource, instance: Any) -> Any:
    if not resource.region:
        return None
    try:
        return attrgetter(resource.region)(instance)
    except AttributeError:  # an optional reference on the way is empty
        return None


@dataclass(frozen=True, slots=True)
class Shown:
    """One field on an object's page."""

    label: str | Promise
    value: Any
    url: str = ""
    empty: bool = False


@dataclass(slots=True)
class RelatedTable:
    """Other objects on an object's page."""

    title: str
    table: ObjectTable
    total: int
    add_url: str
    all_url: str
    most: int = RELATED_ROWS


class ObjectDetail(SingleObjectView):
    """The page of an object."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Fields, panels and related objects; or the history."""
        instance = self.get_object(pk)
        tab = "history" if request.GET.get("tab") == "history" else "overview"
        context = self.context(object=instance, tab=tab, trail=self.trail(instance))
        if tab == "history":
            context["entries"] = history(self.resource, instance, self.user)
        else:
            hidden = hidden_fields(self.resource.model, self.user)
            context["fields"] = [
                self._shown(instance, name) for name in self.resource.detail if name not in hidden
            ]
            context["panels"] = panels.render(request, instance)
            context["related"] = [
                table
                for related in self.resource.related
                if (table := self._related(instance, related)) is not None
            ]
            context["inlines"] = [self._children(instance, i) for i in self.resource.inlines]
        return render(request, "core/detail.html", "core/partials/detail.html", context)

    def _shown(self, instance: Any, name: str) -> Shown:
        label = field_label(self.resource.model, self.resource.table, name)
        value = getattr(instance, name)
        if name in getattr(instance, "SECRET_FIELDS", ()):
            return Shown(label, _("stored") if value else "", empty=not value)
        if isinstance(value, Model):
            return Shown(label, value, self._link(value))
        if isinstance(value, bool):
            return Shown(label, _("yes") if value else _("no"))
        if isinstance(value, datetime):
            return Shown(label, localize(timezone.localtime(value)))
        if isinstance(value, date | time):
            return Shown(label, localize(value))
        return Shown(label, _plain(instance, name), empty=value in (None, ""))

    def _link(self, target: Model) -> str:
        try:
            resource = get_resource(type(target))
        except KeyError:
            return ""
        allowed = self.user.has_perm(resource.permission("view"))
        visible = allowed and resource.visible(self.user).filter(pk=target.pk).exists()
        return resource.url("", target.pk) if visible else ""

    def _related(self, instance: Any, related: Related) -> RelatedTable | None:
        resource = get_resource(related.model)
        if not self.user.has_perm(resource.permission("view")):
            return None
        rows = resource.rows(self.user).filter(**{related.lookup: instance})
        extras = extra_columns(related.model)
        for extra in extras:
            if extra.annotate and extra.default:
                rows = extra.annotate(rows)
        shown = [n for n in resource.table.defaults(related.model) if n not in related.hide]
        total = rows.count()
        table = resource.table(
            rows[:RELATED_ROWS],
            shown=shown,
            selectable=False,
            orderable=False,
            exclude=hidden_fields(related.model, self.user),
        )
        may_add = self.user.has_perm(resource.permission("add")) and "__" not in related.lookup
        add_url = f"{resource.url('add')}?{related.lookup}={instance.pk}" if may_add else ""
        listed = related.lookup in resource.filterset.base_filters
        all_url = f"{resource.url('list')}?{related.lookup}={instance.pk}" if listed else ""
        return RelatedTable(resource.plural, table, total, add_url, all_url)

    def _children(self, instance: Any, inline: Inline) -> dict[str, Any]:
        """Rows that are edited with the object, as plain values."""
        parent = _parent_field(inline.model, self.resource.model)
        rows = inline.model._default_manager.filter(**{parent: instance})
        labels = [str(inline.model._meta.get_field(name).verbose_name) for name in inline.fields]  # type: ignore[union-attr]  # concrete
        values = [[_plain(row, name) for name in inline.fields] for row in rows]
        return {"title": inline.title, "labels": labels, "rows": values}


def _plain(row: Any, name: str) -> Any:
    """A value as people read it: a choice by its words, money and rates in groups of three.

    Other whole numbers are years, ports and identifiers: those have no thousands.
    """
    display = getattr(row, f"get_{name}_display", None)
    value = display() if display else getattr(row, name)
    if isinstance(value, Decimal):
        return f"{value:,f}"
    return f"{value:,}" if isinstance(value, int) and name.endswith("mbps") else value


def _parent_field(child: type[Model], parent: type[Model]) -> str:
    return next(f.name for f in child._meta.concrete_fields if f.related_model is parent)


# ---- History ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change of an object or of its children, for people."""

    entry: Any
    about: str
    changes: list[tuple[str, str, str]]


def history(resource: Resource, instance: Model, user: User) -> list[HistoryEntry]:
    """The newest changes of an object and of the rows that are edited with it."""
    hidden = hidden_fields(resource.model, user)
    kind = ContentType.objects.get_for_model(instance)
    mine = Q(content_type=kind, object_id=instance.pk)
    for inline in resource.inlines:
        child = ContentType.objects.get_for_model(inline.model)
        mine |= Q(content_type=child, additional_data__parent=instance.pk)
    entries: QuerySet[Any] = get_logentry_model().objects.filter(mine)
    entries = entries.select_related("actor", "content_type").order_by("-timestamp", "-pk")
    return [_history_entry(entry, kind, hidden) for entry in entries[:HISTORY_ROWS]]


def _history_entry(entry: Any, kind: ContentType, hidden: frozenset[str]) -> HistoryEntry:
    model = entry.content_type.model_class()
    about = "" if entry.content_type_id == kind.pk else str(model._meta.verbose_name)
    changes = []
    for name, values in (entry.changes or {}).items():
        if name not in hidden and isinstance(values, list) and len(values) == 2:
            old, new = (_said(model, name, value) for value in values)
            changes.append((field_label(model, None, name), old, new))
    return HistoryEntry(entry, about, sorted(changes))


def _said(model: type[Model], name: str, value: Any) -> str:
    """A stored value of the audit trail as people say it."""
    text = "" if value in (None, "None") else str(value)
    try:
        model_field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        return text
    if text and isinstance(model_field, models.ForeignKey) and text.isdigit():
        target = model_field.related_model._base_manager.filter(pk=int(text)).first()
        return str(target or text)
    if isinstance(model_field, models.BooleanField):
        return {"True": _("yes"), "False": _("no")}.get(text, text)
    return str(dict(model_field.flatchoices).get(text, text))


# ---- Forms --------------------------------------------------------------------------------


class ObjectEdit(SingleObjectView):
    """The form of a new or an existing object, with its children."""

    actions: ClassVar[tuple[str, ...]] = ("change",)

    def load(self, pk: int | None) -> Any:
        """The object to edit; a blank one without an id."""
        return self.resource.model() if pk is None else self.get_object(pk)

    def get(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """The form."""
        instance = self.load(pk)
        initial = (
            {name: _as_id(str(value)) for name, value in request.GET.items()} if not pk else {}
        )
        form = self.resource.form(instance=instance, user=self.user, initial=initial)
        formsets = [inline_formset(self.resource, i, instance) for i in self.resource.inlines]
        return self._page(instance, form, formsets)

    def post(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """Save, or show the form again with what was typed."""
        instance = self.load(pk)
        form = self.resource.form(request.POST, instance=instance, user=self.user)
        formsets = [
            inline_formset(self.resource, inline, instance, request.POST)
            for inline in self.resource.inlines
        ]
        # Every part is validated, so that all errors show at once.
        valid = all([form.is_valid(), *(formset.is_valid() for formset in formsets)])
        if pk is not None and request.POST.get("loaded-version") not in (None, _version(instance)):
            form.add_error(
                None,
                _("Somebody else changed this object meanwhile. Compare and save again."),
            )
            valid = False
        if not valid:
            return self._page(instance, form, formsets, status=422)
        with transaction.atomic():
            saved = form.save()
            for formset in formsets:
                formset.instance = saved
                formset.save()
        messages.success(request, _("“%s” saved.") % saved)
        if "another" in request.POST:
            return redirect(request.get_full_path())
        return redirect(self.resource.url("", saved.pk))

    def _page(
        self,
        instance: Any,
        form: ModelForm[Any],
        formsets: list[InlineFormSet],
        status: int = 200,
    ) -> HttpResponse:
        inlines = list(zip(self.resource.inlines, formsets, strict=True))
        context = self.context(
            object=instance if instance.pk else None,
            form=form,
            inlines=inlines,
            version=_stored_version(self.resource, instance),
            trail=self.trail(_stored(self.resource, instance)) if instance.pk else [],
        )
        return TemplateResponse(self.request, "core/form.html", context, status=status)


class ObjectAdd(ObjectEdit):
    """The form of a new object."""

    actions: ClassVar[tuple[str, ...]] = ("add",)


def _as_id(text: str) -> int | str:
    return int(text) if text.isdecimal() and len(text) < 19 else text


def _version(instance: Any) -> str:
    moment = getattr(instance, "updated_at", None)
    return moment.isoformat() if moment else ""


def _stored(resource: Resource, instance: Model) -> Any:
    """The object as it is in the database: the form has put the typed values on the other."""
    return resource.all().get(pk=instance.pk)


def _stored_version(resource: Resource, instance: Model) -> str:
    return _version(_stored(resource, instance)) if instance.pk else ""


class ObjectDelete(SingleObjectView):
    """Deletion of one object after saying what goes with it."""

    actions: ClassVar[tuple[str, ...]] = ("delete",)

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What would go, or why it cannot."""
        del request
        instance = self.get_object(pk)
        return self._page(instance, *deletion_outlook([instance], self))

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Delete."""
        instance = self.get_object(pk)
        name = str(instance)
        try:
            delete_all([instance])
        except StillReferencedError:
            return self._page(instance, *deletion_outlook([instance], self), status=409)
        messages.success(request, _("“%s” deleted.") % name)
        return redirect(self.resource.url("list"))

    def _page(
        self, instance: Any, goes: list[Any], blocks: list[Any], hidden: int, status: int = 200
    ) -> HttpResponse:
        context = self.context(
            object=instance,
            goes=goes,
            blocks=blocks,
            hidden=hidden,
            blocked=bool(blocks or hidden),
            trail=self.trail(instance),
        )
        return TemplateResponse(self.request, "core/delete.html", context, status=status)


def deletion_outlook(
    objects: list[Any], view: ObjectView
) -> tuple[list[tuple[str, int]], list[tuple[str, Model, str]], int]:
    """What a deletion would take along and what stands against it.

    Returns:
        kinds and numbers of what goes too; what protects the objects, as far as the person
        may see it, with links; how much more protects them outside of the person's scope.
    """
    try:
        gone = consequences(objects)
    except StillReferencedError as error:
        return ([], *_blocks(error, view))
    ledger = {
        model: items for model, items in gone.items() if find_resource(model._meta.label_lower)
    }
    return [(str(m._meta.verbose_name_plural), len(items)) for m, items in ledger.items()], [], 0


def _blocks(
    error: StillReferencedError, view: ObjectView, limit: int = 20
) -> tuple[list[tuple[str, Model, str]], int]:
    referrers = {(type(r), r.pk): r for obstacle in error.obstacles for r in obstacle.referrers}
    shown: list[tuple[str, Model, str]] = []
    for (model, pk), item in list(referrers.items())[:limit]:
        resource = find_resource(model._meta.label_lower)
        if resource is None:
            continue
        allowed = view.user.has_perm(resource.permission("view"))
        if allowed and resource.visible(view.user).filter(pk=pk).exists():
            shown.append((str(resource.name), item, resource.url("", pk)))
    return shown, len(referrers) - len(shown)

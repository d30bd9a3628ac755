"""The objects of the product, declared as data; the generic views do the rest.

``docs/explanation/adding-an-object.md`` shows the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db.models import ForeignKey, Model, QuerySet
from django.urls import reverse
from django.utils.functional import Promise

from govnet.core.imports.filecolumns import FileColumn, column_for
from govnet.core.naturalkeys import NaturalKey

if TYPE_CHECKING:
    from django.forms import ModelForm

    from govnet.core.filters import ObjectFilterSet
    from govnet.core.forms import ObjectForm
    from govnet.core.querysets import Viewer
    from govnet.core.tables import ObjectTable


@dataclass(frozen=True, slots=True)
class Inline:
    """Children edited on the page of their parent."""

    model: type[Model]
    fields: tuple[str, ...]
    title: str | Promise
    help_text: str | Promise = ""
    form: type[ModelForm[Any]] | None = None


@dataclass(frozen=True, slots=True)
class Related:
    """A table of other objects on an object's page.

    Attributes:
        model: a registered model.
        lookup: the path from that model to the object whose page it is.
        hide: columns that would repeat the page's own object.
    """

    model: type[Model]
    lookup: str
    hide: tuple[str, ...] = ()


def _unchanged(queryset: QuerySet[Any]) -> QuerySet[Any]:
    return queryset


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One kind of object: a model, a table, a filter set, a form, and how files name it.

    Attributes:
        key: what people call an object, in forms and in files.
        identity: names of file columns that identify a row; the first alternative whose
            columns the file has is used.
        search: lookup paths of the search box.
        file_columns: fields in the order of export files; a name or a ``FileColumn``.
        detail: fields on the object's page, in order.
        bulk_edit: fields that bulk edit offers.
        prepare: joins and annotations that rows need.
        region: attribute path from an object to its region, for the breadcrumb.
        picker: choose by typing, not from a drop-down, because there are many.
        private: named only to people who may view such objects, wherever others refer to them.
    """

    model: type[Model]
    table: type[ObjectTable]
    filterset: type[ObjectFilterSet]
    form: type[ObjectForm]
    key: NaturalKey
    identity: tuple[tuple[str, ...], ...]
    search: tuple[str, ...]
    file_columns: Sequence[str | FileColumn]
    detail: tuple[str, ...]
    bulk_edit: tuple[str, ...] = ()
    prepare: Callable[[QuerySet[Any]], QuerySet[Any]] = _unchanged
    region: str = ""
    related: tuple[Related, ...] = ()
    inlines: tuple[Inline, ...] = ()
    picker: bool = False
    private: bool = False
    columns: tuple[FileColumn, ...] = field(init=False)

    def __post_init__(self) -> None:
        bound = []
        for item in self.file_columns:
            column = column_for(item, self.model) if isinstance(item, str) else item
            column.bind(self.model)
            bound.append(column)
        object.__setattr__(self, "columns", tuple(bound))

    @property
    def label(self) -> str:
        """Key of the model: ``inventory.unit``."""
        return self.model._meta.label_lower

    @property
    def name(self) -> str | Promise:
        """One object, for people."""
        return self.model._meta.verbose_name or ""

    @property
    def plural(self) -> str:
        """Several objects, for people."""
        text = str(self.model._meta.verbose_name_plural)
        return text[:1].upper() + text[1:]

    def permission(self, action: str) -> str:
        """Django's permission for ``view``, ``add``, ``change`` or ``delete``."""
        meta = self.model._meta
        return f"{meta.app_label}.{action}_{meta.model_name}"

    def url(self, action: str = "", *args: object) -> str:
        """The page for an action (``list``, ``add``, ...); without one an object's page."""
        meta = self.model._meta
        suffix = f"_{action}" if action else ""
        return reverse(f"{meta.app_label}:{meta.model_name}{suffix}", args=args)

    def all(self) -> QuerySet[Any]:
        """Every object, in the model's order."""
        manager: Any = self.model._default_manager
        queryset: QuerySet[Any] = manager.all()
        return queryset

    def visible(self, user: Viewer) -> QuerySet[Any]:
        """Objects that a user may see."""
        restricted: Any = self.all()
        queryset: QuerySet[Any] = restricted.restrict(user)
        return queryset

    def rows(self, user: Viewer) -> QuerySet[Any]:
        """Objects that a user may see, with what tables and pages need of them."""
        return self.prepare(self.visible(user))

    def column(self, name: str) -> FileColumn | None:
        """The file column of a field."""
        return next((column for column in self.columns if column.name == name), None)


_resources: dict[type[Model], Resource] = {}


def register(resource: Resource) -> Resource:
    """Declare an object; its URLs come from ``govnet.core.urls.object_urls``."""
    _resources[resource.model] = resource
    return resource


def get_resource(model: type[Model]) -> Resource:
    """How a model was declared.

    Raises:
        KeyError: it was not.
    """
    return _resources[model]


def find_resource(label: str) -> Resource | None:
    """The resource of a model label such as ``inventory.unit``."""
    return next((item for item in _resources.values() if item.label == label), None)


def resources(app_label: str = "") -> list[Resource]:
    """Every declared object, or those of one app, in the order of declaration."""
    return [
        item
        for item in _resources.values()
        if not app_label or item.model._meta.app_label == app_label
    ]


def hidden_fields(model: type[Model], user: Viewer) -> frozenset[str]:
    """Fields that a user sees nowhere: they name private objects that he may not view."""
    references = [f for f in model._meta.concrete_fields if isinstance(f, ForeignKey)]
    targets = {f.name: _resources.get(f.related_model) for f in references}
    return frozenset(
        name
        for name, target in targets.items()
        if target and target.private and not user.has_perm(target.permission("view"))
    )

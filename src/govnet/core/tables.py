"""The one base of every list; a break of django-tables2 is repaired here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import django_tables2 as tables
from django.core.exceptions import FieldDoesNotExist
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from govnet.core.columns import extra_columns


class ObjectTable(tables.Table):
    """A list of objects: a box to select rows, columns that a person may choose.

    Attributes:
        default_columns: shown until the person chooses; columns of other apps are added.
    """

    default_columns: ClassVar[tuple[str, ...]] = ()

    selection = tables.CheckBoxColumn(
        accessor="pk",
        attrs={
            "th__input": {
                "data-select-all": True,
                "class": "form-check-input",
                "aria-label": _("Select all rows of this page"),
            },
            "input": {
                "name": "pk",
                "aria-label": _("Select this row"),
                "class": "form-check-input",
            },
            "td": {"class": "w-1"},
            "th": {"class": "w-1"},
        },
        orderable=False,
    )

    class Meta:
        attrs: ClassVar[dict[str, str]] = {"class": "table table-vcenter card-table"}
        template_name = "core/table.html"
        default = "—"
        order_by_field = "sort"

    def __init__(
        self,
        data: QuerySet[Any],
        *,
        shown: Sequence[str] = (),
        selectable: bool = True,
        **kwargs: Any,
    ) -> None:
        extras = extra_columns(data.model)
        kwargs.setdefault("order_by_field", "sort")
        super().__init__(
            data,
            extra_columns=[(extra.name, extra.column()) for extra in extras],
            sequence=self._order(extras, shown or self.defaults(data.model)),
            **kwargs,
        )
        chosen = set(shown or self.defaults(data.model))
        for name in self.columns.names():
            visible = selectable if name == "selection" else name in chosen
            if visible:
                self.columns.show(name)
            else:
                self.columns.hide(name)

    def _order(self, extras: Iterable[Any], shown: Sequence[str]) -> list[str]:
        known = {*self.base_columns, *(extra.name for extra in extras)}
        return ["selection", *(name for name in shown if name in known), "..."]

    @classmethod
    def defaults(cls, model: type[Any]) -> list[str]:
        """Names of the columns shown until the person chooses."""
        own = cls.default_columns or tuple(n for n in cls.base_columns if n != "selection")
        extras = [extra for extra in extra_columns(model) if extra.default]
        first = [extra.name for extra in extras if extra.first]
        return [*first, *own, *(extra.name for extra in extras if not extra.first)]

    @classmethod
    def choices(cls, model: type[Any]) -> list[tuple[str, str | Promise]]:
        """Every column with its header, for the column chooser."""
        columns = {**cls.base_columns, **{e.name: e.column() for e in extra_columns(model)}}
        return [
            (name, column.verbose_name or field_label(model, None, name))
            for name, column in columns.items()
            if name != "selection"
        ]


def field_label(model: type[Any], table: type[tables.Table] | None, name: str) -> str:
    """The label of a field, or of a column of the table that is no field."""
    try:
        text = str(model._meta.get_field(name).verbose_name)
    except (FieldDoesNotExist, AttributeError):
        column = table.base_columns.get(name) if table else None
        text = str(column.verbose_name) if column else name
    return text[:1].upper() + text[1:]


class LinkColumn(tables.Column):
    """The column that leads to the object's page."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(linkify=True, **kwargs)


class YesNoColumn(tables.Column):
    """Yes or no as words: a tick alone says nothing to a screen reader."""

    def render(self, value: object) -> str | Promise:
        """The word."""
        return _("yes") if value else _("no")

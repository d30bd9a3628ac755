"""Columns of import and export files: what a cell may hold and how an object shows it.

Every value that ``export`` writes is read back by ``parse`` as the same value, in whichever
of the site's languages it was written.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from govnet.core.naturalkeys import AmbiguousKeyError, KeyIndex, KeyNotFoundError

if TYPE_CHECKING:
    from govnet.core.querysets import Viewer

Cell = str | int | float | bool | date | datetime | time | Decimal | None

DANGEROUS = "=+-@\t\r'"
"""A cell that starts with one of these may be run as a formula by a spreadsheet."""

UNCHANGED: Any = object()
"""Parsed from a cell that asks for no change, such as an empty one in a column of secrets."""


class CellError(Exception):
    """A cell is wrong; the message is the rule that it breaks."""


def guard(text: str) -> str:
    """Make a text safe to open in a spreadsheet; ``unguard`` undoes it exactly."""
    return f"'{text}" if text[:1] and text[0] in DANGEROUS else text


def unguard(text: str) -> str:
    """The text that ``guard`` made safe; other texts as they are."""
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in DANGEROUS else text


def as_text(cell: Cell) -> str:
    """A cell as the person sees it, without outer white space.

    Raises:
        CellError: a number so long that the spreadsheet has lost digits.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float | int) and abs(cell) >= 1e15:
        raise CellError(
            _("is stored as a number too long to be exact; format the column as text and retype it")
        )
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime) and (cell.hour, cell.minute, cell.second) == (0, 0, 0):
        return cell.date().isoformat()
    # Guarded texts may begin with a tab, so the quote goes before the white space does.
    return normalise(unguard(str(cell)))


def normalise(text: str) -> str:
    """One kind of line end, no outer white space: as the ledger stores every text."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def languages_of(label: str | Promise) -> Iterator[str]:
    """A label in each language of the site."""
    for code, _name in settings.LANGUAGES:
        with override(code):
            yield str(label)


def fold(text: str) -> str:
    """A header or a choice, without regard to case, width, spaces and a mark of obligation."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().rstrip("*: ").split())


@dataclass(slots=True)
class Lookup:
    """Everything that parsing needs to know of the database, read once per run."""

    viewer: Viewer
    indexes: dict[type[Model], KeyIndex] = field(default_factory=dict)
    pending: KeyIndex = field(default_factory=KeyIndex)

    def index(self, model: type[Model]) -> KeyIndex:
        """The texts that name the objects of a model which the user may see."""
        from govnet.core.registry import get_resource  # it imports this module

        if model not in self.indexes:
            resource = get_resource(model)
            self.indexes[model] = resource.key.index(resource.visible(self.viewer))
        return self.indexes[model]


class FileColumn:
    """A column of a file that stands for one field of an object."""

    secret: ClassVar[bool] = False
    children: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        *,
        label: str | Promise = "",
        names: Iterable[str | Promise] = (),
        weak_names: Iterable[str] = (),
        required: bool | None = None,
    ) -> None:
        self.name = name
        self._label = label
        self._names = tuple(names)
        self.weak_names = tuple(weak_names)
        self._required = required
        self.field: Any = None

    def bind(self, model: type[Model]) -> None:
        """Take label, obligation and limits from the model's field."""
        self.field = model._meta.get_field(self.name)
        self._label = self._label or self.field.verbose_name
        if self._required is None:
            self._required = not self.field.blank and not self.field.has_default()

    @property
    def label(self) -> str:
        """The header in the language of the moment."""
        text = str(self._label)
        return text[:1].upper() + text[1:]

    @property
    def required(self) -> bool:
        """True when a new object must have a value."""
        return bool(self._required)

    def headers(self) -> set[str]:
        """Every header that means this column, folded."""
        found = {fold(self.name)}
        for label in (self._label, *self._names):
            found.update(fold(text) for text in languages_of(label))
        return found

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> Any:
        """The value that a cell stands for.

        Raises:
            CellError: the cell breaks a rule.
        """
        raise NotImplementedError

    def read(self, instance: Model) -> Any:
        """The object's value."""
        return getattr(instance, self.attribute)

    def write(self, instance: Model, value: Any) -> None:
        """Set the object's value."""
        setattr(instance, self.attribute, value)

    @property
    def attribute(self) -> str:
        """Where the object keeps the value."""
        return self.name

    def show(self, value: Any) -> str:
        """A value as text, for previews."""
        return "" if value is None else str(value)

    def export(self, instance: Model, lookup: Lookup) -> Cell:
        """The cell of an object in an export."""
        del lookup
        return guard(self.show(self.read(instance)))

    def prepare(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Add to a query what ``export`` reads."""
        return queryset


class TextColumn(FileColumn):
    """Plain text; also addresses, which the model's field brings to their usual form."""

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> str | None:
        """The text; an empty one is None where the field says so."""
        del lookup, instance
        text = as_text(cell)
        bad = next((char for char in text if is_control(char)), None)
        if bad is not None:
            raise CellError(_("holds the control character U+%04X") % ord(bad))
        limit = getattr(self.field, "max_length", None)
        if limit and len(text) > limit:
            raise CellError(_("is longer than %d characters") % limit)
        return None if not text and self.field.null else text


def is_control(char: str) -> bool:
    """True for what neither a screen nor a workbook can hold."""
    return unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t"


class SecretColumn(TextColumn):
    """A secret: may be written, is never read; an empty cell changes nothing."""

    secret = True

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> str | None:
        """The secret, or no change."""
        return super().parse(cell, lookup, instance) or UNCHANGED

    def show(self, value: Any) -> str:
        """Dots."""
        return "••••••" if value else ""

    def export(self, instance: Model, lookup: Lookup) -> Cell:
        """Nothing."""
        del instance, lookup
        return ""


class ChoiceColumn(FileColumn):
    """One of the field's choices, by its value or its word in any language."""

    def bind(self, model: type[Model]) -> None:
        """Collect the words."""
        super().bind(model)
        self._words: dict[str, str] | None = None

    def _known(self) -> dict[str, str]:
        if self._words is None:
            self._words = {fold(""): ""} if self.field.blank else {}
            for value, label in self.field.choices:
                for word in (str(value), *languages_of(label)):
                    self._words[fold(word)] = value
        return self._words

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> str:
        """The choice's value; an empty cell is the default, of an existing object no change."""
        del lookup
        text = as_text(cell)
        if not text and self.field.has_default():
            return UNCHANGED if instance.pk else str(self.field.get_default())
        value = self._known().get(fold(text))
        if value is None:
            offer = " / ".join(str(label) for _value, label in self.field.choices)
            raise CellError(_("must be one of: %s") % offer)
        return value

    def show(self, value: Any) -> str:
        """The choice's word."""
        return str(dict(self.field.flatchoices).get(value, value or ""))


class BooleanColumn(FileColumn):
    """Yes or no."""

    YES = frozenset({"1", "true", "yes", "y", "是", "√", "✓", "有"})
    NO = frozenset({"", "0", "false", "no", "n", "否", "×", "无"})

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> bool:
        """The truth."""
        del lookup, instance
        word = fold(as_text(cell))
        if word in self.YES | {fold(text) for text in languages_of(gettext_lazy("yes"))}:
            return True
        if word in self.NO | {fold(text) for text in languages_of(gettext_lazy("no"))}:
            return False
        raise CellError(_("must be yes or no"))

    def show(self, value: Any) -> str:
        """Yes or no."""
        return _("yes") if value else _("no")


class DateColumn(FileColumn):
    """A civil date."""

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> date | None:
        """The date; None when empty."""
        del lookup, instance
        return parse_date(cell)

    def export(self, instance: Model, lookup: Lookup) -> Cell:
        """A real date, which a spreadsheet can sort."""
        del lookup
        value: date | None = self.read(instance)
        return value


_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_EXCEL_DAYS = range(10_000, 100_000)
"""Serial days of Excel from 1927 to 2173: what a date without its format looks like."""


def parse_date(cell: Cell) -> date | None:
    """A date from a cell: a date, ``2026-11-23``, ``2026年11月23日``, ``20261123``.

    Raises:
        CellError: it is none of these.
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    if isinstance(cell, int | float) and int(cell) in _EXCEL_DAYS:
        from openpyxl.utils.datetime import from_excel

        serial = from_excel(cell)
        return serial.date() if isinstance(serial, datetime) else None
    text = unicodedata.normalize("NFKC", as_text(cell)).removesuffix(" 00:00:00")
    if not text:
        return None
    match = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    try:
        if match:
            return date(*(int(part) for part in match.groups()))
    except ValueError:
        pass
    raise CellError(_("is not a date such as 2026-11-23"))


class MinuteColumn(FileColumn):
    """A moment to the minute, written in the site's time zone."""

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> datetime | None:
        """The moment; None when empty."""
        del lookup, instance
        return parse_minute(cell)

    def read(self, instance: Model) -> datetime | None:
        """The moment without its seconds, so that writing and reading again changes nothing."""
        value: datetime | None = super().read(instance)
        return None if value is None else value.replace(second=0, microsecond=0)

    def show(self, value: Any) -> str:
        """As people write it."""
        return "" if value is None else f"{timezone.localtime(value):%Y-%m-%d %H:%M}"

    def export(self, instance: Model, lookup: Lookup) -> Cell:
        """As people write it: a spreadsheet knows no time zones."""
        del lookup
        return self.show(self.read(instance))


class TimeColumn(FileColumn):
    """A time of day to the minute."""

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> time | None:
        """The time; None when empty."""
        del lookup, instance
        return parse_time(cell)

    def show(self, value: Any) -> str:
        """As people write it."""
        return "" if value is None else f"{value:%H:%M}"

    def export(self, instance: Model, lookup: Lookup) -> Cell:
        """As people write it."""
        del lookup
        return self.show(self.read(instance))


_MINUTE = re.compile(r"(.+?)[ T日]\s*(\d{1,2})[::](\d{2})(?:[::]\d{2}(?:\.\d+)?)?")
_TIME = re.compile(r"(\d{1,2})[::](\d{2})(?:[::]00)?")


def parse_minute(cell: Cell) -> datetime | None:
    """A moment from a cell: a date with time, or ``2026-11-23 08:00``, in the site's time zone.

    Raises:
        CellError: it is neither.
    """
    if isinstance(cell, datetime):
        return timezone.make_aware(cell.replace(second=0, microsecond=0))
    text = unicodedata.normalize("NFKC", as_text(cell))
    if not text:
        return None
    match = _MINUTE.fullmatch(text)
    try:
        day = parse_date(match.group(1)) if match else None
        if match and day:
            moment = time(int(match.group(2)), int(match.group(3)))
            return timezone.make_aware(datetime.combine(day, moment))
    except (CellError, ValueError):
        pass
    raise CellError(_("is not a time such as 2026-11-23 08:00"))


def parse_time(cell: Cell) -> time | None:
    """A time of day from a cell: a time, or ``08:00``.

    Raises:
        CellError: it is neither.
    """
    if isinstance(cell, time):
        return cell.replace(second=0, microsecond=0)
    text = unicodedata.normalize("NFKC", as_text(cell))
    if not text:
        return None
    match = _TIME.fullmatch(text)
    try:
        if match:
            return time(int(match.group(1)), int(match.group(2)))
    except ValueError:
        pass
    raise CellError(_("is not a time of day such as 08:00"))


class NumberColumn(FileColumn):
    """A whole number or a decimal."""

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> Any:
        """The number; an empty cell is the default, of an existing object no change."""
        del lookup
        text = unicodedata.normalize("NFKC", as_text(cell)).replace(",", "").replace(" ", "")
        if not text and not self.field.has_default():
            return None
        if not text:
            return UNCHANGED if instance.pk else self.field.get_default()
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise CellError(_("is not a number")) from None
        if not number.is_finite() or abs(number) >= 10**15:
            raise CellError(_("is not a number"))
        return self._fit(number, exact=isinstance(cell, str))

    def _fit(self, number: Decimal, *, exact: bool) -> Decimal | int:
        places = getattr(self.field, "decimal_places", 0) or 0
        fitted = round(number, places)
        # A spreadsheet keeps 0.1 as a binary fraction: that error is not the person's.
        if fitted != number and (exact or abs(fitted - number) > Decimal("1e-6")):
            if places:
                raise CellError(_("has more than %d decimal places") % places)
            raise CellError(_("is not a whole number"))
        return fitted if places else int(fitted)

    def export(self, instance: Model, lookup: Lookup) -> Cell:
        """A real number, which a spreadsheet can sum."""
        del lookup
        value: Decimal | int | None = self.read(instance)
        return value


class ReferenceColumn(FileColumn):
    """Another object, by one of the texts that name it."""

    @property
    def attribute(self) -> str:
        """The column of the id."""
        return str(self.field.attname)

    @property
    def _to_itself(self) -> bool:
        return bool(self.field.related_model is self.field.model)

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> Any:
        """The id; for a row of the same file that does not exist yet, the object."""
        text = as_text(cell)
        if not text:
            return None
        current = self.read(instance) if instance.pk else None
        if current is not None and text == normalise(self._current_text(instance, lookup)):
            return current  # even outside the user's scope
        for index in (lookup.index(self.field.related_model), self._pending(lookup)):
            try:
                return index.find(text)
            except AmbiguousKeyError:
                raise CellError(_("“%s” names several; use the code") % text) from None
            except KeyNotFoundError:
                continue
        kind = self.field.related_model._meta.verbose_name
        raise CellError(
            _("no %(kind)s “%(text)s” in your scope") % {"kind": kind, "text": text[:80]}
        )

    def _pending(self, lookup: Lookup) -> KeyIndex:
        return lookup.pending if self._to_itself else KeyIndex()

    def _current_text(self, instance: Model, lookup: Lookup) -> str:
        from govnet.core.registry import get_resource  # it imports this module

        known = lookup.index(self.field.related_model).text(self.read(instance))
        if known:
            return known
        return get_resource(self.field.related_model).key.text(getattr(instance, self.name))

    def write(self, instance: Model, value: Any) -> None:
        """Refer to an id or to an object of the same file."""
        setattr(instance, self.name if isinstance(value, Model) else self.attribute, value)

    def show(self, value: Any) -> str:
        """The referred object's name."""
        if value is None:
            return ""
        if isinstance(value, Model):
            return str(value)
        target = self.field.related_model._base_manager.filter(pk=value).first()
        return str(target or value)

    def export(self, instance: Model, lookup: Lookup) -> Cell:
        """The text that names the referred object."""
        return guard(self._current_text(instance, lookup)) if self.read(instance) else ""


class DatedColumn(FileColumn):
    """A dated history in one cell: ``2020-01-01=10; 2022-05-01=100``.

    A bare number is a change from today on; for a new object, from its first day on.

    Attributes:
        children: its values are rows of another model.
    """

    children = True

    def __init__(
        self,
        name: str,
        *,
        date_field: str,
        value_field: str,
        start_field: str,
        label: str | Promise,
        names: Iterable[str | Promise] = (),
        weak_names: Iterable[str] = (),
    ) -> None:
        super().__init__(name, label=label, names=names, weak_names=weak_names, required=False)
        self.date_field = date_field
        self.value_field = value_field
        self.start_field = start_field

    def bind(self, model: type[Model]) -> None:
        """Find the model of the children."""
        relation: Any = model._meta.get_field(self.name)
        self.child: type[Model] = relation.related_model
        self.parent_field: str = relation.field.name

    def parse(self, cell: Cell, lookup: Lookup, instance: Model) -> dict[date, int] | Any:
        """The history; an empty cell changes nothing."""
        del lookup
        text = unicodedata.normalize("NFKC", as_text(cell))
        if not text:
            return UNCHANGED
        if re.fullmatch(r"[\d.,]+\s*[mM]?", text):
            return self._from_now(self._value(text), instance)
        return self.parse_text(text)

    def parse_text(self, text: str) -> dict[date, int]:
        """The history that ``show`` wrote.

        Raises:
            CellError: it is none.
        """
        history: dict[date, int] = {}
        for part in filter(None, re.split(r"[;；\n]", text)):
            day_text, separator, value_text = part.partition("=")
            day = parse_date(day_text.strip()) if separator else None
            if day is None:
                raise CellError(_("must look like 2020-01-01=10; 2022-05-01=100"))
            if day in history:
                raise CellError(_("names %s twice") % day)
            history[day] = self._value(value_text)
        return dict(sorted(history.items()))

    def _value(self, text: str) -> int:
        try:
            value = Decimal(text.strip().rstrip("mM ").replace(",", ""))
        except InvalidOperation:
            raise CellError(_("“%s” is not a number") % text.strip()) from None
        if value != value.to_integral_value() or not 1 <= value <= 10_000_000:
            raise CellError(_("“%s” is not a whole number from 1 to 10,000,000") % text.strip())
        return int(value)

    def _from_now(self, value: int, instance: Model) -> dict[date, int]:
        history: dict[date, int] = self.read(instance)
        today = timezone.localdate()
        in_force = [history[day] for day in sorted(history) if day <= today]
        if in_force and in_force[-1] == value:
            return history
        start = today if history else (getattr(instance, self.start_field, None) or today)
        return dict(sorted({**history, start: value}.items()))

    def read(self, instance: Model) -> dict[date, int]:
        """The history of an object; from its prefetched children where there are any."""
        if instance.pk is None:
            return {}
        rows = getattr(instance, self.name).all()
        return dict(
            sorted((getattr(r, self.date_field), getattr(r, self.value_field)) for r in rows)
        )

    def write(self, instance: Model, value: Any) -> None:
        """Nothing: the writer saves children after their parents."""

    def show(self, value: Mapping[date, int]) -> str:
        """The history in one line."""
        return "; ".join(f"{day.isoformat()}={number}" for day, number in value.items())

    def prepare(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Read all children by one query."""
        return queryset.prefetch_related(self.name)


def column_for(name: str, model: type[Model]) -> FileColumn:
    """The kind of column that fits a model's field."""
    model_field: Any = model._meta.get_field(name)
    kinds: list[tuple[Any, type[FileColumn]]] = [
        (models.ForeignKey, ReferenceColumn),
        (models.BooleanField, BooleanColumn),
        (models.DateTimeField, MinuteColumn),
        (models.DateField, DateColumn),
        (models.TimeField, TimeColumn),
        ((models.DecimalField, models.IntegerField), NumberColumn),
    ]
    if name in getattr(model, "SECRET_FIELDS", ()):
        return SecretColumn(name)
    if model_field.choices:
        return ChoiceColumn(name)
    for classes, kind in kinds:
        if isinstance(model_field, classes):
            return kind(name)
    return TextColumn(name)


def cell_errors(error: ValidationError) -> dict[str, str]:
    """Django's validation messages by field name; ``""`` for those about the whole row."""
    if not hasattr(error, "error_dict"):
        return {"": " ".join(error.messages)}
    return {
        ("" if name == NON_FIELD_ERRORS else name): " ".join(
            chain.from_iterable(e.messages for e in errors)
        )
        for name, errors in error.error_dict.items()
    }

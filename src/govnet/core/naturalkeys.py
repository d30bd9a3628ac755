"""What people call an object: the texts that name it in forms and files, in place of its id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q, QuerySet


class KeyNotFoundError(Exception):
    """No object that the user may see bears the text."""


class AmbiguousKeyError(Exception):
    """Several objects bear the text."""


@dataclass(frozen=True)
class NaturalKey:
    """How objects of one model are named.

    Attributes:
        alternatives: each is a tuple of lookup paths whose values, joined by a space, name an
            object: ``(("code",), ("name",))`` or ``(("device__name", "name"),)``. The first
            is what forms and exports show; a text is looked up in each in turn.
    """

    alternatives: tuple[tuple[str, ...], ...]

    def index(self, queryset: QuerySet[Any]) -> KeyIndex:
        """The texts of every object in a queryset, by one query."""
        index = KeyIndex()
        paths = tuple(dict.fromkeys(path for key in self.alternatives for path in key))
        for pk, *values in queryset.order_by().values_list("pk", *paths):
            value = dict(zip(paths, values, strict=True))
            texts = [_join(value[path] for path in key) for key in self.alternatives]
            index.add(pk, texts)
        return index

    def text(self, instance: Model) -> str:
        """What forms and exports call one object."""
        return _join(_follow(instance, path) for path in self.alternatives[0])

    def find(self, queryset: QuerySet[Any], text: str) -> Any:
        """The object of a queryset that a text names.

        Raises:
            KeyNotFoundError: there is none.
            AmbiguousKeyError: there are several.
        """
        for key in self.alternatives:
            found = list(queryset.filter(_matches(key, text))[:2])
            if len(found) > 1:
                raise AmbiguousKeyError(text)
            if found:
                return found[0]
        raise KeyNotFoundError(text)

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Objects whose names contain every word of a text."""
        paths = {path for key in self.alternatives for path in key}
        for word in text.split():
            anywhere = Q()
            for path in paths:
                anywhere |= Q(**{f"{path}__icontains": word})
            queryset = queryset.filter(anywhere)
        return queryset


def _follow(instance: Any, path: str) -> Any:
    for step in path.split("__"):
        instance = getattr(instance, step)
    return instance


def _join(values: Iterable[Any]) -> str:
    return " ".join(str(value) for value in values if value is not None)


def _matches(key: tuple[str, ...], text: str) -> Q:
    """A condition for one alternative; a text of two parts is split at each space in turn."""
    if len(key) == 1:
        return Q(**{key[0]: text})
    words = text.split(" ")
    anywhere = Q(pk__in=[])
    for cut in range(1, len(words)):
        first, second = " ".join(words[:cut]), " ".join(words[cut:])
        anywhere |= Q(**{key[0]: first, key[1]: second})
    return anywhere


class KeyIndex:
    """Texts of many objects, for files with thousands of references."""

    def __init__(self) -> None:
        self._levels: list[dict[str, set[Any]]] = []
        self._text: dict[Any, str] = {}

    def add(self, key: Any, texts: list[str]) -> None:
        """Add one object under its texts, the most telling first."""
        while len(self._levels) < len(texts):
            self._levels.append({})
        for level, text in zip(self._levels, texts, strict=False):
            if text:
                level.setdefault(text, set()).add(key)
        self._text[key] = texts[0]

    def find(self, text: str) -> Any:
        """What a text names.

        Raises:
            KeyNotFoundError: nothing.
            AmbiguousKeyError: several things.
        """
        for level in self._levels:
            found = level.get(text, ())
            if len(found) > 1:
                raise AmbiguousKeyError(text)
            if found:
                return next(iter(found))
        raise KeyNotFoundError(text)

    def text(self, key: Any) -> str:
        """The text that names a known object; empty for an unknown one."""
        return self._text.get(key, "")

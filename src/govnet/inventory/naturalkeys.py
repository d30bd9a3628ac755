"""How the objects of the ledger are named in forms and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from django.db.models import Model, Q, QuerySet

from govnet.core.naturalkeys import KeyIndex, NaturalKey
from govnet.inventory.models import Region

SEPARATOR: Final = "/"
_Node = tuple[int | None, str]


class RegionKey(NaturalKey):
    """A region by its full path (``湖南省/岳阳市/平江县``), its code, or its name if unique."""

    def index(self, queryset: QuerySet[Any]) -> KeyIndex:
        """The texts of a queryset's regions; paths go up to the root, visible or not."""
        nodes = _all_nodes()
        paths = {pk: _path(pk, nodes) for pk in nodes}
        times = Counter(paths.values())
        index = KeyIndex()
        for pk, code, name in queryset.order_by().values_list("pk", "code", "name"):
            shown = paths[pk] if times[paths[pk]] == 1 else code
            index.add(pk, [shown, code, name])
        return index

    def text(self, instance: Model) -> str:
        """The full path."""
        return _path(instance.pk, _all_nodes())

    def find(self, queryset: QuerySet[Any], text: str) -> Any:
        """The region of a path, code or unique name."""
        return queryset.get(pk=self.index(queryset).find(text))

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """Regions by any part of the path, or by code."""
        *above, last = text.strip(SEPARATOR).split(SEPARATOR)
        found = queryset.filter(Q(name__icontains=last.strip()) | Q(code__startswith=last.strip()))
        if above and above[-1].strip():
            found = found.filter(parent__name__icontains=above[-1].strip())
        return found


def _all_nodes() -> Mapping[int, _Node]:
    rows = Region.objects.order_by().values_list("pk", "parent_id", "name")
    return {pk: (parent_id, name) for pk, parent_id, name in rows}


def _path(pk: int, nodes: Mapping[int, _Node]) -> str:
    names: list[str] = []
    current: int | None = pk
    while current is not None and len(names) < 20:  # five levels exist
        parent_id, name = nodes[current]
        names.append(name)
        current = parent_id
    return SEPARATOR.join(reversed(names))

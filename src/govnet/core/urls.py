"""URLs of the generic layer: of each declared object, and of what a person keeps."""

from __future__ import annotations

from django.urls import URLPattern, path

from govnet.core.registry import Resource, resources
from govnet.core.views import bulk, due, importing, lists, objects
from govnet.core.views.base import ObjectView

_PAGES: tuple[tuple[str, str, type[ObjectView]], ...] = (
    ("", "_list", lists.ObjectList),
    ("export/", "_export", lists.ObjectExport),
    ("choices/", "_choices", lists.ObjectChoices),
    ("add/", "_add", objects.ObjectAdd),
    ("import/", "_import", importing.ObjectImport),
    ("bulk-edit/", "_bulk_edit", bulk.BulkEdit),
    ("bulk-delete/", "_bulk_delete", bulk.BulkDelete),
    ("<int:pk>/", "", objects.ObjectDetail),
    ("<int:pk>/edit/", "_edit", objects.ObjectEdit),
    ("<int:pk>/delete/", "_delete", objects.ObjectDelete),
)


def _urls_of(resource: Resource) -> list[URLPattern]:
    name = resource.model._meta.model_name
    return [
        path(f"{name}/{tail}", view.as_view(resource=resource), name=f"{name}{suffix}")
        for tail, suffix, view in _PAGES
    ]


def object_urls(app_label: str) -> list[URLPattern]:
    """Every page of every object that an app has declared."""
    return [url for resource in resources(app_label) for url in _urls_of(resource)]


app_name = "core"
urlpatterns = [
    path("due/", due.due, name="due"),
    path("imports/", importing.import_list, name="import_list"),
    path("imports/<int:pk>/", importing.import_run, name="import_run"),
    path("imports/<int:pk>/apply/", importing.import_apply, name="import_apply"),
    path("imports/<int:pk>/undo/", importing.import_undo, name="import_undo"),
    path("imports/<int:pk>/discard/", importing.import_discard, name="import_discard"),
    path("lists/<str:label>/columns/", lists.choose_columns, name="choose_columns"),
    path("lists/<str:label>/filters/", lists.save_filter, name="save_filter"),
    path("filters/<int:pk>/delete/", lists.delete_filter, name="delete_filter"),
]

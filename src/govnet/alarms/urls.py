"""Pages of the alarms app."""

from django.urls import URLPattern, URLResolver, path

from govnet.alarms import calendar, pages, rule_pages
from govnet.alarms.models import Alarm, MaintenanceWindow
from govnet.core.registry import get_resource
from govnet.core.urls import object_urls
from govnet.core.views.lists import ObjectExport, ObjectList

app_name = "alarms"

_alarms, _windows = get_resource(Alarm), get_resource(MaintenanceWindow)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", pages.AlarmList.as_view(resource=_alarms), name="alarm_list"),
    path("export/", ObjectExport.as_view(resource=_alarms), name="alarm_export"),
    path("counts/", pages.counts, name="counts"),
    path("act/<slug:action>/", pages.act, name="act"),
    path("<int:pk>/", pages.alarm, name="alarm"),
    path(
        "maintenancewindow/",
        ObjectList.as_view(resource=_windows, page="alarms/window_list.html"),
        name="maintenancewindow_list",
    ),
    path("maintenance/calendar/", calendar.window_calendar, name="window_calendar"),
    path("rule/<int:pk>/history/", rule_pages.history, name="rule_history"),
    path("rule/<int:pk>/set-back/", rule_pages.set_back, name="rule_set_back"),
    # Alarms have no form: machines raise them.
    *(url for url in object_urls(app_name) if not str(url.pattern).startswith("alarm/")),
]

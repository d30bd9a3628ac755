"""Top-level URLs: one prefix per app."""

from django.urls import include, path

from govnet.monitor.health import health_view, metrics_view

urlpatterns = [
    path("", include("govnet.dashboards.urls")),
    path("accounts/", include("govnet.accounts.urls")),
    path("alarms/", include("govnet.alarms.urls")),
    path("core/", include("govnet.core.urls")),
    path("evaluation/", include("govnet.evaluation.urls")),
    path("inventory/", include("govnet.inventory.urls")),
    path("lab/", include("govnet.lab.urls")),
    path("logs/", include("govnet.logs.urls")),
    path("notices/", include("govnet.notices.urls")),
    path("operations/", include("govnet.operations.urls")),
    path("projects/", include("govnet.projects.urls")),
    path("sla/", include("govnet.sla.urls")),
    path("surveys/", include("govnet.surveys.urls")),
    path("topology/", include("govnet.topology.urls")),
    path("traffic/", include("govnet.traffic.urls")),
    path("healthz", health_view, name="healthz"),
    path("metrics", metrics_view, name="metrics"),
]

"""Top-level URLs: one prefix per app."""

from django.urls import include, path

from govnet.monitor.health import health_view, metrics_view

urlpatterns = [
    path("", include("govnet.dashboards.urls")),
    path("accounts/", include("govnet.accounts.urls")),
    path("core/", include("govnet.core.urls")),
    path("evaluation/", include("govnet.evaluation.urls")),
    path("inventory/", include("govnet.inventory.urls")),
    path("healthz", health_view, name="healthz"),
    path("metrics", metrics_view, name="metrics"),
]

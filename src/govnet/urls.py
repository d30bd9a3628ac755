"""Top-level URLs: one prefix per app."""

from django.urls import include, path

urlpatterns = [
    path("", include("govnet.dashboards.urls")),
    path("accounts/", include("govnet.accounts.urls")),
    path("core/", include("govnet.core.urls")),
    path("evaluation/", include("govnet.evaluation.urls")),
    path("inventory/", include("govnet.inventory.urls")),
    path("monitor/", include("govnet.monitor.urls")),
]

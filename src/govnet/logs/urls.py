"""Pages of the logs app."""

from django.urls import path

from govnet.core.urls import object_urls
from govnet.logs import pages

app_name = "logs"
urlpatterns = [
    path("", pages.search, name="search"),
    path("traps/", pages.search, {"channel": "trap"}, name="traps"),
    path("tail/", pages.tail, name="tail"),
    path("export/", pages.export, name="export"),
    *object_urls(app_name),
]

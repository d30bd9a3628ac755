"""Pages of the lab app: there only when this GovNet runs in a twin's operations room."""

from django.urls import URLPattern, URLResolver, path

from govnet.lab import pages
from govnet.lab.here import twin_here

app_name = "lab"
PAGES: list[URLPattern | URLResolver] = [
    path("", pages.twin_page, name="twin"),
    path("fault/<slug:kind>/", pages.fault, name="fault"),
    path("heal/", pages.heal, name="heal"),
    path("play/", pages.play, name="play"),
    path("stop/", pages.stop, name="stop"),
]
urlpatterns = PAGES if twin_here() else []

"""Pages of the topology app."""

from django.urls import URLPattern, URLResolver, path

from govnet.topology import views

app_name = "topology"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.network_map, name="map"),
    path("move/", views.move, name="move"),
    path("reset/", views.reset, name="reset"),
    path("probe/", views.attach, name="attach"),
]

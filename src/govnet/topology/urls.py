"""Pages of the topology app."""

from django.urls import URLPattern, URLResolver, path

from govnet.topology import difference_pages, views

app_name = "topology"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.network_map, name="map"),
    path("move/", views.move, name="move"),
    path("reset/", views.reset, name="reset"),
    path("probe/", views.attach, name="attach"),
    path("differences/", difference_pages.difference_list, name="differences"),
    path("differences/<slug:key>/", difference_pages.difference, name="difference"),
    path("sweep/", difference_pages.sweep_now, name="sweep"),
]

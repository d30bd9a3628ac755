"""Pages of the topology app."""

from django.urls import URLPattern, URLResolver

app_name = "topology"
urlpatterns: list[URLPattern | URLResolver] = []

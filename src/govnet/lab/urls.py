"""Pages of the lab app."""

from django.urls import URLPattern, URLResolver

app_name = "lab"
urlpatterns: list[URLPattern | URLResolver] = []

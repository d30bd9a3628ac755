"""URLs of the dashboards app."""

from django.urls import path

from govnet.dashboards import views

app_name = "dashboards"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("alarms/", views.alarms, name="alarms"),
    path("search/", views.search, name="search"),
]

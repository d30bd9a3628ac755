"""URLs of the traffic app: what passes, and those of every declared object."""

from django.urls import path

from govnet.core.urls import object_urls
from govnet.traffic import views

app_name = "traffic"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("explorer/", views.explore, name="explorer"),
    path("explorer/chart/", views.explore_chart, name="explorer_chart"),
    path("egress/", views.egress_page, name="egress"),
    path("egress/<int:pk>/chart/", views.egress_chart, name="egress_chart"),
    *object_urls(app_name),
]

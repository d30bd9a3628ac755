"""URLs of the traffic app: those of every declared object."""

from govnet.core.urls import object_urls

app_name = "traffic"
urlpatterns = object_urls(app_name)

"""URLs of the inventory app: those of every declared object."""

from govnet.core.urls import object_urls

app_name = "inventory"
urlpatterns = object_urls(app_name)

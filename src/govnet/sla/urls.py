"""Pages of the sla app."""

from govnet.core.urls import object_urls

app_name = "sla"
urlpatterns = object_urls(app_name)

"""Pages of the notices app."""

from django.urls import path

from govnet.core.urls import object_urls
from govnet.notices import views

app_name = "notices"
urlpatterns = [
    *object_urls(app_name),
    path("deliveries/", views.delivery_list, name="delivery_list"),
    path("channels/<int:pk>/try/", views.try_channel, name="channel_try"),
    path("ack/<str:token>/", views.acknowledge, name="acknowledge"),
]

"""Pages of the operations app."""

from django.urls import URLPattern, URLResolver, path

from govnet.core.registry import get_resource
from govnet.core.urls import object_urls
from govnet.core.views.lists import ObjectExport
from govnet.operations import pages
from govnet.operations.models import WorkOrder

app_name = "operations"

_orders = get_resource(WorkOrder)

urlpatterns: list[URLPattern | URLResolver] = [
    path("orders/", pages.WorkOrderList.as_view(resource=_orders), name="workorder_list"),
    path("orders/export/", ObjectExport.as_view(resource=_orders), name="workorder_export"),
    path("orders/add/", pages.order_add, name="workorder_add"),
    path("orders/from-alarm/<int:alarm>/", pages.order_from_alarm, name="order_from_alarm"),
    path("orders/<int:pk>/", pages.order, name="workorder"),
    path("orders/<int:pk>/evidence/", pages.order_collect, name="order_collect"),
    path("orders/<int:pk>/proof/<int:pause>/", pages.order_proof, name="order_proof"),
    path("orders/<int:pk>/<slug:action>/", pages.order_step, name="order_step"),
    *(url for url in object_urls(app_name) if not str(url.pattern).startswith("workorder/")),
]

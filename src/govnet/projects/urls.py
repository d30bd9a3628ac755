"""Pages of the projects app."""

from django.urls import path

from govnet.core.urls import object_urls
from govnet.projects import contract_pages, project_pages

app_name = "projects"
urlpatterns = [
    path("expiry/", contract_pages.expiry, name="expiry"),
    path("project/<int:pk>/plan/", project_pages.plan, name="plan"),
    path("project/<int:pk>/reach/", project_pages.reach, name="reach"),
    path("project/<int:pk>/budget/", project_pages.budget_add, name="budget_add"),
    path("project/<int:pk>/carry/", project_pages.carry, name="carry"),
    path("project/<int:pk>/upload/", project_pages.upload, name="project_upload"),
    path("project/<int:pk>/finance/", project_pages.finance, name="finance"),
    path("contract/<int:pk>/instalments/", contract_pages.instalments, name="instalments"),
    path("contract/<int:pk>/from-statement/", contract_pages.propose, name="propose"),
    path("contract/<int:pk>/<str:step>/", contract_pages.move, name="contract_move"),
    path("instalment/<int:pk>/certify/", contract_pages.certify, name="certify"),
    path("gate/<int:pk>/override/", contract_pages.override, name="override"),
    path("override/<int:pk>/decide/", contract_pages.decide, name="override_decide"),
    path("deduction/<int:pk>/decide/", contract_pages.deduction_decide, name="deduction_decide"),
    path("certificate/<int:pk>/", contract_pages.certificate, name="certificate"),
    path("certificate/<int:pk>/void/", contract_pages.void, name="certificate_void"),
    path("certificate/<int:pk>/pay/", contract_pages.pay, name="pay"),
    path(
        "certificate/<int:pk>.<str:kind>", contract_pages.certificate_file, name="certificate_file"
    ),
    path("document/<int:pk>/", project_pages.document, name="document"),
]
# After our own: "contract/<pk>/<step>/" must not swallow "edit" and "delete".
urlpatterns = [*object_urls("projects"), *urlpatterns]

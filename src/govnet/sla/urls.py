"""Pages of the sla app."""

from django.urls import path

from govnet.core.urls import object_urls
from govnet.sla import exclusion_pages, pages

app_name = "sla"
urlpatterns = [
    path("availability/", pages.overview, name="overview"),
    path("objects/<slug:kind>/<int:pk>/", pages.object_page, name="object"),
    path("objects/<slug:kind>/<int:pk>/xlsx/", pages.object_workbook, name="object_workbook"),
    path("statements/", pages.statement_list, name="statement_list"),
    path("statements/issue/", pages.statement_issue, name="statement_issue"),
    path("statements/<int:pk>/", pages.statement_page, name="statement"),
    path("statements/<int:pk>/reissue/", pages.statement_reissue, name="statement_reissue"),
    path("statements/<int:pk>/<slug:kind>/", pages.statement_file, name="statement_file"),
    path(
        "statements/<int:pk>/lines/<slug:kind>/<int:object_id>/",
        pages.statement_line,
        name="statement_line",
    ),
    path(
        "statements/<int:pk>/lines/<slug:kind>/<int:object_id>/xlsx/",
        pages.line_workbook,
        name="line_workbook",
    ),
    path("exclusions/", exclusion_pages.exclusion_list, name="exclusion_list"),
    path("exclusions/add/", exclusion_pages.exclusion_add, name="exclusion_add"),
    path("exclusions/<int:pk>/", exclusion_pages.exclusion_page, name="exclusion"),
    path("exclusions/<int:pk>/proof/", exclusion_pages.exclusion_proof, name="exclusion_proof"),
    path(
        "exclusions/<int:pk>/<slug:status>/",
        exclusion_pages.exclusion_decide,
        name="exclusion_decide",
    ),
    path("schedules/", exclusion_pages.schedule_list, name="schedule_list"),
    path("schedules/<int:pk>/switch/", exclusion_pages.schedule_switch, name="schedule_switch"),
    *object_urls(app_name),
]

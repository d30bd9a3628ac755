"""URLs of the evaluation app."""

from django.urls import path

from govnet.evaluation import audit_pages, framework_pages, pages

app_name = "evaluation"
urlpatterns = [
    path("projects/", pages.evaluation_list, name="selfevaluation_list"),
    path("projects/add/", pages.evaluation_add, name="selfevaluation_add"),
    path("projects/<int:pk>/", pages.evaluation_page, name="selfevaluation"),
    path("projects/<int:pk>/edit/<slug:part>/", pages.evaluation_edit, name="selfevaluation_edit"),
    path("projects/<int:pk>/measure/", pages.measure, name="measure"),
    path("projects/<int:pk>/measure-all/", pages.measure_all, name="measure_all"),
    path("projects/<int:pk>/take-over/", pages.take_over_accounts, name="take_over"),
    path("projects/<int:pk>/delete/", pages.evaluation_delete, name="selfevaluation_delete"),
    path("projects/<int:pk>/attach/", pages.attach, name="attach"),
    path("projects/<int:pk>/issue/", pages.issue, name="issue"),
    path("projects/snapshots/<int:pk>/", pages.snapshot, name="snapshot"),
    path("projects/snapshots/<int:pk>/use/", pages.use_snapshot, name="use_snapshot"),
    path("projects/evidence/<int:pk>/remove/", pages.detach, name="detach"),
    path("projects/evidence/<int:pk>/", pages.evidence, name="evidence"),
    path("projects/reports/<int:pk>/<slug:kind>/", pages.issued_report, name="issued_report"),
    path("projects/frameworks/", framework_pages.framework_list, name="framework_list"),
    path("projects/frameworks/<slug:id_>/", framework_pages.framework, name="framework"),
    path("audit/", audit_pages.audit_list, name="audit_list"),
    path("audit/<int:pk>/", audit_pages.batch, name="audit_batch"),
    path("audit/<int:pk>/delete/", audit_pages.delete_batch, name="audit_batch_delete"),
    path("audit/reports/<int:pk>/", audit_pages.report, name="audited_report"),
    path("audit/reports/<int:pk>/notice/", audit_pages.notice, name="audit_notice"),
    path("audit/findings/<int:pk>/", audit_pages.decide, name="audit_decide"),
]

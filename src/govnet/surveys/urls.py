"""Pages of the surveys app."""

from django.urls import path

from govnet.core.urls import object_urls
from govnet.surveys import pages

app_name = "surveys"
urlpatterns = [
    *object_urls("surveys"),
    path("b/<str:token>/", pages.ballot, name="ballot"),
    path("survey/<int:pk>/step/<str:step>/", pages.move, name="move"),
    path("survey/<int:pk>/manual/", pages.manual, name="manual"),
    path("survey/<int:pk>/proof/", pages.proof, name="proof"),
    path("survey/<int:pk>/links/", pages.links, name="links"),
    path("survey/<int:pk>/ballots/", pages.export, name="export"),
    path("survey/<int:pk>/<str:kind>.docx", pages.document, name="document"),
    path("ballot/<int:pk>/invalidate/", pages.invalidate, name="invalidate"),
    path("ballot/<int:pk>/renew/", pages.renew, name="renew"),
]

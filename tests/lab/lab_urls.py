"""The pages of this GovNet as they are inside of a twin's operations room."""

from django.urls import include, path

from govnet import urls
from govnet.lab.urls import PAGES

urlpatterns = [path("lab/", include((PAGES, "lab"))), *urls.urlpatterns]

"""One page, which needs the database."""

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def healthz(_request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("well")


urlpatterns = [path("healthz", healthz)]

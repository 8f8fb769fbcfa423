"""One page, which needs the database, one that takes files, and one that takes its time."""

import time
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path


def healthz(_request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("well")


def size(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(sum(len(part) for part in iter(lambda: request.read(100_000), b""))))


def files(request: HttpRequest) -> HttpResponse:
    return size(request)


takes_files: Any = files
takes_files.file_bytes = 5_000_000


def slow(_request: HttpRequest) -> HttpResponse:
    time.sleep(2)
    return HttpResponse("done")


def large(_request: HttpRequest) -> HttpResponse:
    return HttpResponse(b"x" * 40_000_000)


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.META['QUERY_STRING']} {request.headers.get('Cookie')}")


urlpatterns = [path("healthz", healthz), path("sign-in", size), path("files", files), path("slow", slow)]
urlpatterns += [path("large", large), path("echo", echo)]

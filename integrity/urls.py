"""The pages of integrity, under /integrity/."""

from django.urls import path

from integrity import views

urlpatterns = [
    path("", views.runs, name="integrity"),
    path("start/", views.start, name="start_health_check"),
    path("<int:pk>/", views.run, name="integrity_run"),
    path("findings/<int:pk>/", views.finding, name="finding"),
    path("<int:pk>/findings.<slug:format>", views.export_findings, name="export_findings"),
]

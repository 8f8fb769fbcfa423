"""The pages of integrity, under /integrity/."""

from django.urls import path

from integrity.views import chaos, findings, repairs, runs

urlpatterns = [
    path("", runs.runs, name="integrity"),
    path("start/", runs.start, name="start_health_check"),
    path("preview/", repairs.preview, name="start_preview"),
    path("<int:pk>/repair/", repairs.carry_out, name="start_repair"),
    path("<int:pk>/decide/", repairs.decide, name="decide"),
    path("findings/<int:pk>/decide/", findings.decide_one, name="decide_one"),
    path("<int:pk>/undo/", repairs.undo, name="start_undo"),
    path("<int:pk>/changes.<slug:format>", repairs.export_changes, name="export_changes"),
    path("<int:pk>/", runs.run, name="integrity_run"),
    path("chaos/", chaos.chaos, name="chaos"),
    path("findings/<int:pk>/", findings.finding, name="finding"),
    path("<int:pk>/findings.<slug:format>", runs.export_findings, name="export_findings"),
]

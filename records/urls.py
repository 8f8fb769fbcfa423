"""The pages of requests, under /records/."""

from django.urls import path

from records import views

urlpatterns = [
    path("requests/", views.queue, name="requests"),
    path("requests/mine/", views.mine, name="my_requests"),
    path("requests/approve/", views.decide, {"verb": "approve"}, name="approve_requests"),
    path("requests/reject/", views.decide, {"verb": "reject"}, name="reject_requests"),
    path("requests/<int:pk>/approve/", views.decide, {"verb": "approve"}, name="approve_request"),
    path("requests/<int:pk>/reject/", views.decide, {"verb": "reject"}, name="reject_request"),
    path("requests/<int:pk>/cancel/", views.cancel, name="cancel_request"),
    path("databases/<int:pk>/auto-approve/", views.auto_approve, name="auto_approve_database"),
]

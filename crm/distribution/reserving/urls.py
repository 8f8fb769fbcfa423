"""The pages of reservations, under /reservations/."""

from django.urls import path

from crm.distribution.reserving import views

urlpatterns = [
    path("", views.reservations, name="reservations"),
    path("mine/", views.mine, name="my_reservations"),
]

"""The pages of reservations, under /reservations/."""

from django.urls import path

from crm.distribution.reserving import entry, own, views
from crm.distribution.views.settings import reservation_settings

urlpatterns = [
    path("", views.reservations, name="reservations"),
    path("export.<slug:format>", views.export_reservations, name="export_reservations"),
    path("mine/", own.mine, name="my_reservations"),
    path("add/", entry.add_reservation, name="add_reservation"),
    path("add-many/", entry.add_reservations, name="add_reservations"),
    path("add-many/<uuid:token>/", entry.entered, name="entered_reservations"),
    path("add-many/<uuid:token>/not-added.csv", entry.left_out, name="reservations_not_added"),
    path("expiry/", views.expiry, name="reservation_expiry"),
    path("settings/", reservation_settings, name="reservation_settings"),
    path("do/<slug:verb>/", views.act, name="act_on_reservations"),
    path("<int:pk>/", views.reservation, name="reservation"),
    path("<int:pk>/withdraw/", own.withdraw, name="withdraw_reservation"),
]

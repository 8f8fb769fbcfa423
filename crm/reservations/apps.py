from django.apps import AppConfig


class ReservationsConfig(AppConfig):
    name = "crm.reservations"
    label = "reservations"

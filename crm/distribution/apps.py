from django.apps import AppConfig


class DistributionConfig(AppConfig):
    name = "crm.distribution"
    label = "distribution"

from django.apps import AppConfig


class DistributionConfig(AppConfig):
    name = "crm.distribution"
    label = "distribution"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate
        from django.urls import register_converter

        from crm.distribution import conflict_counts, facts, figures  # noqa: F401 (declare the numbers)
        from crm.distribution.converters import ModuleConverter
        from crm.distribution.reserving import figures as reserving_figures  # noqa: F401 (declares those of reservations)
        from crm.schedules import write_schedules

        register_converter(ModuleConverter, "module")
        post_migrate.connect(write_schedules, sender=self)

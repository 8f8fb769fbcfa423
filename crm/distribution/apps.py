from django.apps import AppConfig


class DistributionConfig(AppConfig):
    name = "crm.distribution"
    label = "distribution"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate
        from django.urls import register_converter

        from crm.distribution import figures  # noqa: F401 (declares the numbers)
        from crm.distribution.converters import ModuleConverter
        from crm.schedules import write_schedules

        register_converter(ModuleConverter, "module")
        post_migrate.connect(write_schedules, sender=self)

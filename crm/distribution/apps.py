from django.apps import AppConfig


class DistributionConfig(AppConfig):
    name = "crm.distribution"
    label = "distribution"

    def ready(self) -> None:
        from django.urls import register_converter

        from crm.distribution import figures  # noqa: F401 (declares the numbers)
        from crm.distribution.converters import ModuleConverter

        register_converter(ModuleConverter, "module")

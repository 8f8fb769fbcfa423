from django.apps import AppConfig

from crm.registry import register


class RecordsConfig(AppConfig):
    name = "records"

    def ready(self) -> None:
        from records.policy import MODULE

        register(MODULE)
        from records import figures  # noqa: F401 (declares the numbers)

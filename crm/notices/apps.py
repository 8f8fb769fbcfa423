from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "crm.notices"
    label = "notices"

    def ready(self) -> None:
        from crm.notices import figures  # noqa: F401 (declares the number)

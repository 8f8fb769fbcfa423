from django.apps import AppConfig


class StubConfig(AppConfig):
    name = "crm"

    def ready(self) -> None:
        from crm import tasks  # noqa: F401

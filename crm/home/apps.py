from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "crm.home"
    label = "home"

    def ready(self) -> None:
        from crm import tasks  # noqa: F401 (has every task show that it runs)
        from crm.home import deploy_checks  # noqa: F401 (registers them)

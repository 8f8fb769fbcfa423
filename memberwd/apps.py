from django.apps import AppConfig

from crm.registry import register


class MemberwdConfig(AppConfig):
    name = "memberwd"

    def ready(self) -> None:
        from memberwd.policy import MODULE

        register(MODULE)

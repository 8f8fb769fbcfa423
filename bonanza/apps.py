from django.apps import AppConfig

from crm.registry import register


class BonanzaConfig(AppConfig):
    name = "bonanza"

    def ready(self) -> None:
        from bonanza.policy import MODULE

        register(MODULE)

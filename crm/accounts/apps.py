from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class AccountsConfig(AppConfig):
    name = "crm.accounts"
    label = "accounts"

    def ready(self) -> None:
        from crm.accounts import figures  # noqa: F401 (declares the number)
        from crm.accounts.services import note_sign_in  # the models are ready by then

        # Django's own waits for whoever has the person's row: during a transfer nobody who gets records could sign in.
        user_logged_in.disconnect(dispatch_uid="update_last_login")
        user_logged_in.connect(note_sign_in, dispatch_uid="note_sign_in")

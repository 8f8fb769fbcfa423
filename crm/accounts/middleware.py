"""Every page is for people who are signed in, but for those that say otherwise."""

from django.contrib.auth.middleware import LoginRequiredMiddleware


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """A page without a session leads to the sign-in page, and back. `login_not_required` exempts a view."""

    PUBLIC_PREFIXES = ("/accounts/login/", "/accounts/password/reset/")

    def process_view(self, request, view_func, view_args, view_kwargs):
        if request.path.startswith(self.PUBLIC_PREFIXES):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)

"""Where everything is."""

from django.urls import include, path

handler500 = "crm.home.failures.server_error"

urlpatterns = [
    path("", include("crm.home.urls")),
    path("accounts/", include("crm.accounts.sign_in_urls")),
    path("people/", include("crm.accounts.urls")),
    path("products/", include("crm.products.urls")),
    path("notifications/", include("crm.notices.urls")),
    path("records/", include("records.urls")),
    path("reservations/", include("crm.distribution.reserving.urls")),
    path("integrity/", include("integrity.urls")),
    path("", include("crm.distribution.urls")),
]

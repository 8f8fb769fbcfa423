"""The people pages, under /people/. Deactivating is with what happens to the records, in crm.distribution."""

from django.urls import path

from crm.accounts import views

urlpatterns = [
    path("", views.people, name="people"),
    path("invite/", views.invite, name="person_invite"),
    path("outbox/", views.show_outbox, name="outbox"),
    path("outbox/<int:pk>/try/", views.try_mail, name="try_mail"),
    path("outbox/<int:pk>/discard/", views.discard_mail, name="discard_mail"),
    path("<int:pk>/", views.person, name="person"),
    path("<int:pk>/role/", views.role, name="person_role"),
    path("<int:pk>/reactivate/", views.reactivate, name="person_reactivate"),
    path("<int:pk>/unlock/", views.unlock, name="person_unlock"),
    path("<int:pk>/link/", views.send_link, name="person_send_link"),
    path("<int:pk>/two-factor/reset/", views.reset_two_factor, name="person_reset_two_factor"),
]

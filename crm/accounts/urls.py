"""The people pages, under /people/. Deactivating is with what happens to the records, in crm.distribution."""

from django.urls import path

from crm.accounts import views

urlpatterns = [
    path("", views.people, name="people"),
    path("invite/", views.invite, name="person_invite"),
    path("<int:pk>/", views.person, name="person"),
    path("<int:pk>/role/", views.role, name="person_role"),
    path("<int:pk>/reactivate/", views.reactivate, name="person_reactivate"),
    path("<int:pk>/unlock/", views.unlock, name="person_unlock"),
    path("<int:pk>/link/", views.send_link, name="person_send_link"),
    path("<int:pk>/two-factor/reset/", views.reset_two_factor, name="person_reset_two_factor"),
]

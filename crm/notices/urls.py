from django.urls import path

from crm.notices import views

urlpatterns = [
    path("", views.notices, name="notices"),
    path("settings/", views.settings, name="notice_settings"),
    path("bell/", views.bell, name="notices_bell"),
    path("read/", views.read_all, name="notices_read_all"),
    path("<int:pk>/", views.open_notice, name="notice_open"),
    path("<int:pk>/read/", views.read, name="notice_read"),
]

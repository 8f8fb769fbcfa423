from django.urls import path

from crm.home import views

urlpatterns = [
    path("", views.home, name="home"),
    path("today/", views.today, name="today"),
    path("overview/", views.overview, name="overview"),
    path("search/", views.search, name="search"),
    path("healthz", views.healthz, name="healthz"),
]

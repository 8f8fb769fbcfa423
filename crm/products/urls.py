"""The products page, under /products/."""

from django.urls import path

from crm.products import views

urlpatterns = [
    path("", views.products, name="products"),
    path("add/", views.add, name="product_add"),
    path("<int:pk>/", views.edit, name="product_edit"),
    path("<int:pk>/deactivate/", views.deactivate, name="product_deactivate"),
    path("<int:pk>/reactivate/", views.reactivate, name="product_reactivate"),
]

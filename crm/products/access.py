"""Who may have which product."""

from django.shortcuts import get_object_or_404

from crm.accounts.models import User
from crm.products.models import Product


def get_product_for(user: User, pk: int) -> Product:
    """The product, for admins; Http404 for others."""
    products = Product.objects.all() if user.is_admin else Product.objects.none()
    return get_object_or_404(products, pk=pk)

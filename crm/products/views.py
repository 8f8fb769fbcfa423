"""The products page and its forms, for admins."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.accounts.access import SignedInRequest, admin_page
from crm.errors import Refused
from crm.products import services
from crm.products.access import get_product_for
from crm.products.forms import ProductForm
from crm.products.models import Product

GET_OR_POST = ["GET", "HEAD", "POST"]


@require_GET
@admin_page
def products(request: SignedInRequest) -> HttpResponse:
    return render(request, "products/list.html", {"products": Product.objects.order_by("-is_active", "name")})


@require_http_methods(GET_OR_POST)
@admin_page
def add(request: SignedInRequest) -> HttpResponse:
    form = ProductForm(request.POST or None)
    if form.is_valid():
        try:
            product = services.add_product(**form.cleaned_data, by=request.user)
        except Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            messages.success(request, _("%(product)s is added.") % {"product": product})
            return redirect("products")
    return render(request, "products/form.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(GET_OR_POST)
@admin_page
def edit(request: SignedInRequest, pk: int) -> HttpResponse:
    product = get_product_for(request.user, pk)
    form = ProductForm(request.POST or None, instance=get_product_for(request.user, pk))
    if form.is_valid():
        try:
            services.edit_product(product=product, **form.cleaned_data, by=request.user)
        except Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            messages.success(request, _("Saved."))
            return redirect("products")
    context = {"form": form, "product": product}
    return render(request, "products/form.html", context, status=422 if form.errors else 200)


@require_POST
@admin_page
def deactivate(request: SignedInRequest, pk: int) -> HttpResponse:
    done = _("%(product)s is inactive: new databases cannot be for it.")
    return _switch(request, pk, services.deactivate_product, done)


@require_POST
@admin_page
def reactivate(request: SignedInRequest, pk: int) -> HttpResponse:
    return _switch(request, pk, services.reactivate_product, _("%(product)s is active again."))


def _switch(request: SignedInRequest, pk: int, service: Callable[..., Product], done: str) -> HttpResponse:
    product = get_product_for(request.user, pk)
    try:
        service(product=product, by=request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done % {"product": product})
    return redirect("products")

"""The lists of databases and of batches."""

from django.urls import reverse

from crm.accounts.access import SignedInRequest
from crm.distribution.access import batches_for
from crm.distribution.columns import BATCH_COLUMNS, DATABASE_COLUMNS
from crm.distribution.filters import BatchFilter, DatabaseFilter
from crm.distribution.listing import Listing
from crm.distribution.ordering import BATCH_ORDERS, DATABASE_ORDERS
from crm.registry import Module


def database_list(request: SignedInRequest, module: Module) -> Listing:
    return Listing(
        request,
        module,
        filter=DatabaseFilter(request.GET, module.Database.objects.select_related("product")),
        columns=DATABASE_COLUMNS,
        orders=DATABASE_ORDERS,
        default_order=["-created_at", "-pk"],
        name="databases",
        here=reverse("databases", args=[module]),
    )


def batch_list(request: SignedInRequest, module: Module) -> Listing:
    return Listing(
        request,
        module,
        filter=BatchFilter(request.GET, batches_for(request.user, module)),
        columns=BATCH_COLUMNS,
        orders=BATCH_ORDERS,
        default_order=["-created_at", "-pk"],
        name="batches",
        here=reverse("batches", args=[module]),
    )

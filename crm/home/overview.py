"""The admins' first page: what there is, module by module and person by person."""

from dataclasses import dataclass

from crm.accounts.models import User
from crm.distribution.holdings import Holding, holdings
from crm.registry import modules


@dataclass(frozen=True)
class StaffRow:
    """A staff member and what they hold in each module, in the order of the modules."""

    user: User
    holdings: list[Holding]


def staff_rows() -> list[StaffRow]:
    """Every active staff member; one query a module."""
    people = list(User.objects.working())
    by_module = [holdings(module, people) for module in modules()]
    return [StaffRow(user, list(held)) for user, *held in zip(people, *by_module, strict=True)]

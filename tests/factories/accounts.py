"""People."""

import factory

from crm.accounts.models import Mail, User


class UserFactory(factory.django.DjangoModelFactory):
    """A staff member without a usable password."""

    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"person{n}")
    name = factory.Sequence(lambda n: f"Person {n}")
    email = factory.LazyAttribute(lambda person: f"{person.username}@example.com")
    role = "staff"
    password = "!"


class MailFactory(factory.django.DjangoModelFactory):
    """One that waits."""

    class Meta:
        model = Mail

    person = factory.SubFactory(UserFactory)
    site = "https://fifty.example/"

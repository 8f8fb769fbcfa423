import pytest
from django.db import IntegrityError

from tests.factories.accounts import UserFactory


def test_a_username_is_taken_in_any_case(db):
    UserFactory(username="sari")
    with pytest.raises(IntegrityError):
        UserFactory(username="SARI")

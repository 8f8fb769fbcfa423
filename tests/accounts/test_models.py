import pytest
from django.db import IntegrityError

from tests.factories.accounts import UserFactory


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"username": "sari"}, "user_username_once"),
        ({"username": "SARI", "email": ""}, "user_username_is_plain"),
        ({"username": "", "email": ""}, "user_username_is_plain"),
        ({"email": "sari@example.com"}, "user_email_once"),
        ({"email": "SARI@example.com"}, "user_email_is_lower_case"),
        ({"role": "boss"}, "user_role_known"),
        ({"is_active": False}, "user_deactivated_has_time"),
    ],
)
def test_the_database_keeps_people_apart_and_whole(db, change, constraint):
    UserFactory(username="sari")
    with pytest.raises(IntegrityError, match=constraint):
        UserFactory(**change)


def test_many_people_have_no_address(db):
    UserFactory(email="")
    UserFactory(email="")

import json
import re

import pytest
from django.core.management import CommandError, call_command

from crm.accounts.models import User


def test_add_person_prints_one_line_and_the_person_can_sign_in(db, capsys, enter):
    call_command("add_person", "Rina", "--role", "admin", "--password", "kopi tubruk 50", "--name", "Rina W")
    assert capsys.readouterr().out == "Added rina (admin).\n"
    assert User.objects.get().name == "Rina W"
    assert enter("rina").status_code == 302


def test_add_person_without_a_password_prints_a_link_that_sets_one(db, capsys, client):
    call_command("add_person", "rina", "--role", "staff")
    path = re.search(r"http://[^/]+(/\S+)", capsys.readouterr().out).group(1)
    assert client.get(path, follow=True).context["form"].fields.keys() == {"password1", "password2"}


def test_add_person_answers_scripts_in_json(db, capsys):
    call_command("add_person", "rina", "--role", "owner", "--password", "kopi tubruk 50", "--json")
    person = User.objects.get()
    expected = {"person": person.pk, "username": "rina", "role": "owner", "link": ""}
    assert json.loads(capsys.readouterr().out) == expected


def test_a_weak_password_from_the_command_line_is_taken_with_a_warning(db, capsys):
    """Whoever is at the command line could set it in other ways as well."""
    call_command("add_person", "rina", "--role", "staff", "--password", "12345")
    assert User.objects.get().check_password("12345")
    assert "too short" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["sari", "--role", "staff"], "Somebody has this username already."),
        (["rina", "--role", "boss"], "invalid choice"),
        (["two words", "--role", "staff"], "A username has"),
        (["rina", "--role", "staff", "--email", "nonsense"], "valid email"),
    ],
)
def test_add_person_says_why_not_and_adds_nobody(staff, arguments, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("add_person", *arguments)
    assert User.objects.count() == 1

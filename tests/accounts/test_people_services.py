from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test import Client

from crm.accounts import services
from crm.accounts.models import User
from crm.distribution.assignment import assign_random
from crm.errors import Refused
from crm.registry import get_module
from tests.factories.accounts import UserFactory
from tests.factories.products import ProductFactory


def fresh(person: User) -> User:
    return User.objects.get(pk=person.pk)


def hand_out_one_record(staff: User, by: User) -> None:
    module = get_module("memberwd")
    database = module.Database.objects.create(product=ProductFactory(), name="May", created_by=by)
    module.Record.objects.create(database=database, row_number=1, customer_id="C1")
    assign_random(module=module, database=database, staff=staff, count=1, by=by)


CHANGES = {
    "edit": lambda person, by: services.edit_person(person=person, username="x", name="X", email="", by=by),
    "change_role": lambda person, by: services.change_role(person=person, role="staff", by=by),
    "deactivate": lambda person, by: services.deactivate_person(person=person, by=by),
    "reactivate": lambda person, by: services.reactivate_person(person=person, by=by),
    "unlock": lambda person, by: services.unlock_person(person=person, by=by),
    "send_link": lambda person, by: services.send_password_link(person=person, by=by, site="http://x/"),
    "reset_two_factor": lambda person, by: services.reset_two_factor(person=person, by=by),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("role", ["admin", "owner"])
def test_only_owners_manage_admins_and_owners(admin, owner, change, role):
    person = UserFactory(role=role)
    with pytest.raises(Refused, match="Only owners"):
        CHANGES[change](person, admin)
    assert fresh(person).__dict__.items() >= {"role": role, "name": person.name, "is_active": True}.items()


@pytest.mark.parametrize("change", CHANGES)
def test_staff_manage_nobody(staff, other_staff, change):
    with pytest.raises(Refused, match="Only admins"):
        CHANGES[change](other_staff, staff)


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_an_admin_makes_nobody_an_admin_or_owner(admin, staff, role):
    with pytest.raises(Refused, match="Only owners"):
        services.change_role(person=staff, role=role, by=admin)
    with pytest.raises(Refused, match="Only owners"):
        services.add_person(username="new", role=role, by=admin)
    assert fresh(staff).role == "staff"
    assert not User.objects.filter(username="new").exists()


def test_somebody_demoted_a_moment_ago_manages_nobody(owner, admin, staff):
    stale = User.objects.get(pk=admin.pk)
    services.change_role(person=admin, role="staff", by=owner)
    with pytest.raises(Refused, match="Only admins"):
        services.deactivate_person(person=staff, by=stale)


def test_nobody_deactivates_or_demotes_themselves(owner):
    UserFactory(role="owner")
    with pytest.raises(Refused, match="yourself"):
        services.deactivate_person(person=owner, by=owner)
    with pytest.raises(Refused, match="your own role"):
        services.change_role(person=owner, role="admin", by=owner)


def test_the_last_active_owner_stays(owner):
    UserFactory(role="owner", is_active=False, deactivated_at="2026-01-01T00:00Z")
    with pytest.raises(Refused, match="last owner"):
        services.deactivate_person(person=owner, by=None)
    with pytest.raises(Refused, match="last owner"):
        services.change_role(person=owner, role="staff", by=None)
    assert fresh(owner).is_active


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["deactivate", "demote"])
def test_two_owners_who_remove_each_other_at_once_leave_one(way):
    olivia, oscar = UserFactory(role="owner"), UserFactory(role="owner")
    start = Barrier(2)
    refusals = []

    def remove(person: User, by: User) -> None:
        start.wait()
        try:
            if way == "deactivate":
                services.deactivate_person(person=person, by=by)
            else:
                services.change_role(person=person, role="admin", by=by)
        except Refused as refusal:
            refusals.append(str(refusal))
        finally:
            connection.close()

    threads = [Thread(target=remove, args=pair) for pair in ((olivia, oscar), (oscar, olivia))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert User.objects.owners().count() == 1
    assert len(refusals) == 1


def test_whoever_holds_records_is_not_deactivated_and_keeps_the_role(staff, admin, owner):
    hand_out_one_record(staff, admin)
    with pytest.raises(Refused, match="holds records in Member WD"):
        services.deactivate_person(person=staff, by=admin)
    with pytest.raises(Refused, match="holds records in Member WD"):
        services.change_role(person=staff, role="admin", by=owner)
    assert (fresh(staff).is_active, fresh(staff).role) == (True, "staff")


def test_deactivation_ends_sessions_for_good(staff, admin, is_signed_in):
    client, bystander = Client(), Client()
    client.force_login(staff)
    bystander.force_login(admin)
    services.deactivate_person(person=staff, by=admin)
    assert not is_signed_in(client)
    services.reactivate_person(person=staff, by=admin)
    assert not is_signed_in(client)
    assert is_signed_in(bystander)


def test_a_role_changes_what_an_open_session_may_do(owner, admin, client):
    client.force_login(admin)
    services.change_role(person=admin, role="staff", by=owner)
    assert client.get("/people/").status_code == 403


def test_usernames_and_addresses_are_kept_in_lower_case(owner):
    person = services.add_person(username=" Rina.W ", role="staff", email="Rina@Example.COM", by=owner)
    assert (person.username, person.email, person.name) == ("rina.w", "rina@example.com", "rina.w")


@pytest.mark.parametrize("username", ["", "two words", "-dash", "ünal", "a" * 61, "nul\0"])
def test_a_username_that_cannot_be_typed_plainly_is_refused(owner, username):
    with pytest.raises(Refused):
        services.add_person(username=username, role="staff", by=owner)
    assert User.objects.count() == 1


def test_a_username_or_address_is_taken_once(owner, staff):
    with pytest.raises(Refused, match="username already"):
        services.add_person(username="SARI", role="staff", by=owner)
    with pytest.raises(Refused, match="email address already"):
        services.add_person(username="new", role="staff", email="SARI@example.com", by=owner)


def test_an_unknown_role_is_refused(owner):
    with pytest.raises(Refused):
        services.add_person(username="new", role="boss", by=owner)


def test_a_password_like_the_username_is_refused(owner):
    with pytest.raises(Refused, match="too similar"):
        services.add_person(username="kopisusu2026", role="staff", password="kopisusu2026", by=owner)


def test_history_names_the_operation_and_who_did_it(staff, admin):
    services.deactivate_person(person=staff, by=admin)
    event = User.pgh_event_model.objects.filter(pgh_obj=staff).latest("pgh_id")
    assert event.is_active is False
    assert event.pgh_context.metadata["operation"] == "person.deactivate"
    assert event.pgh_context.metadata["user"] == admin.pk


def test_who_manages_whom(owner, admin, staff):
    assert set(User.objects.manageable_by(owner)) == {owner, admin, staff}
    assert set(User.objects.manageable_by(admin)) == {staff}
    assert not User.objects.manageable_by(staff).exists()

"""What changes people. Owners manage everybody, admins the staff; `by=None` is somebody at the command line."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.accounts import lockout, outbox, password_links
from crm.accounts.models import Role, User
from crm.errors import Refused
from crm.history import operation
from crm.registry import modules

A_LOOK = timedelta(minutes=30)


@dataclass(frozen=True)
class PasswordLink:
    """A link to set a password that is on its way: mailed to `email`, or else `url`, to be handed over."""

    person: User
    email: str = ""
    url: str = ""


def add_person(
    *, username: str, role: str, name: str = "", email: str = "", password: str = "", by: User | None
) -> User:
    """Creates an active person, without a password that works if none is given."""
    with operation("person.add", by=by):
        person = User(role=role)
        _describe(person, username=username, name=name, email=email)
        if role in Role.values:
            _check_rank(by, role)
        if password:
            if by is not None:  # who is at the command line is told, and decides
                _check_password(password, person)
            person.set_password(password)
        else:
            person.set_unusable_password()
        _save(person)
        return person


def invite_person(
    *, username: str, role: str, name: str = "", email: str = "", by: User | None, site: str
) -> PasswordLink:
    """Creates a person and sends them a link to set their password. `site` is where Fifty is served."""
    with operation("person.invite", by=by):
        person = add_person(username=username, role=role, name=name, email=email, by=by)
        return send_password_link(person=person, by=by, site=site)


def send_password_link(*, person: User, by: User | None, site: str) -> PasswordLink:
    """Mails a link to set a new password or, without an email address, returns it. The old password still works."""
    with operation("person.send_link", by=by):
        person, by = lock_people(person, by)
        _check_rank(by, person.role)
        if not person.is_active:
            raise Refused(_("%(person)s is deactivated. Reactivate them first.") % {"person": person})
        if not person.email:
            return PasswordLink(person, url=password_links.make_link(person, site=site))
        outbox.queue_mail(person, site=site)
        return PasswordLink(person, email=person.email)


def edit_person(*, person: User, username: str, name: str, email: str, by: User | None) -> User:
    with operation("person.edit", by=by):
        person, by = lock_people(person, by)
        _check_rank(by, person.role)
        before = person.username
        _describe(person, username=username, name=name, email=email)
        _save(person)
        if person.username != before:
            # Afterwards: whoever has locked records may wait for the person, as long as the name is being changed.
            transaction.on_commit(partial(_name_in_reasons, person, by))
        return person


def _name_in_reasons(person: User, by: User | None) -> None:
    """The reasons of conflicts name the owner of the reservation."""
    with operation("person.edit", by=by):
        for module in modules():
            flagged = module.Record.objects.filter(is_reservation_conflict=True, reservation__staff=person)
            module.Record.objects.settle(flagged.locked_ids())


def edit_own_details(*, by: User, name: str | None = None, email: str | None = None) -> User:
    """What people may change of themselves; None leaves it as it is."""
    with operation("person.edit", by=by):
        person, _by = lock_people(by, by)
        name = person.name if name is None else name
        _describe(person, username=person.username, name=name, email=person.email if email is None else email)
        _save(person)
        return person


def change_role(*, person: User, role: str, by: User | None) -> User:
    """Takes effect with the person's next click. Nobody changes their own role, and one owner always remains."""
    with operation("person.change_role", by=by):
        person, by = lock_people(person, by)
        _check_rank(by, person.role)
        _check_rank(by, role)
        if role == person.role:
            return person
        if by and by.pk == person.pk:
            raise Refused(_("You cannot change your own role. Another owner can."))
        _check_last_owner(person)
        if person.role == Role.STAFF:
            _check_holds_nothing(person)
            _withdraw(person, by)
        person.role = role
        _save(person)
        return person


def deactivate_person(*, person: User, by: User | None) -> User:
    """Ends the person's sessions and sign-ins. Refused while they hold records."""
    with operation("person.deactivate", by=by):
        person, by = lock_people(person, by)
        _check_rank(by, person.role)
        if not person.is_active:
            raise Refused(_("%(person)s is deactivated already.") % {"person": person})
        if by and by.pk == person.pk:
            raise Refused(_("You cannot deactivate yourself. Another owner can."))
        _check_last_owner(person)
        _check_holds_nothing(person)
        _withdraw(person, by)
        person.is_active = False
        person.deactivated_at = timezone.now()
        _save(person)
        _end_sessions(person)
        return person


def reactivate_person(*, person: User, by: User | None) -> User:
    with operation("person.reactivate", by=by):
        person, by = lock_people(person, by)
        _check_rank(by, person.role)
        if person.is_active:
            raise Refused(_("%(person)s is active already.") % {"person": person})
        person.is_active = True
        person.deactivated_at = None
        _save(person)
        return person


def look(*, by: User) -> datetime | None:
    """`by` looks at what is new; returns since when that is, or None for the first time.

    Looking again within half an hour is the same look: what was new stays so.
    """
    now = timezone.now()
    new_look = Q(looked_at=None) | Q(looked_at__lt=now - A_LOOK)
    with transaction.atomic():
        _if_free(User.objects.filter(new_look, pk=by.pk)).update(looked_before=F("looked_at"), looked_at=now)
    return User.objects.values_list("looked_before", flat=True).get(pk=by.pk)


def note_sign_in(*, user: User, **_signal: Any) -> None:
    """When they signed in last."""
    with transaction.atomic():
        _if_free(User.objects.filter(pk=user.pk)).update(last_login=timezone.now())


def _if_free(people: QuerySet[User]) -> QuerySet[User]:
    """Those whom nobody is changing at this moment: who reads or signs in waits for nobody, and does without a note."""
    free = people.order_by().select_for_update(skip_locked=True, no_key=True)
    return User.objects.filter(pk__in=free.values("pk"))


def unlock_person(*, person: User, by: User | None) -> User:
    """Ends a lock-out after failed sign-ins before its time."""
    with operation("person.unlock", by=by):
        person, by = lock_people(person, by)
        _check_rank(by, person.role)
        lockout.forget_failures(person.username)
        return person


def reset_two_factor(*, person: User, by: User | None) -> User:
    """For somebody who has lost the phone and the recovery codes: the password alone signs them in again."""
    with operation("person.reset_two_factor", by=by):
        person, by = lock_people(person, by)
        _check_rank(by, person.role)
        if by and by.pk == person.pk:
            raise Refused(_("Turn your own two-factor sign-in off on your profile."))
        Authenticator.objects.filter(user=person).delete()
        return person


def lock_people(person: User, by: User | None, *others: User) -> tuple[User, User | None]:
    """Both as they are now, locked until the transaction ends, and with them the others and all owners.

    One statement takes all locks in the order of the keys: two owners who deactivate each other at once come one
    after the other, and the second finds what the first has done.
    """
    asked = [user.pk for user in (person, by, *others) if user]
    rows = User.objects.filter(Q(pk__in=asked) | Q(role=Role.OWNER, is_active=True))
    now = {user.pk: user for user in rows.order_by("pk").select_for_update(no_key=True)}
    return now[person.pk], by and now[by.pk]


def lock_working(staff: User, *, alone: bool = False) -> None:
    """Holds the person as they are until the transaction ends, so that nobody is deactivated meanwhile.

    With `alone`, nobody else holds them at the same time: what is done for this person is done one after the other.
    """
    lock = "FOR NO KEY UPDATE" if alone else "FOR SHARE"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT is_active AND role = %s FROM accounts_user WHERE id = %s {lock}",  # noqa: S608 (one of two)
            [Role.STAFF, staff.pk],
        )
        row = cursor.fetchone()
    if row is None or not row[0]:
        raise not_working(staff)


def not_working(person: User) -> Refused:
    """What is said of somebody who cannot be given records."""
    return Refused(_("%(name)s is not an active staff member and cannot be given records.") % {"name": person})


def _check_rank(by: User | None, role: str) -> None:
    if by is None or (by.is_active and by.is_owner):
        return
    if role != Role.STAFF:
        raise Refused(_("Only owners manage admins and owners."))
    if not (by.is_active and by.is_admin):
        raise Refused(_("Only admins manage people."))


def _check_last_owner(person: User) -> None:
    """The rows of the owners are locked (`lock_people`)."""
    if person.is_active and person.is_owner and not User.objects.owners().exclude(pk=person.pk).exists():
        raise Refused(_("%(person)s is the last owner. Make somebody else an owner first.") % {"person": person})


def _check_holds_nothing(person: User) -> None:
    """Whoever hands records out locks the row of the staff member too, so that none arrive meanwhile."""
    held = [str(module.label) for module in modules() if module.Record.objects.held_by(person).exists()]
    if held:
        raise Refused(
            _("%(person)s holds records in %(modules)s. Recall or transfer them first.")
            % {"person": person, "modules": ", ".join(held)}
        )
    if person.reservations.filter(status__in=["pending", "active"]).exists():
        raise Refused(_("%(person)s has reservations. Move or release them first.") % {"person": person})


def _withdraw(person: User, by: User | None) -> None:
    """What the person has asked for and not yet got."""
    for module in modules():
        module.policy.withdraw(person, by)


def _check_password(password: str, person: User) -> None:
    if weakness := weakness_of(password, person):
        raise Refused(weakness)


def weakness_of(password: str, person: User) -> str:
    """What is wrong with a password, in words; empty when nothing is."""
    try:
        validate_password(password, person)
    except ValidationError as error:
        return " ".join(error.messages)
    return ""


def _describe(person: User, *, username: str, name: str, email: str) -> None:
    person.username = User.normalize_username(username.strip().lower())
    person.name = " ".join(name.split()) or person.username
    person.email = email.strip().lower()


def _save(person: User) -> None:
    try:
        person.full_clean()
        with transaction.atomic():
            person.save()
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from error
    except IntegrityError as error:  # somebody took the username or address since full_clean() looked
        raise Refused(_("Somebody has this username or email address already.")) from error


def _end_sessions(person: User) -> None:
    """Deactivation alone already refuses them; without this, reactivation would bring them back to life."""
    sessions = Session.objects.filter(expire_date__gt=timezone.now())
    own = [session.pk for session in sessions if session.get_decoded().get("_auth_user_id") == str(person.pk)]
    Session.objects.filter(pk__in=own).delete()

"""The navigation: which pages each role finds at the left. A new list page is one line here."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm import registry
from crm.accounts.models import User
from crm.distribution.reserving.figures import TEAM

Text = str | Promise


@dataclass(frozen=True)
class Link:
    """One entry. It has an icon (heroicons), or the monogram of a module."""

    label: Text
    url: str
    icon: str = ""
    monogram: str = ""
    current: bool = False
    figure: str = ""
    """The number beside it, and what that is about: how many wait there. It is hidden while there are none."""
    subject: Any = None


@dataclass(frozen=True)
class Section:
    """Entries under a label. The section of a module has a monogram, for the collapsed navigation."""

    label: Text
    links: list[Link]
    monogram: str = ""


@dataclass(frozen=True)
class Entry:
    """An entry before it is built for somebody: the name of its URL instead of the URL."""

    label: Text
    url_name: str
    icon: str = ""
    module: registry.Module | None = None
    figure: str = ""
    subject: Any = None
    """What the figure is about, where that is not the module of the URL."""
    also: str = ""
    """The name of another URL whose pages belong to this entry."""

    def url(self, name: str = "") -> str:
        return reverse(name or self.url_name, args=[self.module] if self.module else [])

    def leads_to(self, path: str) -> bool:
        return path.startswith(self.url()) or bool(self.also and path.startswith(self.url(self.also)))

    def link(self, current: str) -> Link:
        url = self.url()
        letters = monogram(self.module) if self.module and not self.icon else ""
        return Link(self.label, url, self.icon, letters, url == current, self.figure, self.subject or self.module)


OVERVIEW = Entry(_("Overview"), "overview", "squares-2x2")
CONFLICTS = Entry(_("Conflicts"), "conflicts", "no-symbol", figure="conflicts.open", subject=TEAM)
INTEGRITY = Entry(_("Integrity"), "integrity", "shield-check")
TODAY = Entry(_("Today"), "today", "sun")
RESERVATIONS = Entry(_("Reservations"), "reservations", "bookmark", figure="reservations.pending", subject=TEAM)
FOLLOW_UPS = Entry(_("Follow-ups"), "follow_ups", "calendar")
PRODUCTS = Entry(_("Products"), "products", "cube")
PEOPLE = Entry(_("People"), "people", "users")
SETTINGS = Entry(_("Settings"), "module_settings", "cog-6-tooth")
NOTIFICATIONS = Entry(_("Notifications"), "notices", "bell")
PROFILE = Entry(_("Profile"), "profile", "user-circle")


# The headings of the sections: a module, some words, or none.
Pages = list[tuple[registry.Module | Text, list[Entry]]]


def _requests(module: registry.Module) -> list[Entry]:
    """Where admins answer what staff ask for."""
    asking = module.policy.asking
    if asking is None:
        return []
    return [Entry(_("Requests"), asking.queue_url_name, "inbox-arrow-down", figure=asking.waiting, subject=module)]


def _invalid(module: registry.Module) -> list[Entry]:
    """Where admins answer what staff marked as invalid."""
    wait = Entry(
        _("Invalid records"),
        "invalid_records",
        "archive-box-x-mark",
        module,
        figure="module.marked_invalid",
        also="archived_records",
    )
    return [wait] if module.policy.validates else []


def _pages_of_admins(user: User) -> Pages:
    modules: Pages = [
        (
            module,
            [
                Entry(_("Databases"), "databases", "circle-stack", module),
                Entry(_("Records"), "records", "table-cells", module),
                Entry(_("Batches"), "batches", "rectangle-stack", module),
                *_requests(module),
                *_invalid(module),
            ],
        )
        for module in registry.modules()
    ]
    manage = [PRODUCTS, PEOPLE, *([SETTINGS] if user.is_owner else [])]
    return [
        ("", [OVERVIEW, RESERVATIONS, CONFLICTS, INTEGRITY]),
        *modules,
        (_("Manage"), manage),
        (_("You"), [NOTIFICATIONS, PROFILE]),
    ]


def _pages_of_staff(user: User) -> Pages:
    records = [Entry(module.label, "my_records", module=module) for module in registry.modules()]
    asking = [module.policy.asking for module in registry.modules() if module.policy.asking]
    records += [Entry(_("Request records"), each.url_name, "inbox-arrow-down") for each in asking]
    reserved = Entry(
        _("My reservations"), "my_reservations", "bookmark", figure="mine.reservations.ending", subject=user
    )
    return [("", [TODAY, FOLLOW_UPS, reserved]), (_("My records"), records), (_("You"), [NOTIFICATIONS, PROFILE])]


def monogram(module: registry.Module) -> str:
    """Two letters that stand for a module where there is no room for its name: "MW" for "Member WD"."""
    return "".join(word[0] for word in str(module.label).split()[:2]).upper()


def navigation(user: User, path: str) -> list[Section]:
    """The sections for this person, with the entry that leads nearest to `path` as the current one."""
    pages = _pages_of_admins(user) if user.is_admin else _pages_of_staff(user)
    current = _nearest([entry for _heading, entries in pages for entry in entries], path)
    return [_section(heading, entries, current) for heading, entries in pages]


def _nearest(entries: list[Entry], path: str) -> str:
    """The URL that `path` begins with, the longest one; else that of the first entry of the module it is in."""
    in_module = [entry.url() for entry in entries if entry.module and path.startswith(f"/{entry.module.key}/")]
    above = [entry.url() for entry in entries if entry.leads_to(path)]
    return max(above, key=len, default=next(iter(in_module), ""))


def _section(heading: registry.Module | Text, entries: list[Entry], current: str) -> Section:
    links = [entry.link(current) for entry in entries]
    if isinstance(heading, registry.Module):
        return Section(heading.label, links, monogram(heading))
    return Section(heading, links)

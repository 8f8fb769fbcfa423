"""What the rows of the work table are made of. The markup of a control is here once, for every row of every table."""

from collections.abc import Iterable
from datetime import date, timedelta
from urllib.parse import quote

import phonenumbers
from django import template
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from crm.accounts.models import User
from crm.distribution.models import BaseBatch, BaseRecord
from crm.products.messages import fill

register = template.Library()

Choice = tuple[str, Promise | str, str, str]
"""The value, its label, what staff call it where that is another word, and its key on the keyboard."""

CHOICES: dict[str, tuple[Promise, list[Choice]]] = {
    "reach": (
        gettext_lazy("WhatsApp reach"),
        [
            ("reachable", gettext_lazy("Reachable"), "ada", "1"),
            ("one_tick", gettext_lazy("One tick"), "ceklis 1", "2"),
            ("unreachable", gettext_lazy("Unreachable"), "tidak", "3"),
        ],
    ),
    "response": (
        gettext_lazy("Response"),
        [("yes", gettext_lazy("Yes"), "", "y"), ("no", gettext_lazy("No"), "", "n")],
    ),
    "validation": (
        gettext_lazy("Validity"),
        [("valid", gettext_lazy("Valid"), "", "v"), ("invalid", gettext_lazy("Invalid"), "", "x")],
    ),
}

COMMON_REASONS = (
    gettext_lazy("Number not on WhatsApp"),
    gettext_lazy("Wrong number"),
    gettext_lazy("Number no longer in use"),
    gettext_lazy("Not the customer"),
    gettext_lazy("Asked not to be contacted"),
    gettext_lazy("Duplicate customer"),
)


@register.simple_tag
def choice(record: BaseRecord, field: str, form: str, action: str = "") -> SafeString:
    """The buttons of one field. The pressed one sends nothing as its value, which clears it. `action` is where they
    send it, if not where the form does."""
    label, choices = CHOICES[field]
    chosen = getattr(record, field)
    return format_html(
        '<span class="segments" role="group" aria-label="{}">{}</span>',
        label,
        format_html_join("", "{}", ((_button(form, field, chosen, each, action),) for each in choices)),
    )


def _button(form: str, field: str, chosen: str, each: Choice, action: str) -> SafeString:
    value, label, local, key = each
    return format_html(
        '<button form="{}" name="{}" value="{}" class="segment is-{}" data-key="{}" aria-pressed="{}"{}>{}{}</button>',
        form,
        field,
        "" if chosen == value else value,
        value,
        key,
        "true" if chosen == value else "false",
        format_html(' formaction="{}"', action) if action else "",
        label,
        format_html('<small lang="id">{}</small>', local) if local else "",
    )


@register.simple_tag
def phone_text(record: BaseRecord) -> str:
    """The phone as people write it; as it was typed where it cannot be called."""
    if not record.phone_key:
        return record.phone[:40]
    number = phonenumbers.parse(record.phone_key)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


@register.simple_tag
def chat_url(record: BaseRecord, staff: User) -> str:
    """The WhatsApp chat with the customer, with the product's message filled in; empty without a phone to call."""
    if not record.phone_key:
        return ""
    product = record.database.product
    text = fill(
        product.message_template,
        name=record.customer_name or record.customer_id,
        id=record.customer_id,
        product=product.name,
        staff=str(staff),
    )
    return f"https://wa.me/{record.phone_key[1:]}" + (f"?text={quote(text, safe='')}" if text else "")


@register.simple_tag
def follow_up_days() -> list[tuple[str, date]]:
    """The quick choices for a follow-up: a name and a date each."""
    today = timezone.localdate()
    return [
        (_("Tomorrow"), today + timedelta(days=1)),
        (_("In 3 days"), today + timedelta(days=3)),
        (_("Next week"), today + timedelta(days=7)),
    ]


@register.simple_tag
def common_reasons() -> Iterable[Promise]:
    """What staff most often say of an invalid record."""
    return COMMON_REASONS


@register.simple_tag
def progress(batch: BaseBatch, *, again: bool = False) -> SafeString:
    """How much of the batch has been worked; `again` in an htmx answer, for the place where the page shows it."""
    return format_html(
        '<progress id="progress-{}-{}" class="bar" value="{}" max="{}" aria-label="{}"{}></progress>',
        batch.module.key,
        batch.pk,
        batch.current_count - batch.states["to_do"],
        batch.current_count or 1,
        _("Worked on in %(batch)s") % {"batch": batch},
        SafeString(' hx-swap-oob="true"') if again else "",
    )

"""What the operations of `crm.history` are called: what a person did, said to a person."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

OPERATIONS: dict[str, str | Promise] = {
    "records.assign": _("Assigned"),
    "records.recall": _("Recalled"),
    "records.transfer": _("Transferred"),
    "records.work": _("Noted"),
    "records.validate": _("Marked as valid or invalid"),
    "records.replace": _("Archived and replaced"),
    "records.archive": _("Archived as invalid"),
    "records.restore": _("Restored"),
    "records.purge": _("Purged"),
    "records.undo": _("Undone"),
    "request.make": _("Requested"),
    "request.approve": _("Request approved"),
    "request.reject": _("Request turned down"),
    "request.cancel": _("Request withdrawn"),
    "integrity.repair": _("Repaired"),
    "integrity.undo": _("Repair undone"),
    "chaos.plant": _("Damaged on purpose"),
    "person.leave": _("The staff member left"),
    "person.edit": _("The reservation's owner was renamed"),
    "conflict.hand_over": _("Handed to the owner of the reservation"),
    "conflict.keep": _("Kept in spite of a reservation"),
    "reservation.add": _("Reserved"),
    "reservation.approve": _("Reserved"),
    "reservation.restore": _("Reserved again"),
    "reservation.move": _("Reservation moved"),
    "reservation.release": _("Reservation released"),
    "reservation.expire": _("Reservation ended"),
    "batch.pin": _("Pinned"),
    "batch.rename": _("Renamed"),
    "database.archive": _("Database archived"),
    "database.auto_approve": _("Who approves was changed"),
    "database.import": _("Imported"),
    "database.restore": _("Database restored"),
    "database.undo_import": _("Import undone"),
    "person.add": _("Added"),
    "person.change_role": _("Role changed"),
    "person.deactivate": _("Deactivated"),
    "person.invite": _("Invited"),
    "person.reactivate": _("Reactivated"),
    "person.reset_two_factor": _("Second factor reset"),
    "person.send_link": _("Link sent"),
    "person.unlock": _("Unlocked"),
    "product.add": _("Added"),
    "product.edit": _("Edited"),
    "product.reactivate": _("Reactivated"),
    "reservation.ask": _("Reservation asked for"),
    "reservation.keep": _("Reservation kept"),
    "reservation.reject": _("Reservation turned down"),
    "reservation.warn": _("End of the reservation announced"),
    "reservation.withdraw": _("Reservation withdrawn"),
    "settings.change": _("Settings changed"),
    "upload.discard": _("Upload discarded"),
    "upload.forget": _("Upload cleaned up"),
    "upload.import": _("Import begun"),
    "upload.receive": _("File uploaded"),
    "upload.reread": _("File read again"),
}

OF_RESERVATIONS = {
    "reservation.add": _("Reserved for %(name)s"),
    "reservation.approve": _("Reserved for %(name)s, who asked for it"),
    "reservation.restore": _("Reserved for %(name)s again"),
    "reservation.move": _("The reservation was moved to %(name)s"),
    "reservation.release": _("The reservation of %(name)s was released"),
    "reservation.expire": _("The reservation of %(name)s has ended"),
}
"""Of a record: what a reservation did to it, and whose it was."""


def operation_name(operation: str) -> str | Promise:
    """The words for an operation; its own name where there are none, and nothing for none."""
    return OPERATIONS.get(operation, operation)

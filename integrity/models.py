"""What integrity remembers: runs of the health check and of repairs, how each check went, what it found, what changed.

Nothing here refers by a foreign key to the rows that it is about: evidence outlives them. What a run found stays what
it was; what is wrong now is what the newest runs found.
"""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.registry import modules


def label_of(key: str) -> str:
    """Of a module, by its key; the key itself where there is no such module any more. Empty: what they share."""
    return {"": str(_("All modules")), **{module.key: str(module) for module in modules()}}.get(key, key)


class RunQuerySet(models.QuerySet["Run"]):
    def open(self) -> "RunQuerySet":
        """Waiting for a task, or at work."""
        return self.filter(state__in=[Run.State.WAITING, Run.State.RUNNING])


class Run(models.Model):
    """One health check, repair, preview of one, or undo: who or what started it, of what, and how it ended.

    A health check is healthy if it is finished and has found nothing. `progress` is in per cent, `total` what it has
    found, `rows` how many rows there were to look at.

    A repair looks first: its findings are what was wrong before it. What is wrong after it is what its proof has found,
    a health check in the transaction of the repair (`of` is the repair). A preview is a repair that was taken back.
    """

    class Kind(models.TextChoices):
        CHECK = "check", _("Health check")
        PREVIEW = "preview", _("Preview")
        REPAIR = "repair", _("Repair")
        UNDO = "undo", _("Undo")

    class State(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        RUNNING = "running", _("Running")
        FINISHED = "finished", _("Finished")
        REFUSED = "refused", _("Nothing was changed")
        FAILED = "failed", _("Could not check")
        INTERRUPTED = "interrupted", _("Interrupted")

    class Origin(models.TextChoices):
        PAGE = "page", _("In the browser")
        COMMAND = "command", _("On the command line")
        SCHEDULE = "schedule", _("By the clock")

    kind = models.CharField(max_length=7, choices=Kind, default=Kind.CHECK, db_default=Kind.CHECK)
    state = models.CharField(max_length=11, choices=State, default=State.WAITING)
    origin = models.CharField(max_length=8, choices=Origin)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    modules = ArrayField(models.TextField(), default=list, blank=True)
    """The modules that it is about; empty for everything."""
    codes = ArrayField(models.TextField(), default=list, blank=True)
    """The checks; empty for all."""
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    progress = models.SmallIntegerField(default=0)
    total = models.IntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    error = models.TextField(blank=True, default="")

    of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="followers")
    """Of a repair its preview, of an undo the repair, of the health check that proves a repair or an undo that one."""
    left_out = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), blank=True)
    """The rows that a repair is not to touch: [object, id] each."""
    decisions = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), blank=True)
    """What an admin has decided of what a repair leaves: code, choice, staff and only (integrity.decisions) each."""
    repaired = models.IntegerField(null=True, blank=True)
    """Of what was found, how much is gone. Read from the proof."""
    needs_decision = models.IntegerField(null=True, blank=True)
    remaining = models.IntegerField(null=True, blank=True)
    """What is still wrong, without what needs a decision. Read from the proof."""
    context = models.UUIDField(null=True, blank=True)
    """Of a repair: what the history knows its changes by."""
    verified = models.BooleanField(default=False, db_default=False)
    """The checks were asked again in the transaction of the repair, and it was kept because of what they said."""

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running", "finished", "refused", "failed", "interrupted"]),
                name="integrity_run_state_known",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["check", "preview", "repair", "undo"]), name="integrity_run_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(origin__in=["page", "command", "schedule"]), name="integrity_run_origin_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"], finished_at=None)
                | (~Q(state__in=["waiting", "running"]) & Q(finished_at__isnull=False)),
                name="integrity_run_ended_has_time",
            ),
            models.UniqueConstraint(
                fields=["modules"],
                name="integrity_run_waits_once",
                condition=Q(state="waiting", origin="page", kind="check"),
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="integrity_run_open", condition=Q(state__in=["waiting", "running"])),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("integrity_run", args=[self.pk])

    @property
    def is_open(self) -> bool:
        return self.state in (self.State.WAITING, self.State.RUNNING)

    @property
    def scope(self) -> str:
        """What it is about, for a person: everything, or which modules and checks."""
        parts = [label_of(key) for key in self.modules] + self.codes
        return ", ".join(parts) or str(_("everything"))

    @property
    def is_healthy(self) -> bool:
        return self.kind == self.Kind.CHECK and self.state == self.State.FINISHED and not self.total

    @property
    def is_reparable(self) -> bool:
        """A health check of everything or of a module that found something."""
        return (
            self.kind == self.Kind.CHECK and self.state == self.State.FINISHED and bool(self.total) and not self.codes
        )

    @property
    def took(self) -> str:
        """How long it was at work, for a person; empty while it is not known."""
        if self.started_at is None or self.finished_at is None:
            return ""
        return str(_("%(n).1f s") % {"n": (self.finished_at - self.started_at).total_seconds()})

    @property
    def proof(self) -> "Run | None":
        """The health check by which what it says after a repair or an undo was read."""
        return self.followers.filter(kind=self.Kind.CHECK).first()


class Result(models.Model):
    """How one check went in one module in one run. `error` says why it could not be asked; then `count` says nothing.

    Checks that read the same rows are asked together; each has its share of the seconds.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="results")
    code = models.CharField(max_length=40)
    module = models.CharField(max_length=30, blank=True)
    severity = models.CharField(max_length=7)
    count = models.IntegerField()
    seconds = models.FloatField()
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "code", "module"], name="integrity_result_once"),
            models.CheckConstraint(condition=Q(severity__in=["error", "warning"]), name="integrity_result_severity"),
            models.CheckConstraint(condition=Q(count__gte=0, seconds__gte=0), name="integrity_result_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.module}: {self.count}"

    @property
    def module_label(self) -> str:
        return label_of(self.module)


class Finding(models.Model):
    """One violation that a run found: which row, which of its columns, what must be there and what is there.

    `object` is the model of the row and `object_id` its primary key. `since` is when a run found it first.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="findings", db_index=False)
    code = models.CharField(max_length=40)
    module = models.CharField(max_length=30, blank=True)
    severity = models.CharField(max_length=7)
    object = models.CharField(max_length=60)
    object_id = models.BigIntegerField()
    field = models.CharField(max_length=120)
    expected = models.TextField(blank=True)
    actual = models.TextField(blank=True)
    hint = models.CharField(max_length=30, blank=True)
    """Which of the check's reasons it is."""
    needs_decision = models.BooleanField(default=False, db_default=False)
    """A repair leaves it to an admin."""
    since = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "code", "module", "object", "object_id", "field"], name="integrity_finding_once"
            ),
            models.CheckConstraint(condition=Q(severity__in=["error", "warning"]), name="integrity_finding_severity"),
        ]

    def __str__(self) -> str:
        return f"{self.code}: {self.object} {self.object_id}.{self.field}"

    def get_absolute_url(self) -> str:
        return reverse("finding", args=[self.pk])

    @property
    def module_label(self) -> str:
        return label_of(self.module)


class Change(models.Model):
    """What one step of a repair changed of one row, and why; what was there before is kept, so that it can be undone.

    `before` and `after` are the columns that differ, by name; of a row that was not there `before` is None, of a guard
    they are what it was and what it is. `row_hash` stands for the whole row as the repair left it.
    """

    run = models.ForeignKey(Run, models.CASCADE, related_name="changes", db_index=False)
    number = models.IntegerField()
    code = models.CharField(max_length=40)
    module = models.CharField(max_length=30, blank=True)
    object = models.CharField(max_length=60)
    object_id = models.BigIntegerField()
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    why = models.TextField()
    row_hash = models.CharField(max_length=32, blank=True, default="", db_default="")
    undone_at = models.DateTimeField(null=True, blank=True)
    not_undone = models.TextField(blank=True, default="", db_default="")
    """Why an undo has left it as it is."""

    class Meta:
        ordering = ["run", "number"]
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="integrity_change_once")]
        indexes = [models.Index(fields=["run", "object", "object_id"], name="integrity_change_of_row")]

    def __str__(self) -> str:
        return f"{self.object} {self.object_id}: {self.code}"

    @property
    def module_label(self) -> str:
        return label_of(self.module)

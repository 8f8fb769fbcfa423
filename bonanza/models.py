"""The tables of DB Bonanza."""

from django.db import models

from crm.distribution.history import track_batches, track_databases, track_records
from crm.distribution.models import BaseBatch, BaseDatabase, BaseRecord, never_requested


@track_databases()
class Database(BaseDatabase):
    class Meta(BaseDatabase.Meta):
        pass


@track_batches()
class Batch(BaseBatch):
    database = models.ForeignKey(Database, models.PROTECT, related_name="batches")

    class Meta(BaseBatch.Meta):
        pass


@track_records()
class Record(BaseRecord):
    database = models.ForeignKey(Database, models.PROTECT, related_name="records", db_index=False)
    # The composite key to the batch, its database and its staff member is the foreign key in PostgreSQL.
    batch = models.ForeignKey(
        Batch, models.PROTECT, null=True, blank=True, related_name="records", db_constraint=False, db_index=False
    )

    class Meta(BaseRecord.Meta):
        constraints = [*BaseRecord.Meta.constraints, never_requested("bonanza")]

from django.db import migrations

INDEX = """
    CREATE INDEX home_latest_operations ON pghistory_context (created_at DESC)
    WHERE metadata ->> 'operation' NOT IN ('records.work', 'records.validate')
"""


class Migration(migrations.Migration):
    """The latest operations without a scan of the history; what staff do all day long is not among them."""

    dependencies = [("home", "0001_cache_table"), ("pghistory", "0007_auto_20250421_0444")]

    operations = [migrations.RunSQL(INDEX, "DROP INDEX home_latest_operations")]

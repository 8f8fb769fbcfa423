from django.db import migrations

from crm.distribution.outcomes import fill_from_history


class Migration(migrations.Migration):

    dependencies = [
        ('distribution', '0002_outcome_lines'),
        ('records', '0001_initial'),
    ]

    operations = [migrations.RunPython(fill_from_history('records'), migrations.RunPython.noop, elidable=True)]

import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('pghistory', '0007_auto_20250421_0444'),
        ('products', '0001_initial'),
        ('reservations', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Upload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('module', models.CharField(max_length=30)),
                ('name', models.CharField(max_length=120, verbose_name='name')),
                ('file_name', models.CharField(max_length=255)),
                ('file_size', models.BigIntegerField(default=0)),
                ('content_hash', models.CharField(blank=True, db_index=True, max_length=64)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('state', models.CharField(choices=[('received', 'Being read'), ('ready', 'Waiting for you'), ('importing', 'Being imported'), ('imported', 'Imported'), ('failed', 'Failed'), ('undone', 'Undone')], default='received', max_length=10)),
                ('state_at', models.DateTimeField(auto_now_add=True)),
                ('attempts', models.IntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('progress', models.SmallIntegerField(default=0)),
                ('layout', models.JSONField(blank=True, null=True)),
                ('inspection', models.JSONField(blank=True, null=True)),
                ('mapping', models.JSONField(blank=True, null=True)),
                ('report', models.JSONField(blank=True, null=True)),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='products.product')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ['received', 'ready', 'importing', 'imported', 'failed', 'undone'])), name='upload_state_known'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='upload_has_name')],
            },
        ),
        migrations.CreateModel(
            name='UploadPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.IntegerField()),
                ('content', models.BinaryField()),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='distribution.upload')),
            ],
            options={
                'ordering': ['upload', 'number'],
                'constraints': [models.UniqueConstraint(fields=('upload', 'number'), name='upload_part_once')],
            },
        ),
        migrations.CreateModel(
            name='LeftOutRow',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('row_number', models.IntegerField()),
                ('kind', models.CharField(choices=[('duplicate', 'Duplicate'), ('rejected', 'Rejected')], max_length=10)),
                ('reason', models.TextField()),
                ('cells', models.JSONField(default=list)),
                ('upload', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='left_out', to='distribution.upload')),
            ],
            options={
                'ordering': ['upload', 'row_number'],
                'constraints': [models.UniqueConstraint(fields=('upload', 'row_number'), name='upload_left_out_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['duplicate', 'rejected'])), name='upload_left_out_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='ModuleSettings',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('module', models.CharField(max_length=30, unique=True)),
                ('auto_approve', models.BooleanField(default=False, verbose_name='approve requests by themselves')),
                ('most_per_request', models.PositiveIntegerField(default=100, verbose_name='most records per request')),
                ('auto_replace', models.BooleanField(default=False, verbose_name='replace invalid records at once')),
                ('most_replacements', models.PositiveIntegerField(default=20, verbose_name='most replacements per batch')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('most_per_request__gt', 0)), name='module_settings_request_some')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modulesettings',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "distribution_modulesettingsevent" ("auto_approve", "auto_replace", "id", "module", "most_per_request", "most_replacements", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."auto_approve", NEW."auto_replace", NEW."id", NEW."module", NEW."most_per_request", NEW."most_replacements", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='20b51cfdc846fe4fd62a0e26a565d5130c3dcd85', operation='INSERT', pgid='pgtrigger_insert_insert_2a7c3', table='distribution_modulesettings', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modulesettings',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "distribution_modulesettingsevent" ("auto_approve", "auto_replace", "id", "module", "most_per_request", "most_replacements", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."auto_approve", NEW."auto_replace", NEW."id", NEW."module", NEW."most_per_request", NEW."most_replacements", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='1c3d72c6bcd2c8fa340fc66f6d5af498d9a8dae0', operation='UPDATE', pgid='pgtrigger_update_update_be064', table='distribution_modulesettings', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modulesettings',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "distribution_modulesettingsevent" ("auto_approve", "auto_replace", "id", "module", "most_per_request", "most_replacements", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (OLD."auto_approve", OLD."auto_replace", OLD."id", OLD."module", OLD."most_per_request", OLD."most_replacements", _pgh_attach_context(), NOW(), \'delete\', OLD."id"); RETURN NULL;', hash='83255c41329c8a7ff4754513dfbf05650b7a1eaa', operation='DELETE', pgid='pgtrigger_delete_delete_f180d', table='distribution_modulesettings', when='AFTER')),
        ),
        migrations.CreateModel(
            name='ModuleSettingsEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('module', models.CharField(max_length=30)),
                ('auto_approve', models.BooleanField(default=False, verbose_name='approve requests by themselves')),
                ('most_per_request', models.PositiveIntegerField(default=100, verbose_name='most records per request')),
                ('auto_replace', models.BooleanField(default=False, verbose_name='replace invalid records at once')),
                ('most_replacements', models.PositiveIntegerField(default=20, verbose_name='most replacements per batch')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='distribution.modulesettings')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='modulesettingsevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='72b87fbfd56891ddf43f18bf1da61ceb956b90b8', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_75827', table='distribution_modulesettingsevent', when='BEFORE')),
        ),
        migrations.CreateModel(
            name='Conflict',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('module', models.CharField(max_length=30)),
                ('record_id', models.BigIntegerField()),
                ('database_id', models.BigIntegerField()),
                ('customer_id', models.TextField()),
                ('opened_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('resolution', models.CharField(blank=True, db_default='', default='', max_length=60)),
                ('note', models.TextField(blank=True, db_default='', default='')),
                ('closed_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opened_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('product', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='products.product')),
                ('reservation', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='conflicts', to='reservations.reservation')),
                ('reserved_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('staff', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['-opened_at', '-id'],
                'indexes': [models.Index(fields=['-opened_at', '-id'], name='conflict_opened'), models.Index(fields=['staff', '-opened_at'], name='conflict_staff')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('module', 'record_id'), name='conflict_open_once'), models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('resolution', '')), models.Q(('closed_at__isnull', False), models.Q(('resolution', ''), _negated=True)), _connector='OR'), name='conflict_closed_by_something')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='conflict',
            trigger=pgtrigger.compiler.Trigger(name='written_by_the_records', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (pg_trigger_depth() = 0)', func="RAISE EXCEPTION '%: the log of conflicts is written by a trigger on the records', TG_TABLE_NAME USING ERRCODE = 'check_violation';", hash='8f6082b521de4b945824e343895147ed8967e923', level='STATEMENT', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_written_by_the_records_bc0fd', table='distribution_conflict', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='conflict',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'TRUNCATE would bypass the counts and the history; use DELETE';", hash='76ec16e678c5b1989192eed8c61e037adc8e40ff', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_89cf4', table='distribution_conflict', when='BEFORE')),
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('page', models.CharField(max_length=60)),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('query', models.TextField(blank=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_views', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(fields=('user', 'page', 'name'), name='saved_view_name_once'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='saved_view_has_name')],
            },
        ),
        migrations.CreateModel(
            name='Submission',
            fields=[
                ('token', models.UUIDField(primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True, db_index=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]

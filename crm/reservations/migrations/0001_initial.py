import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
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
    ]

    operations = [
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('customer_id', models.CharField(max_length=255, verbose_name='customer id')),
                ('customer_key', models.GeneratedField(db_persist=True, expression=models.Case(models.When(models.Func(models.F('customer_id'), models.Value('^[!-~]+$'), arg_joiner=' ~ ', output_field=models.BooleanField(), template='(%(expressions)s)'), then=models.Func(models.F('customer_id'), function='upper', output_field=models.TextField())), default=models.Func(models.Func(models.Func(models.Func(models.Func(models.Func(models.F('customer_id'), models.Value('[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+'), models.Value(''), models.Value('g'), function='regexp_replace', output_field=models.TextField()), models.Value('NFKC'), function='pg_catalog.normalize', output_field=models.TextField()), models.Value('[\t\n\x0b\x0c\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+'), models.Value(' '), models.Value('g'), function='regexp_replace', output_field=models.TextField()), function='btrim', output_field=models.TextField()), function='upper', output_field=models.TextField()), models.Value('NFC'), function='pg_catalog.normalize', output_field=models.TextField())), output_field=models.TextField(db_collation='C'))),
                ('phone', models.TextField(blank=True, db_default='', default='', verbose_name='phone')),
                ('phone_key', models.CharField(blank=True, db_collation='C', max_length=16, null=True)),
                ('status', models.CharField(choices=[('pending', 'Waiting'), ('active', 'Active'), ('rejected', 'Rejected'), ('expired', 'Expired'), ('released', 'Released')], db_default='pending', default='pending', max_length=8)),
                ('is_permanent', models.BooleanField(db_default=False, default=False, verbose_name='permanent')),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now)),
                ('last_deposit_on', models.DateField(blank=True, null=True)),
                ('warned_on', models.DateField(blank=True, null=True)),
                ('note', models.CharField(blank=True, db_default='', default='', max_length=300, verbose_name='note')),
                ('reason', models.CharField(blank=True, db_default='', default='', max_length=300, verbose_name='reason')),
                ('created_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('decided_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('product', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='products.product', verbose_name='product')),
                ('staff', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to=settings.AUTH_USER_MODEL, verbose_name='staff member')),
            ],
            options={
                'ordering': ['-since', '-id'],
                'indexes': [models.Index(condition=models.Q(('phone_key__isnull', False)), fields=['product', 'phone_key'], name='reservation_phone'), models.Index(fields=['staff', 'status', '-since'], name='reservation_staff'), models.Index(fields=['status', '-since'], name='reservation_status'), models.Index(fields=['customer_key'], name='reservation_customer')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['pending', 'active'])), fields=('product', 'customer_key'), name='reservation_one_for_a_customer'), models.CheckConstraint(condition=models.Q(('customer_key', ''), _negated=True), name='reservation_names_a_customer'), models.CheckConstraint(condition=models.Q(('phone_key', None), ('phone_key__regex', '^\\+[1-9][0-9]{6,14}$'), _connector='OR'), name='reservation_phone_key_is_e164'), models.CheckConstraint(condition=models.Q(('status__in', ['pending', 'active', 'rejected', 'expired', 'released'])), name='reservation_status_known')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservation',
            trigger=pgtrigger.compiler.Trigger(name='customer_is_final', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."id" IS DISTINCT FROM NEW."id" OR OLD."product_id" IS DISTINCT FROM NEW."product_id" OR OLD."customer_id" IS DISTINCT FROM NEW."customer_id")', func="RAISE EXCEPTION '%: id, product_id, customer_id cannot be changed', TG_TABLE_NAME USING ERRCODE = 'check_violation';", hash='83359d51062e74a2e5ac35c94c5323454c82ba5e', operation='UPDATE OF "id", "product_id", "customer_id"', pgid='pgtrigger_customer_is_final_860ac', table='reservations_reservation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservation',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "reservations_reservationevent" ("created_at", "created_by_id", "customer_id", "decided_by_id", "id", "is_permanent", "last_deposit_on", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "phone_key", "product_id", "reason", "since", "staff_id", "status", "warned_on") VALUES (NEW."created_at", NEW."created_by_id", NEW."customer_id", NEW."decided_by_id", NEW."id", NEW."is_permanent", NEW."last_deposit_on", NEW."note", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."phone", NEW."phone_key", NEW."product_id", NEW."reason", NEW."since", NEW."staff_id", NEW."status", NEW."warned_on"); RETURN NULL;', hash='658969ecedc78ec37420003699ac42961a674682', operation='INSERT', pgid='pgtrigger_insert_insert_4d55e', table='reservations_reservation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservation',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."created_at" IS DISTINCT FROM (NEW."created_at") OR OLD."created_by_id" IS DISTINCT FROM (NEW."created_by_id") OR OLD."customer_id" IS DISTINCT FROM (NEW."customer_id") OR OLD."decided_by_id" IS DISTINCT FROM (NEW."decided_by_id") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_permanent" IS DISTINCT FROM (NEW."is_permanent") OR OLD."last_deposit_on" IS DISTINCT FROM (NEW."last_deposit_on") OR OLD."note" IS DISTINCT FROM (NEW."note") OR OLD."phone" IS DISTINCT FROM (NEW."phone") OR OLD."phone_key" IS DISTINCT FROM (NEW."phone_key") OR OLD."product_id" IS DISTINCT FROM (NEW."product_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."since" IS DISTINCT FROM (NEW."since") OR OLD."staff_id" IS DISTINCT FROM (NEW."staff_id") OR OLD."status" IS DISTINCT FROM (NEW."status") OR OLD."warned_on" IS DISTINCT FROM (NEW."warned_on"))', func='INSERT INTO "reservations_reservationevent" ("created_at", "created_by_id", "customer_id", "decided_by_id", "id", "is_permanent", "last_deposit_on", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "phone_key", "product_id", "reason", "since", "staff_id", "status", "warned_on") VALUES (NEW."created_at", NEW."created_by_id", NEW."customer_id", NEW."decided_by_id", NEW."id", NEW."is_permanent", NEW."last_deposit_on", NEW."note", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."phone", NEW."phone_key", NEW."product_id", NEW."reason", NEW."since", NEW."staff_id", NEW."status", NEW."warned_on"); RETURN NULL;', hash='1fe914979e3e3f1b201292df4af77e546983319a', operation='UPDATE', pgid='pgtrigger_update_update_f53a8', table='reservations_reservation', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservation',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "reservations_reservationevent" ("created_at", "created_by_id", "customer_id", "decided_by_id", "id", "is_permanent", "last_deposit_on", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "phone_key", "product_id", "reason", "since", "staff_id", "status", "warned_on") VALUES (OLD."created_at", OLD."created_by_id", OLD."customer_id", OLD."decided_by_id", OLD."id", OLD."is_permanent", OLD."last_deposit_on", OLD."note", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."phone", OLD."phone_key", OLD."product_id", OLD."reason", OLD."since", OLD."staff_id", OLD."status", OLD."warned_on"); RETURN NULL;', hash='28955961b58001af0a897ad1abfee77f36b43781', operation='DELETE', pgid='pgtrigger_delete_delete_7b67a', table='reservations_reservation', when='AFTER')),
        ),
        migrations.CreateModel(
            name='ReservationEvent',
            fields=[
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('id', models.BigIntegerField()),
                ('customer_id', models.CharField(max_length=255, verbose_name='customer id')),
                ('phone', models.TextField(blank=True, db_default='', default='', verbose_name='phone')),
                ('phone_key', models.CharField(blank=True, db_collation='C', max_length=16, null=True)),
                ('status', models.CharField(choices=[('pending', 'Waiting'), ('active', 'Active'), ('rejected', 'Rejected'), ('expired', 'Expired'), ('released', 'Released')], db_default='pending', default='pending', max_length=8)),
                ('is_permanent', models.BooleanField(db_default=False, default=False, verbose_name='permanent')),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now)),
                ('last_deposit_on', models.DateField(blank=True, null=True)),
                ('warned_on', models.DateField(blank=True, null=True)),
                ('note', models.CharField(blank=True, db_default='', default='', max_length=300, verbose_name='note')),
                ('reason', models.CharField(blank=True, db_default='', default='', max_length=300, verbose_name='reason')),
                ('created_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
                ('created_by', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('decided_by', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='reservations.reservation')),
                ('product', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='products.product', verbose_name='product')),
                ('staff', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='staff member')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservationevent',
            trigger=pgtrigger.compiler.Trigger(name='no_truncate', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'TRUNCATE would bypass the counts and the history; use DELETE';", hash='3a79233b22e3de6569ed12dd2b603346c308a6ec', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_no_truncate_6ec1a', table='reservations_reservationevent', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservationevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='dd0990a7e1a8ec2f8bf7aac7c94a67db60b32b33', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_e5ca6', table='reservations_reservationevent', when='BEFORE')),
        ),
        migrations.CreateModel(
            name='ReservationSettings',
            fields=[
                ('id', models.SmallIntegerField(default=1, editable=False, primary_key=True, serialize=False)),
                ('grace_days', models.PositiveSmallIntegerField(default=30, help_text='A reservation ends so many days after the last deposit.', verbose_name='grace days')),
                ('warning_days', models.PositiveSmallIntegerField(default=5, help_text='Its owner is warned so many days before it ends.', verbose_name='warning days')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('id', 1)), name='reservation_settings_once'), models.CheckConstraint(condition=models.Q(('grace_days__gt', 0)), name='reservation_settings_last_a_day')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservationsettings',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "reservations_reservationsettingsevent" ("grace_days", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "warning_days") VALUES (NEW."grace_days", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."warning_days"); RETURN NULL;', hash='964ea3b4f24ca2978912ed37b40dc385c6a31284', operation='INSERT', pgid='pgtrigger_insert_insert_ee0b6', table='reservations_reservationsettings', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservationsettings',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "reservations_reservationsettingsevent" ("grace_days", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "warning_days") VALUES (NEW."grace_days", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."warning_days"); RETURN NULL;', hash='0fc715c4b26ccba8160e1f966f193a83fa64b088', operation='UPDATE', pgid='pgtrigger_update_update_0d66a', table='reservations_reservationsettings', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservationsettings',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "reservations_reservationsettingsevent" ("grace_days", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "warning_days") VALUES (OLD."grace_days", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."warning_days"); RETURN NULL;', hash='d9f793dc2332d669ec364cf02fd0d04b30c344fa', operation='DELETE', pgid='pgtrigger_delete_delete_66325', table='reservations_reservationsettings', when='AFTER')),
        ),
        migrations.CreateModel(
            name='ReservationSettingsEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.SmallIntegerField(default=1, editable=False, serialize=False)),
                ('grace_days', models.PositiveSmallIntegerField(default=30, help_text='A reservation ends so many days after the last deposit.', verbose_name='grace days')),
                ('warning_days', models.PositiveSmallIntegerField(default=5, help_text='Its owner is warned so many days before it ends.', verbose_name='warning days')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='reservations.reservationsettings')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservationsettingsevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='12bad715d7f7d3aa903cd59f485c393863414482', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_13b32', table='reservations_reservationsettingsevent', when='BEFORE')),
        ),
    ]

import django.db.models.deletion
import django.db.models.functions.datetime
import django.db.models.functions.text
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='Product',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('is_active', models.BooleanField(db_default=True, default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
                ('message_template', models.TextField(blank=True, db_default='', default='', help_text='{name}, {id}, {product} and {staff} are filled in. Empty opens the chat without a message.', max_length=1000, verbose_name='WhatsApp message')),
                ('grace_days', models.PositiveSmallIntegerField(blank=True, help_text='A reservation ends so many days after the last deposit. Empty: as for all products.', null=True, verbose_name='grace days')),
                ('warning_days', models.PositiveSmallIntegerField(blank=True, help_text='Its owner is warned so many days before it ends. Empty: as for all products.', null=True, verbose_name='warning days')),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(django.db.models.functions.text.Lower('name'), name='product_name_once', violation_error_message='There is a product of this name.'), models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='product_has_name'), models.CheckConstraint(condition=models.Q(('grace_days', None), ('grace_days__gt', 0), _connector='OR'), name='product_reservations_last_a_day')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='product',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "products_productevent" ("created_at", "grace_days", "id", "is_active", "message_template", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "warning_days") VALUES (NEW."created_at", NEW."grace_days", NEW."id", NEW."is_active", NEW."message_template", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."warning_days"); RETURN NULL;', hash='aa0e3c5dbe20cf3c9f74c7c657e4c2cd7fdd615f', operation='INSERT', pgid='pgtrigger_insert_insert_1fd97', table='products_product', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='product',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "products_productevent" ("created_at", "grace_days", "id", "is_active", "message_template", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "warning_days") VALUES (NEW."created_at", NEW."grace_days", NEW."id", NEW."is_active", NEW."message_template", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."warning_days"); RETURN NULL;', hash='4af415c0710469abbecd97ab359ee04ec8fa0c19', operation='UPDATE', pgid='pgtrigger_update_update_18d15', table='products_product', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='product',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "products_productevent" ("created_at", "grace_days", "id", "is_active", "message_template", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "warning_days") VALUES (OLD."created_at", OLD."grace_days", OLD."id", OLD."is_active", OLD."message_template", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."warning_days"); RETURN NULL;', hash='3571c6dcea4766f3c60d8e3f0247d24ce94cf956', operation='DELETE', pgid='pgtrigger_delete_delete_cb7df', table='products_product', when='AFTER')),
        ),
        migrations.CreateModel(
            name='ProductEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('is_active', models.BooleanField(db_default=True, default=True, verbose_name='active')),
                ('created_at', models.DateTimeField(auto_now_add=True, db_default=django.db.models.functions.datetime.Now())),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='products.product')),
                ('message_template', models.TextField(blank=True, db_default='', default='', help_text='{name}, {id}, {product} and {staff} are filled in. Empty opens the chat without a message.', max_length=1000, verbose_name='WhatsApp message')),
                ('grace_days', models.PositiveSmallIntegerField(blank=True, help_text='A reservation ends so many days after the last deposit. Empty: as for all products.', null=True, verbose_name='grace days')),
                ('warning_days', models.PositiveSmallIntegerField(blank=True, help_text='Its owner is warned so many days before it ends. Empty: as for all products.', null=True, verbose_name='warning days')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='productevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='b87726817e7e063087535d650fb25d91240acbe3', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_dff3e', table='products_productevent', when='BEFORE')),
        ),
    ]

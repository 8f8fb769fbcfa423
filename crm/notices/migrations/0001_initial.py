import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('records_received', 'Records received'), ('records_taken_back', 'Records taken back'), ('request_decided', 'Requests decided'), ('request_made', 'Requests made'), ('invalid_waiting', 'Invalid records waiting'), ('invalid_answered', 'Invalid records answered'), ('reservation_asked', 'Reservations asked for'), ('reservation_decided', 'Reservations decided'), ('reservation_ending', 'Reservations ending'), ('records_reserved', 'Records taken by a reservation'), ('upload_read', 'Upload ready to import'), ('import_finished', 'Import finished'), ('import_failed', 'Import failed')], max_length=30)),
                ('text', models.CharField(max_length=300)),
                ('url', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('read_at', models.DateTimeField(blank=True, null=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to=settings.AUTH_USER_MODEL)),
                ('about', models.CharField(blank=True, db_default='', default='', max_length=80)),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['user', '-created_at', '-id'], name='notice_of_user'), models.Index(condition=models.Q(('read_at', None)), fields=['user'], name='notice_unread'), models.Index(condition=models.Q(('about', ''), _negated=True), fields=['about'], name='notice_about')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('about', ''), _negated=True), fields=('user', 'about'), name='notice_alerts_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['records_received', 'records_taken_back', 'request_decided', 'request_made', 'invalid_waiting', 'invalid_answered', 'reservation_asked', 'reservation_decided', 'reservation_ending', 'records_reserved', 'upload_read', 'import_finished', 'import_failed'])), name='notice_kind_known')],
            },
        ),
        migrations.CreateModel(
            name='MutedKind',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('records_received', 'Records received'), ('records_taken_back', 'Records taken back'), ('request_decided', 'Requests decided'), ('request_made', 'Requests made'), ('invalid_waiting', 'Invalid records waiting'), ('invalid_answered', 'Invalid records answered'), ('reservation_asked', 'Reservations asked for'), ('reservation_decided', 'Reservations decided'), ('reservation_ending', 'Reservations ending'), ('records_reserved', 'Records taken by a reservation'), ('upload_read', 'Upload ready to import'), ('import_finished', 'Import finished'), ('import_failed', 'Import failed')], max_length=30)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='muted_kinds', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user', 'kind'), name='muted_kind_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['records_received', 'records_taken_back', 'request_decided', 'request_made', 'invalid_waiting', 'invalid_answered', 'reservation_asked', 'reservation_decided', 'reservation_ending', 'records_reserved', 'upload_read', 'import_finished', 'import_failed'])), name='muted_kind_known')],
            },
        ),
    ]

"""Settings of the stub project."""

import tempfile
from typing import Any

import environ

from crm.runtime import database_url, env

DEMO = env.bool("DEMO", default=False)
SECRET_KEY = "stub" * 20
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django_q", "crm"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "crm.urls"
DATABASES = {"default": environ.Env.db_url_config(database_url())}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
Q_CLUSTER = {
    "name": "stub",
    "orm": "default",
    "workers": env.int("STUB_WORKERS", default=1),
    "queue_limit": 2,
    "timeout": 600,
    "retry": 2400,
    "poll": 0.1,
}

if env.bool("STUB_DISK_IS_FULL", default=False):
    a_module: Any = tempfile
    a_module.TemporaryFile = lambda *_given, **_named: open("/dev/full", "w+b")  # noqa: SIM115

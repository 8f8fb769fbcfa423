"""The settings of every machine, read from the environment and from `.env` beside manage.py.

A value that is missing or wrong stops the start with a sentence that says what to set. `.env.example`
names every variable read here; a test compares the two.
"""

import logging
import zoneinfo
from collections.abc import Collection
from datetime import datetime, time
from pathlib import Path
from urllib.parse import urlsplit

import environ
import pghistory
import phonenumbers
import structlog
from django.core.exceptions import ImproperlyConfigured

from crm.runtime import database_url, env

BASE_DIR = Path(__file__).resolve().parent.parent


def required(name: str, why: str) -> str:
    """The value of `name`; without one the start is refused with `why`."""
    value = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. {why}")
    return value


def flag(name: str, default: bool) -> bool:
    """Yes or no; anything else stops the start."""
    value = env.str(name, default=str(int(default))).strip().lower()
    if value not in {"1", "0", "true", "false", "yes", "no", "on", "off"}:
        raise ImproperlyConfigured(f"{name} is {value!r}; it must be 1 or 0.")
    return value in {"1", "true", "yes", "on"}


def one_of(name: str, default: str, known: Collection[str], example: str) -> str:
    """One of the known values; anything else stops the start."""
    value = env.str(name, default=default)
    if value not in known:
        raise ImproperlyConfigured(f"{name} is {value!r}, which is not known; for example {example}.")
    return value


def bounded_int(name: str, default: int, low: int, high: int) -> int:
    """A whole number from `low` to `high`; anything else stops the start."""
    text = env.str(name, default=str(default))
    if not text.strip().lstrip("-").isdecimal():
        raise ImproperlyConfigured(f"{name} is {text!r}; it must be a whole number.")
    value = int(text)
    if not low <= value <= high:
        raise ImproperlyConfigured(f"{name} is {value}; it must be from {low} to {high}.")
    return value


def time_of_day(name: str, default: str) -> time:
    """An hour and a minute of the team's day; anything else stops the start."""
    text = env.str(name, default=default)
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 (a time of day has no zone)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} is {text!r}; it must be like {default}.") from error


# Demo mode is for a machine nobody else can reach: a fixed secret, plain HTTP, invented people.
DEMO = flag("DEMO", default=False)
DEBUG = flag("DEBUG", default=False)
if DEMO:
    SECRET_KEY = env.str("SECRET_KEY", default="demo-only-" + "0" * 50)
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
else:
    SECRET_KEY = required("SECRET_KEY", "Set it to 50 or more random characters, or set DEMO=1 for a trial.")
    if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10:
        raise ImproperlyConfigured("SECRET_KEY is too weak. Set it to 50 or more random characters.")
    if DEBUG:
        raise ImproperlyConfigured("DEBUG=1 shows settings and data to anybody; it is for demo mode (DEMO=1) only.")
    hosts = required("ALLOWED_HOSTS", "Name the hosts that serve the app, separated by commas.")
    ALLOWED_HOSTS = [host.strip() for host in hosts.split(",") if host.strip()]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Applications -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "axes",
    "crispy_bootstrap5",
    "crispy_forms",
    "csp",
    "django_filters",
    "django_htmx",
    "django_q",
    "django_structlog",
    "heroicons",
    "pghistory",
    "pgtrigger",
    "template_partials",
    "crm.accounts",
    "crm.products",
    "crm.notices",
    "crm.reservations",
    "crm.distribution",
    "crm.home",
    "records",
    "bonanza",
    "memberwd",
    "integrity",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "crm.home.request_log.RequestLogMiddleware",
    "pghistory.middleware.HistoryMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "crm.home.middleware.FragmentMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "crm.accounts.middleware.SignInRequiredMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "crm.urls"
WSGI_APPLICATION = "crm.wsgi.application"
ASGI_APPLICATION = "crm.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["template_partials.templatetags.partials", "heroicons.templatetags.heroicons"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "crm.home.context.shell",
            ],
        },
    }
]
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

# --- Database and history ---------------------------------------------------------------------------------

if urlsplit(database_url()).scheme not in {"postgres", "postgresql"}:
    raise ImproperlyConfigured("DATABASE_URL must name a PostgreSQL server: postgres://user:password@host:5432/name")
DATABASES = {"default": environ.Env.db_url_config(database_url())}
# Nobody waits longer for somebody else's rows: a page says so instead (crm.distribution.views.attempt).
# Every trigger asks whether it is ignored. Where nobody has said anything, the answer is an exception: one for each row
# of an import, each dearer than the one before.
DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c lock_timeout=10s -c pgtrigger.ignore={}"
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

PGHISTORY_APPEND_ONLY = True
# Nobody asks the history by these columns, and every update would pay for an index on each.
PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(db_index=False)
PGHISTORY_OBJ_FIELD = pghistory.ObjForeignKey(related_name="+", db_index=True)
PGHISTORY_CONTEXT_FIELD = pghistory.ContextForeignKey(db_index=True)
PGHISTORY_MIDDLEWARE_METHODS = ("POST", "PUT", "PATCH", "DELETE")

# --- Cache ------------------------------------------------------------------------------------------------

# In the database, so that all machines share it: rate limits count together, and `/healthz` of a web machine sees
# the task cluster of another one.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_entry",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}

# --- People -----------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"

# Where people reach Fifty, for the links in what no page has asked for, such as the commands' answers.
SITE_URL = env.str(
    "SITE_URL",
    default=f"http://localhost:{env.str('PORT', default='8000')}/"
    if DEMO
    else f"https://{ALLOWED_HOSTS[0].lstrip('.')}/",
)

ACCOUNT_ADAPTER = "crm.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Fifty] "
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "crm.accounts.password_links.PasswordLinkTokens"  # noqa: S105 (a class)
MFA_ADAPTER = "crm.accounts.adapter.TwoFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Fifty"
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "crm.accounts.two_factor.CountedAuthenticateForm",
    "reauthenticate": "crm.accounts.two_factor.CountedReauthenticateForm",
}
REQUIRE_ADMIN_TOTP = flag("REQUIRE_ADMIN_TOTP", default=False)

# A whole office signs in from one address. Failures are what axes counts, in the database, so that several web
# machines count together.
ACCOUNT_RATE_LIMITS = {"login": "120/m/ip", "login_failed": "10/5m/key"}
AXES_FAILURE_LIMIT = bounded_int("SIGN_IN_ATTEMPTS", default=5, low=3, high=100)
AXES_COOLOFF_TIME = bounded_int("SIGN_IN_LOCKOUT_MINUTES", default=15, low=1, high=1440) / 60
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_CALLABLE = "crm.accounts.lockout.attempted_username"
AXES_CLIENT_IP_CALLABLE = "crm.accounts.lockout.client_address"
AXES_LOCKOUT_CALLABLE = "crm.accounts.lockout.answer_locked_out"
# Trying again during a lock-out does not make it longer: the page has said when it ends.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code"]
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
AXES_IPWARE_PROXY_COUNT = ALLAUTH_TRUSTED_PROXY_COUNT = bounded_int("PROXY_COUNT", default=0, low=0, high=10)

SESSION_COOKIE_AGE = bounded_int("SESSION_HOURS", default=12, low=1, high=720) * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = False

# --- Security ---------------------------------------------------------------------------------------------

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEMO
SECURE_SSL_REDIRECT = not DEMO and flag("SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = 0 if DEMO else bounded_int("HSTS_SECONDS", default=31_536_000, low=0, high=63_072_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEMO
if AXES_IPWARE_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "manifest-src": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

# --- Words and places -------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
USE_I18N = True
USE_TZ = True
USE_THOUSAND_SEPARATOR = True
TIME_ZONE = one_of("TIME_ZONE", "Asia/Jakarta", zoneinfo.available_timezones(), "Asia/Jakarta")
PHONE_REGION = one_of("PHONE_REGION", "ID", phonenumbers.SUPPORTED_REGIONS, "ID (Indonesia)")
# After what expires at night has expired, and not between two and three, which is twice or never on some days.
HEALTH_CHECK_AT = time_of_day("HEALTH_CHECK_AT", default="01:00")
LOCALE_PATHS = [BASE_DIR / "locale"]

# --- Uploads ----------------------------------------------------------------------------------------------

UPLOAD_MAX_BYTES = bounded_int("UPLOAD_MAX_MB", default=150, low=1, high=1000) * 1_000_000
UPLOAD_MAX_ROWS = bounded_int("UPLOAD_MAX_ROWS", default=1_000_000, low=1, high=5_000_000)
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "crm.distribution.imports.nameless.NamelessFileUploadHandler",
]
# A bulk action over a page of records posts one id a record.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000

# --- Tasks ------------------------------------------------------------------------------------------------

# The lock of a task starts when it is pulled, not when it runs, so that a task that waits behind another must
# not be taken for lost: retry >= timeout x (2 + queue_limit / workers).
TASK_TIMEOUT_SECONDS = 600
Q_CLUSTER = {
    "name": "fifty",
    "orm": "default",
    "workers": bounded_int("TASK_WORKERS", default=2, low=1, high=32),
    "queue_limit": 2,
    "timeout": TASK_TIMEOUT_SECONDS,
    "retry": TASK_TIMEOUT_SECONDS * 4,
    "max_attempts": 3,
    "ack_failures": True,
    "catch_up": False,
    "poll": 0.3,
    "save_limit": 500,
    "save_limit_per": "func",  # what runs every minute does not drive out when the nightly tasks ran last
    "label": "Tasks",
}

# --- Mail -------------------------------------------------------------------------------------------------

EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 20  # seconds that a mail server may take to answer
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("MAIL_FROM", default="Fifty <fifty@localhost>")

# --- Static files -----------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
NODE_MODULES = BASE_DIR / "node_modules"
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("bootstrap", NODE_MODULES / "bootstrap" / "dist"),
    ("htmx", NODE_MODULES / "htmx.org" / "dist"),
    ("idiomorph", NODE_MODULES / "idiomorph" / "dist"),
]
# Demo mode serves the files from where they lie; elsewhere `collectstatic` names each for its content.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEMO
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEMO
        else "crm.static_files.HashedStaticFilesStorage"
    },
}

# --- Logs -------------------------------------------------------------------------------------------------

LOG_LEVEL = one_of("LOG_LEVEL", "INFO", logging.getLevelNamesMapping(), "INFO")
LOG_FORMAT = one_of("LOG_FORMAT", "console" if DEMO else "json", {"console", "json"}, "json")

LOG_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *LOG_PROCESSORS,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": LOG_PROCESSORS,
            "processor": structlog.processors.JSONRenderer()
            if LOG_FORMAT == "json"
            else structlog.dev.ConsoleRenderer(colors=False),
        }
    },
    "filters": {"without_traceback": {"()": "crm.logs.WithoutTraceback"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # Each names the path, with the tokens in it; the request's own line says all that they say (request_log.py).
        "django.request": {"level": "CRITICAL"},
        "django.security.csrf": {"level": "CRITICAL"},
        "django.security.DisallowedHost": {"filters": ["without_traceback"]},
        # Its information names paths; that requests wait for a thread is no news.
        "waitress": {"level": "WARNING"},
        "waitress.queue": {"level": "ERROR"},
    },
}

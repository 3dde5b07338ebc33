"""Settings of nlops: one file, everything that differs between places comes from the environment."""

from __future__ import annotations

import sys
from pathlib import Path

import environ
import structlog
from csp.constants import NONCE, SELF
from django.core.exceptions import ImproperlyConfigured

from nlops.services.last_demo import load_demo_environment

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
# A command without DATABASE_URL talks to the demo that runs here (VAR names it; default: the last one started).
for _name, _value in load_demo_environment(BASE_DIR).items():
    env.ENVIRON.setdefault(_name, _value)

DEBUG = env.bool("DEBUG", False)
TESTING = "pytest" in sys.modules
# True on plain-http loopback (the demo): cookies are not marked secure, no redirect to https.
INSECURE_HTTP = env.bool("NLOPS_INSECURE_HTTP", TESTING or DEBUG)
VAR = Path(env.str("NLOPS_VAR", str(BASE_DIR / "var")))

if TESTING:
    SECRET_KEY = env.str("SECRET_KEY", "only-for-tests-" + "x" * 50)
    NLOPS_ENCRYPTION_KEYS = env.str("NLOPS_ENCRYPTION_KEYS", "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
else:
    # Building static files or checking the code needs no secret; serving does (see the checks in accounts).
    SECRET_KEY = env.str("SECRET_KEY", "")
    NLOPS_ENCRYPTION_KEYS = env.str("NLOPS_ENCRYPTION_KEYS", "")
    if not SECRET_KEY:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set and no demo is running here. Set SECRET_KEY, DATABASE_URL, "
            "CELERY_BROKER_URL and CACHE_URL, or start a demo with `make demo`."
        )

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
    "csp",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "rest_framework",
    "template_partials",
    "nlops",
    "accounts",
    "specs",
    "conversations",
    "evaluation",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.MemberMiddleware",
]

ROOT_URLCONF = "nlops.urls"
ASGI_APPLICATION = "nlops.asgi.application"
WSGI_APPLICATION = "nlops.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.member",
                "conversations.context_processors.budget",
            ],
        },
    },
]

# The application's role owns nothing, so that row-level security binds it; migrations run as the owner:
# `manage.py migrate --database owner`.
DATABASES = {
    "default": env.db_url("DATABASE_URL", default="postgres://nlops_app@127.0.0.1:5432/nlops"),
    "owner": env.db_url(
        "DATABASE_OWNER_URL", default=env.str("DATABASE_URL", "postgres://nlops_owner@127.0.0.1:5432/nlops")
    ),
}
# Under ASGI every request has a thread of its own, so a connection kept by its thread would never be used again: a
# pool keeps them instead.
_pool_size = env.int("DATABASE_POOL_SIZE", 0 if TESTING else 8)
for _database in DATABASES.values():
    _database["CONN_MAX_AGE"] = 0
    _database["CONN_HEALTH_CHECKS"] = True
# The same statements come again and again, and row-level security makes them dear to plan: the server keeps the plans.
DATABASES["default"].setdefault("OPTIONS", {}).update(server_side_binding=True, prepare_threshold=2)
if _pool_size:
    _options = DATABASES["default"].setdefault("OPTIONS", {})
    _options["pool"] = {"min_size": 1, "max_size": _pool_size, "timeout": 10}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHE_URL = env.str("CACHE_URL", "redis://127.0.0.1:6379/1")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CACHE_URL,
        "KEY_PREFIX": "nlops",
        # A cache that doesn't answer must not hold up a request.
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 5},
    }
}

CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", CACHE_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600} if "redis" in CELERY_BROKER_URL else {}
CELERY_TASK_DEFAULT_QUEUE = "engine"
CELERY_TASK_ROUTES = {
    "specs.tasks.*": {"queue": "preprocess"},
    "conversations.tasks.collect_feedback": {"queue": "feedback"},
    "conversations.tasks.deliver_notice": {"queue": "feedback"},
    "conversations.tasks.deliver_due_notices": {"queue": "feedback"},
    "conversations.tasks.close_idle_conversations": {"queue": "feedback"},
    "conversations.tasks.*": {"queue": "engine"},
    "evaluation.tasks.*": {"queue": "feedback"},
}
CELERY_BEAT_SCHEDULE = {
    "sweep-runs": {"task": "conversations.tasks.sweep_runs", "schedule": 5.0},
    "deliver-due-notices": {"task": "conversations.tasks.deliver_due_notices", "schedule": 15.0},
    "sweep-spec-versions": {"task": "specs.tasks.sweep_versions", "schedule": 30.0},
    "close-idle-conversations": {"task": "conversations.tasks.close_idle_conversations", "schedule": 600.0},
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
HEADLESS_CLIENTS = ("app",)
MFA_ADAPTER = "accounts.second_factor.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
# Browsers let pages over https use security keys, and http://localhost; never an IP address.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = INSECURE_HTTP
#: Proxies in front that each add the address they were asked from to X-Forwarded-For. Without one that header is
#: whatever the client likes, and is not read.
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("NLOPS_TRUSTED_PROXIES", 0)
USERSESSIONS_ADAPTER = "accounts.adapter.UserSessionsAdapter"
SESSION_COOKIE_NAME = "nlops_session"
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = not INSECURE_HTTP
CSRF_COOKIE_SECURE = not INSECURE_HTTP
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", not INSECURE_HTTP)
SECURE_HSTS_SECONDS = 0 if INSECURE_HTTP else env.int("SECURE_HSTS_SECONDS", 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = not INSECURE_HTTP
SECURE_HSTS_PRELOAD = not INSECURE_HTTP
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("NLOPS_BEHIND_PROXY", False) else None
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
        "form-action": [SELF],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api_tokens.ApiTokenAuthentication",
        # First, so that a request with a token is not asked for a CSRF token as a browser's is.
        "allauth.headless.contrib.rest_framework.authentication.XSessionTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.IsMember"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "nlops",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {"DecisionEnum": "specs.policy_api.DECISIONS"},
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
WHITENOISE_USE_FINDERS = env.bool("WHITENOISE_USE_FINDERS", INSECURE_HTTP)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if WHITENOISE_USE_FINDERS
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
INSTALLED_APPS.append("django.forms")

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
# Seconds: a mail server that doesn't answer must not hold up a page.
EMAIL_TIMEOUT = env.int("EMAIL_TIMEOUT", 10)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "nlops@localhost")

# --- nlops ---
#: embedded | openai:<model> | azure:<deployment> | compatible:<model>@<base-url>; a tenant may have its own.
NLOPS_MODEL = env.str("NLOPS_MODEL", "embedded")
#: The model that is asked where the first one fails; "": none.
NLOPS_FALLBACK_MODEL = env.str("NLOPS_FALLBACK_MODEL", "")
#: JSON: model (as in NLOPS_MODEL, or a pattern) → {"prompt", "cached", "completion"}: price of a million tokens.
NLOPS_MODEL_PRICES = env.str("NLOPS_MODEL_PRICES", "")
#: For openai: models only; a compatible server never gets it.
OPENAI_API_KEY = env.str("OPENAI_API_KEY", "")
#: JSON: where the address of a compatible server begins → its key.
NLOPS_MODEL_KEYS = env.str("NLOPS_MODEL_KEYS", "")
#: PEM file of the authorities that model servers (and the issuer of their tokens) are trusted by; "": the usual ones.
NLOPS_MODEL_CA_FILE = env.str("NLOPS_MODEL_CA_FILE", "")
#: Whether OpenAI and Azure may keep the beginning of prompts in caches that outlast the request (cheaper, faster).
NLOPS_PROMPT_CACHE = env.bool("NLOPS_PROMPT_CACHE", False)
#: Failures of a model in a row after which it is left alone, and for how many seconds.
NLOPS_BREAKER_FAILURES = env.int("NLOPS_BREAKER_FAILURES", 5)
NLOPS_BREAKER_SECONDS = env.float("NLOPS_BREAKER_SECONDS", 30.0)
AZURE_OPENAI_ENDPOINT = env.str("AZURE_OPENAI_ENDPOINT", "")
AZURE_OPENAI_API_KEY = env.str("AZURE_OPENAI_API_KEY", "")
AZURE_OPENAI_API_VERSION = env.str("AZURE_OPENAI_API_VERSION", "2024-10-21")
#: Entra ID instead of a key: a client with a secret or a federated token, or the identity of the machine.
AZURE_TENANT_ID = env.str("AZURE_TENANT_ID", "")
AZURE_CLIENT_ID = env.str("AZURE_CLIENT_ID", "")
AZURE_CLIENT_SECRET = env.str("AZURE_CLIENT_SECRET", "")
AZURE_FEDERATED_TOKEN_FILE = env.str("AZURE_FEDERATED_TOKEN_FILE", "")
AZURE_MANAGED_IDENTITY = env.bool("AZURE_MANAGED_IDENTITY", False)
AZURE_AUTHORITY_HOST = env.str("AZURE_AUTHORITY_HOST", "")
AZURE_OPENAI_SCOPE = env.str("AZURE_OPENAI_SCOPE", "https://cognitiveservices.azure.com/.default")
#: Address under which people open this installation, for links in notices; empty: notices have none.
NLOPS_PUBLIC_URL = env.str("NLOPS_PUBLIC_URL", "").rstrip("/")
#: Days that the link of an invitation works.
NLOPS_INVITATION_DAYS = env.int("NLOPS_INVITATION_DAYS", 7)
#: Requests that one member may send per minute.
NLOPS_MEMBER_RATE = env.int("NLOPS_MEMBER_RATE", 30)
#: Requests that all members of a tenant may send per minute; and everything that one address may send, signed in or
#: not. 0: no limit.
NLOPS_TENANT_RATE = env.int("NLOPS_TENANT_RATE", 300)
NLOPS_ADDRESS_RATE = env.int("NLOPS_ADDRESS_RATE", 0 if TESTING else 1200)
#: Requests that one API token may send per minute.
NLOPS_TOKEN_RATE = env.int("NLOPS_TOKEN_RATE", 300)
#: Characters of one message.
NLOPS_MAX_MESSAGE = env.int("NLOPS_MAX_MESSAGE", 4000)
#: Bytes of one uploaded spec.
NLOPS_MAX_SPEC_BYTES = env.int("NLOPS_MAX_SPEC_BYTES", 40 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
#: Seconds for one HTTP exchange with a product, and bytes of its response.
NLOPS_PRODUCT_TIMEOUT = env.float("NLOPS_PRODUCT_TIMEOUT", 30.0)
# Products may be reached at public addresses only, and at these: HOST, ADDRESS or NETWORK/BITS, each with :PORT if only
# that is meant, IPv6 in brackets (see specs/addresses.py).
NLOPS_PRIVATE_HOSTS = env.list("NLOPS_PRIVATE_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if TESTING else [])
NLOPS_PRODUCT_MAX_BYTES = env.int("NLOPS_PRODUCT_MAX_BYTES", 5 * 1024 * 1024)
#: How far a list is followed page after page for an answer: rows, pages, seconds (well within the lease below).
NLOPS_PAGE_ROWS = env.int("NLOPS_PAGE_ROWS", 500)
NLOPS_PAGES = env.int("NLOPS_PAGES", 10)
NLOPS_PAGE_SECONDS = env.float("NLOPS_PAGE_SECONDS", 20.0)
#: How far it is followed for a download.
NLOPS_CSV_ROWS = env.int("NLOPS_CSV_ROWS", 100_000)
NLOPS_CSV_SECONDS = env.float("NLOPS_CSV_SECONDS", 600.0)
#: Seconds that a download waits before a page when the product asks for it.
NLOPS_CSV_PATIENCE = env.float("NLOPS_CSV_PATIENCE", 60.0)
#: Minutes after which an approval or a confirmation that nobody gave expires.
NLOPS_APPROVAL_MINUTES = env.int("NLOPS_APPROVAL_MINUTES", 24 * 60)
#: Seconds that a worker may keep a run without a word before another takes over.
NLOPS_LEASE_SECONDS = env.int("NLOPS_LEASE_SECONDS", 90)
#: How far one request may go; the limit that is hit is named to the person. Costs are in units of the currency in
#: which NLOPS_MODEL_PRICES stand, 0 for no limit.
NLOPS_RUN_SECONDS = env.float("NLOPS_RUN_SECONDS", 600.0)
NLOPS_RUN_TOKENS = env.int("NLOPS_RUN_TOKENS", 120_000)
NLOPS_RUN_COST = env.float("NLOPS_RUN_COST", 0.0)
NLOPS_RUN_RESPONSE_BYTES = env.int("NLOPS_RUN_RESPONSE_BYTES", 50 * 1024 * 1024)
#: Calls of one operation that a person is asked to decide as one.
NLOPS_BATCH = env.int("NLOPS_BATCH", 25)
#: Days of silence after which a conversation is closed and its working state cleared.
NLOPS_IDLE_DAYS = env.int("NLOPS_IDLE_DAYS", 7)

# --- logs ---
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": (
                structlog.processors.JSONRenderer()
                if env.bool("NLOPS_JSON_LOGS", not INSECURE_HTTP)
                else structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
            ),
            "foreign_pre_chain": [
                structlog.contextvars.merge_contextvars,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.stdlib.add_log_level,
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("NLOPS_LOG_LEVEL", "INFO")},
    "loggers": {
        # Their INFO lines name full URLs with query arguments, which may hold personal data.
        "httpx2": {"level": "WARNING"},
        "httpcore2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        # Their warnings repeat what the issuer of tokens said.
        "azure": {"level": "ERROR"},
        "msal": {"level": "ERROR"},
        # Sets its own level to DEBUG when it is imported, later than this, and tells of every index that it builds.
        "bm25s": {"propagate": False},
    },
}

UNFOLD = {
    "SITE_TITLE": "nlops",
    "SITE_HEADER": "nlops",
    "SITE_URL": "/",
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/icon.svg"}],
    "SHOW_HISTORY": True,
    "ENVIRONMENT": "accounts.admin.environment",
}

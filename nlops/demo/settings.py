"""Settings of Keyring.

From the environment: DEMO_DATABASE_URL, DEMO_CLIENTS, DEMO_SECRET_KEY, DEMO_TOKEN_SECONDS, DEMO_SLOW_SECONDS and
DEMO_RATE.
"""

import hashlib

import environ

env = environ.Env()

DATABASES = {"default": env.db_url("DEMO_DATABASE_URL")}
# A change, its audit entry and its idempotent reply are one.
DATABASES["default"]["ATOMIC_REQUESTS"] = True
DATABASES["default"]["OPTIONS"] = {**DATABASES["default"].get("OPTIONS", {}), "pool": {"min_size": 1, "max_size": 8}}
#: "workspace:name:password,…": the clients that may log in, one workspace each.
DEMO_CLIENTS = env.str("DEMO_CLIENTS", "")
#: How long an access token is good.
DEMO_TOKEN_SECONDS = env.int("DEMO_TOKEN_SECONDS", 120)
#: Seconds that the slow operations (rotate a secret, run the maintenance job) take.
DEMO_SLOW_SECONDS = env.float("DEMO_SLOW_SECONDS", 3.0)
#: Requests per minute and client; reveals of secrets have a tenth of it.
DEMO_RATE = env.int("DEMO_RATE", 600)

#: Seals the secrets and signs the cursors. Without one of its own it follows from the clients: secrets that were
#: stored before DEMO_CLIENTS changed can then be rotated or deleted, not revealed.
SECRET_KEY = env.str("DEMO_SECRET_KEY", hashlib.sha256(f"keyring {DEMO_CLIENTS}".encode()).hexdigest())
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "drf_spectacular",
    "nlops.demo",
]
MIDDLEWARE = ["nlops.demo.problems.refuse_null_characters", "django.middleware.common.CommonMiddleware"]
APPEND_SLASH = False
ROOT_URLCONF = "nlops.demo.urls"
ASGI_APPLICATION = "nlops.demo.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
# Seeding two dozen people must not take seconds; nobody signs in to Keyring with these passwords.
PASSWORD_HASHERS = ["nlops.demo.passwords.QuickHasher"]
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["nlops.demo.tokens.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["nlops.demo.parsers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["nlops.demo.throttles.ClientThrottle"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "nlops.demo.problems.problem_details",
    "UNAUTHENTICATED_USER": None,
    "COERCE_DECIMAL_TO_STRING": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Keyring",
    "DESCRIPTION": "Who may use which secret: users, groups, safes, access requests and the audit log.",
    "VERSION": "1.5.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "nlops.demo.description.describe_path_parameters",
        "nlops.demo.description.describe_problems",
    ],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "TAGS": [
        {"name": "Users", "description": "People who use secrets"},
        {"name": "Groups", "description": "Groups of users"},
        {"name": "Safes", "description": "Safes, who may use them, and the secrets in them"},
        {"name": "Access requests", "description": "Requests of users for access to a safe"},
        {"name": "Audit log", "description": "Who did what, and when"},
        {"name": "System", "description": "State and settings of Keyring itself"},
    ],
}

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from accounts.admin_site import site
from nlops import health

#: allauth's own limits, on signing in and the like
handler429 = "accounts.middleware.too_many"

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", site.urls),
    path("accounts/", include("allauth.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/", include("accounts.urls_api")),
    path("api/v1/", include("conversations.urls_api")),
    path("api/v1/", include("specs.urls_api")),
    path("", include("accounts.urls")),
    path("", include("specs.urls")),
    path("", include("conversations.urls")),
]

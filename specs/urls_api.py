from django.urls import path

from specs import api, own_api, policy_api, service_api

urlpatterns = [
    path("products/", api.ProductListView.as_view(), name="api_products"),
    path("products/<slug:slug>/versions/", api.VersionListView.as_view(), name="api_versions"),
    path("products/<slug:slug>/versions/<int:number>/", api.VersionView.as_view(), name="api_version"),
    path("products/<slug:slug>/versions/<int:number>/activate/", api.ActivateView.as_view(), name="api_activate"),
    path("products/<slug:slug>/versions/<int:number>/diff/", api.DiffView.as_view(), name="api_diff"),
    path("products/<slug:slug>/examples/", api.ExampleListView.as_view(), name="api_examples"),
    path("products/<slug:slug>/examples/<uuid:pk>/", api.ExampleView.as_view(), name="api_example"),
    path("products/<slug:slug>/policies/", policy_api.PolicyListView.as_view(), name="api_policies"),
    path("products/<slug:slug>/policies/bulk/", policy_api.PolicyBulkView.as_view(), name="api_policies_bulk"),
    path("products/<slug:slug>/rules/", policy_api.RuleListView.as_view(), name="api_rules"),
    path("products/<slug:slug>/rules/<uuid:pk>/", policy_api.RuleView.as_view(), name="api_rule"),
    path("products/<slug:slug>/trusted/", policy_api.TrustListView.as_view(), name="api_trusted"),
    path("products/<slug:slug>/trusted/<uuid:pk>/", policy_api.TrustView.as_view(), name="api_trusted_one"),
    path("products/<slug:slug>/replay/", policy_api.ReplayView.as_view(), name="api_replay"),
    path("products/<slug:slug>/access/", policy_api.AccessView.as_view(), name="api_access"),
    path("products/<slug:slug>/access/why/", policy_api.WhyView.as_view(), name="api_access_why"),
    path("my-connections/", own_api.OwnAccountListView.as_view(), name="api_my_connections"),
    path("my-connections/<slug:slug>/", own_api.OwnAccountView.as_view(), name="api_my_connection"),
    path("products/<slug:slug>/services/", service_api.ServiceListView.as_view(), name="api_services"),
    path("products/<slug:slug>/services/<slug:service>/", service_api.ServiceView.as_view(), name="api_service"),
    path("products/<slug:slug>/operations/", service_api.OperationsView.as_view(), name="api_operations"),
    path("products/<slug:slug>/overlay/", service_api.OverlayView.as_view(), name="api_overlay"),
    path("products/<slug:slug>/versions/<int:number>/lint/", service_api.LintView.as_view(), name="api_lint"),
    path(
        "products/<slug:slug>/versions/<int:number>/lint/overlay.yaml",
        service_api.LintOverlayView.as_view(),
        name="api_lint_overlay",
    ),
]

from django.urls import path

from specs import access_views, example_views, lint_views, rule_views, service_views, trust_views, views

urlpatterns = [
    path("products/", views.ProductsView.as_view(), name="products"),
    path("products/<slug:slug>/", views.ProductView.as_view(), name="product"),
    path("products/<slug:slug>/versions/<int:number>/", views.VersionView.as_view(), name="version"),
    path("products/<slug:slug>/versions/<int:number>/activate/", views.ActivateView.as_view(), name="version_activate"),
    path("products/<slug:slug>/versions/<int:number>/diff/", views.DiffView.as_view(), name="version_diff"),
    path("products/<slug:slug>/connection/", views.ConnectionView.as_view(), name="product_connection"),
    path("products/<slug:slug>/connection/sign-in/", views.SignInView.as_view(), name="connection_sign_in"),
    path("connections/signed-in/", views.SignedInView.as_view(), name="signed_in"),
    path("products/<slug:slug>/connection/test/", views.ConnectionTestView.as_view(), name="connection_test"),
    path("products/<slug:slug>/whitelist/", views.WhitelistView.as_view(), name="product_whitelist"),
    path("products/<slug:slug>/whitelist/all/", views.WhitelistAllView.as_view(), name="whitelist_all"),
    path("products/<slug:slug>/whitelist-bulk/", views.WhitelistBulkView.as_view(), name="whitelist_bulk"),
    path(
        "products/<slug:slug>/whitelist/<slug:service>/",
        views.WhitelistServiceView.as_view(),
        name="whitelist_service",
    ),
    path("products/<slug:slug>/rules/", rule_views.RulesView.as_view(), name="product_rules"),
    path("products/<slug:slug>/rules/<uuid:pk>/", rule_views.RuleView.as_view(), name="product_rule"),
    path("products/<slug:slug>/rules/<uuid:pk>/delete/", rule_views.RuleDeleteView.as_view(), name="rule_delete"),
    path("products/<slug:slug>/trusted/", trust_views.TrustView.as_view(), name="product_trust"),
    path("products/<slug:slug>/trusted/<uuid:pk>/delete/", trust_views.TrustDeleteView.as_view(), name="trust_delete"),
    path("products/<slug:slug>/access/", access_views.AccessView.as_view(), name="product_access"),
    path("products/<slug:slug>/access/why/", access_views.WhyView.as_view(), name="access_why"),
    path("products/<slug:slug>/services/", service_views.ServicesView.as_view(), name="product_services"),
    path("products/<slug:slug>/services/<slug:service>/", service_views.ServiceView.as_view(), name="product_service"),
    path(
        "products/<slug:slug>/services/<slug:service>/operations/",
        service_views.ServiceOperationsView.as_view(),
        name="service_operations",
    ),
    path("products/<slug:slug>/lint/", lint_views.LintView.as_view(), name="product_lint"),
    path("products/<slug:slug>/lint/overlay/", lint_views.OverlayUploadView.as_view(), name="overlay_upload"),
    path("products/<slug:slug>/lint/overlay.yaml", lint_views.OverlayView.as_view(), name="lint_overlay"),
    path("products/<slug:slug>/examples/", example_views.ExamplesView.as_view(), name="product_examples"),
    path("products/<slug:slug>/examples/<uuid:pk>/", example_views.ExampleView.as_view(), name="product_example"),
]

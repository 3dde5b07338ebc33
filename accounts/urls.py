from django.urls import path

from accounts import token_views, views

urlpatterns = [
    path("profile/", views.ProfileView.as_view(), name="profile"),
    path("profile/tokens/", token_views.TokensView.as_view(), name="tokens"),
    path("profile/tokens/<uuid:pk>/revoke/", token_views.TokenRevokeView.as_view(), name="token_revoke"),
    path("consent/", views.ConsentView.as_view(), name="consent"),
    path("control/", views.ControlView.as_view(), name="control"),
    path("control/second-factor/", views.SecondFactorView.as_view(), name="second_factor"),
    path("staff/enter/", views.StaffEnterView.as_view(), name="staff_enter"),
    path("staff/leave/", views.StaffLeaveView.as_view(), name="staff_leave"),
]

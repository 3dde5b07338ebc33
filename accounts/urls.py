from django.urls import path

from accounts import member_views, token_views, views

urlpatterns = [
    path("profile/", views.ProfileView.as_view(), name="profile"),
    path("profile/tokens/", token_views.TokensView.as_view(), name="tokens"),
    path("profile/tokens/<uuid:pk>/revoke/", token_views.TokenRevokeView.as_view(), name="token_revoke"),
    path("profile/tenants/<uuid:pk>/", views.TenantChooseView.as_view(), name="tenant_choose"),
    path("profile/sessions/<int:pk>/end/", views.SessionEndView.as_view(), name="session_end"),
    path("consent/", views.ConsentView.as_view(), name="consent"),
    path("control/", views.ControlView.as_view(), name="control"),
    path("control/second-factor/", views.SecondFactorView.as_view(), name="second_factor"),
    path("members/", member_views.MembersView.as_view(), name="members"),
    path("members/<uuid:pk>/", member_views.MemberChangeView.as_view(), name="member_change"),
    path("invitations/<uuid:pk>/again/", member_views.InvitationAgainView.as_view(), name="invitation_again"),
    path("invitations/<uuid:pk>/revoke/", member_views.InvitationRevokeView.as_view(), name="invitation_revoke"),
    path("join/", member_views.JoinView.as_view(), name="join"),
    path("staff/enter/", views.StaffEnterView.as_view(), name="staff_enter"),
    path("staff/leave/", views.StaffLeaveView.as_view(), name="staff_leave"),
]

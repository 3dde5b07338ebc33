from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView

from nlops.demo import problems, tokens, views

handler404 = problems.no_such_path
handler500 = problems.own_fault

urlpatterns = [
    path("openapi.json", SpectacularJSONAPIView.as_view(), name="description"),
    path("auth/token", tokens.token),
    path("users", views.Users.as_view()),
    path("users/<str:username>", views.OneUser.as_view()),
    path("users/<str:username>/disable", views.DisableUser.as_view()),
    path("users/<str:username>/enable", views.EnableUser.as_view()),
    path("users/<str:username>/password", views.UserPassword.as_view()),
    path("users/<str:username>/groups", views.UserGroups.as_view()),
    path("groups", views.Groups.as_view()),
    path("groups/<str:name>", views.OneGroup.as_view()),
    path("groups/<str:name>/members", views.GroupMembers.as_view()),
    path("groups/<str:name>/members/<str:username>", views.OneGroupMember.as_view()),
    path("safes", views.Safes.as_view()),
    path("safes/<str:name>", views.OneSafe.as_view()),
    path("safes/<str:name>/members", views.SafeMembers.as_view()),
    path("safes/<str:name>/members/<str:username>", views.OneSafeMember.as_view()),
    path("safes/<str:name>/secrets", views.Secrets.as_view()),
    path("safes/<str:name>/secrets/<str:secret_name>", views.OneSecret.as_view()),
    path("safes/<str:name>/secrets/<str:secret_name>/value", views.RevealSecret.as_view()),
    path("safes/<str:name>/secrets/<str:secret_name>/rotate", views.RotateSecret.as_view()),
    path("access-requests", views.AccessRequests.as_view()),
    path("access-requests/<int:request_id>", views.OneAccessRequest.as_view()),
    path("access-requests/<int:request_id>/approve", views.ApproveAccessRequest.as_view()),
    path("access-requests/<int:request_id>/deny", views.DenyAccessRequest.as_view()),
    path("access-requests/<int:request_id>/cancel", views.CancelAccessRequest.as_view()),
    path("audit-log", views.AuditLog.as_view()),
    path("audit-log/<int:entry_id>", views.OneAuditEntry.as_view()),
    path("system/health", views.SystemHealth.as_view()),
    path("system/version", views.SystemVersion.as_view()),
    path("system/settings", views.Settings.as_view()),
    path("system/statistics", views.SystemStatistics.as_view()),
    path("system/maintenance", views.Maintenance.as_view()),
]

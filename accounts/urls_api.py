from django.urls import path

from accounts import api

urlpatterns = [
    path("members/", api.MemberListView.as_view(), name="api_members"),
    path("members/<uuid:pk>/", api.MemberView.as_view(), name="api_member"),
    path("invitations/", api.InvitationListView.as_view(), name="api_invitations"),
    path("invitations/<uuid:pk>/", api.InvitationView.as_view(), name="api_invitation"),
    path("invitations/<uuid:pk>/again/", api.InvitationAgainView.as_view(), name="api_invitation_again"),
]

from django.urls import path

from conversations import views
from conversations.stream import stream

urlpatterns = [
    path("", views.ChatView.as_view(), name="chat"),
    path("c/<uuid:pk>/", views.ChatView.as_view(), name="conversation"),
    path("c/<uuid:pk>/stream", stream, name="conversation_stream"),
    path("c/<uuid:pk>/news", views.NewsView.as_view(), name="conversation_news"),
    path("runs/<uuid:pk>/calls/<path:key>.csv", views.CallCsvView.as_view(), name="call_csv"),
    path("runs/<uuid:pk>/<slug:act>/", views.RunActView.as_view(), name="run_act"),
    path("approvals/", views.ApprovalsView.as_view(), name="approvals"),
    path("approvals/count/", views.ApprovalsCountView.as_view(), name="approvals_count"),
    path("approvals/<uuid:pk>/", views.ApprovalView.as_view(), name="approval"),
    path("approvals/<uuid:pk>/status/", views.ApprovalStatusView.as_view(), name="approval_status"),
]

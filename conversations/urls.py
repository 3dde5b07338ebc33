from django.urls import path

from conversations import budget_views, notice_views, prompt_views, usage_views, views
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
    path("approvals/notices/", notice_views.NoticesView.as_view(), name="notices"),
    path("approvals/notices/mail/", notice_views.NoticesMailView.as_view(), name="notices_mail"),
    path("approvals/notices/<uuid:pk>/", notice_views.WebhookView.as_view(), name="webhook"),
    path("approvals/<uuid:pk>/", views.ApprovalView.as_view(), name="approval"),
    path("approvals/<uuid:pk>/ask/", views.ApprovalEnquireView.as_view(), name="approval_enquire"),
    path("approvals/<uuid:pk>/claim/", views.ApprovalClaimView.as_view(), name="approval_claim"),
    path("approvals/<uuid:pk>/state/", views.ApprovalStateView.as_view(), name="approval_state"),
    path("approvals/<uuid:pk>/status/", views.ApprovalStatusView.as_view(), name="approval_status"),
    path("prompt/", prompt_views.PromptsView.as_view(), name="prompts"),
    path("prompt/<int:number>/", prompt_views.PromptView.as_view(), name="prompt"),
    path("prompt/<int:number>/activate/", prompt_views.PromptActivateView.as_view(), name="prompt_activate"),
    path("usage/", usage_views.UsageView.as_view(), name="usage"),
    path("usage/budget/", budget_views.BudgetView.as_view(), name="budget"),
    path("usage.csv", usage_views.UsageCsvView.as_view(), name="usage_csv"),
]

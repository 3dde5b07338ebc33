from django.urls import path

from conversations import api, budget_views, prompt_api

urlpatterns = [
    path("ask/", api.AskView.as_view(), name="api_ask"),
    path("runs/<uuid:pk>/", api.RunView.as_view(), name="api_run"),
    path("runs/<uuid:pk>/calls/<path:key>.csv", api.CallCsvView.as_view(), name="api_call_csv"),
    path("runs/<uuid:pk>/turns/", prompt_api.TurnsView.as_view(), name="api_run_turns"),
    path("runs/<uuid:pk>/<slug:act>/", api.RunActView.as_view(), name="api_run_act"),
    path("approvals/", api.ApprovalListView.as_view(), name="api_approvals"),
    path("approvals/<uuid:pk>/ask/", api.ApprovalEnquireView.as_view(), name="api_approval_ask"),
    path("approvals/<uuid:pk>/decide/", api.ApprovalDecideView.as_view(), name="api_approval_decide"),
    path("prompts/", prompt_api.PromptListView.as_view(), name="api_prompts"),
    path("prompts/<int:number>/activate/", prompt_api.PromptActivateView.as_view(), name="api_prompt_activate"),
    path("usage/budget/", budget_views.BudgetApiView.as_view(), name="api_budget"),
    path("usage/", prompt_api.UsageView.as_view(), name="api_usage"),
]

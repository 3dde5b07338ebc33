from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "conversations"
    verbose_name = "Conversations"

    def ready(self) -> None:
        """What of conversations depends on operations is told where a version is activated or a policy is changed."""
        from conversations.impact import waiting_approvals
        from conversations.recorded import recorded_calls
        from specs.replaying import set_recorded_calls
        from specs.versions import add_impact

        add_impact(waiting_approvals)
        set_recorded_calls(recorded_calls)

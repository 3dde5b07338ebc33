from django.apps import AppConfig


class ConversationsConfig(AppConfig):
    name = "conversations"
    verbose_name = "Conversations"

    def ready(self) -> None:
        """What of conversations depends on operations is told where a version is activated."""
        from conversations.impact import waiting_approvals
        from specs.versions import add_impact

        add_impact(waiting_approvals)

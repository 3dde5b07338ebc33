from django.db import migrations

from accounts.rls import WatcherFunction


class Migration(migrations.Migration):

    dependencies = [
        ("conversations", "0005_budgets"),
    ]

    operations = [
        WatcherFunction(
            name="nlops_waiting_tenants",
            model="Run",
            columns=["conversation_id", "number", "finished_at"],
            returns="TABLE (tenant uuid, run uuid, under_way bigint)",
            body=(
                "SELECT DISTINCT ON (run.tenant_id) run.tenant_id, run.id, ("
                "SELECT count(*) FROM conversations_run begun WHERE begun.status = 'working' "
                "AND begun.finished_at IS NULL AND begun.lease_until > now() AND begun.tenant_id = run.tenant_id) "
                "FROM conversations_run run WHERE run.status = 'queued' AND run.finished_at IS NULL "
                "AND coalesce(run.wake_at, now()) <= now() "
                "AND (run.lease_until IS NULL OR run.lease_until <= now()) "
                "AND NOT EXISTS (SELECT 1 FROM conversations_run before "
                "WHERE before.conversation_id = run.conversation_id AND before.number < run.number "
                "AND before.status IN ('queued', 'working')) "
                "ORDER BY run.tenant_id, run.created_at"
            ),
        ),
    ]

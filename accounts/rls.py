"""Row-level security of the tenant tables, as operations for migrations.

PostgreSQL documentation, chapter "Row Security Policies": FORCE binds the owner too; a superuser or a role with
BYPASSRLS is never bound, so the application must run as neither (accounts.checks tells).
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

#: The tenant of the transaction, NULL when none is set.
CURRENT_TENANT = "NULLIF(current_setting('nlops.tenant', true), '')::uuid"
#: The signed-in user of the transaction, NULL when none is set.
CURRENT_USER = "NULLIF(current_setting('nlops.user', true), '')::bigint"
#: The role that owns the SECURITY DEFINER functions; it may read only what WatcherFunction grants it.
WATCHER = "nlops_watcher"


def application_role() -> str:
    """Name of the database role that the application runs as."""
    return settings.DATABASES["default"]["USER"] or "nlops_app"


class EnableRowLevelSecurity(Operation):
    """Bind a tenant table's rows to the transaction's tenant, for reading and for writing.

    `or_own_user`: rows whose user_id is the transaction's user can be read, too (sign-in comes before the tenant).
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, model: str, *, or_own_user: bool = False) -> None:
        self.model = model
        self.or_own_user = or_own_user

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.model], {"or_own_user": self.or_own_user})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The models are as before."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = schema_editor.quote_name(to_state.apps.get_model(app_label, self.model)._meta.db_table)
        role = schema_editor.quote_name(application_role())
        schema_editor.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        schema_editor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        schema_editor.execute(
            f"CREATE POLICY tenant ON {table} "
            f"USING (tenant_id = {CURRENT_TENANT}) WITH CHECK (tenant_id = {CURRENT_TENANT})"
        )
        if self.or_own_user:
            schema_editor.execute(f"CREATE POLICY own_user ON {table} FOR SELECT USING (user_id = {CURRENT_USER})")
        schema_editor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}")

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = schema_editor.quote_name(from_state.apps.get_model(app_label, self.model)._meta.db_table)
        schema_editor.execute(f"DROP POLICY IF EXISTS own_user ON {table}")
        schema_editor.execute(f"DROP POLICY tenant ON {table}")
        schema_editor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        schema_editor.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")

    def describe(self) -> str:
        return f"Bind {self.model} to the tenant by row-level security"


class AppendOnly(Operation):
    """Rows of a table never change: a trigger refuses UPDATE to everybody, the application may not DELETE either.

    Only the owner of the database can remove rows, with a whole tenant.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(self, model: str) -> None:
        self.model = model

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.model], {})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The models are as before."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = schema_editor.quote_name(to_state.apps.get_model(app_label, self.model)._meta.db_table)
        role = schema_editor.quote_name(application_role())
        schema_editor.execute(
            "CREATE OR REPLACE FUNCTION nlops_never_changes() RETURNS trigger LANGUAGE plpgsql AS $body$ "
            "BEGIN RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', "
            "MESSAGE = 'rows of ' || TG_TABLE_NAME || ' never change; add a new one'; END $body$"
        )
        schema_editor.execute(
            f"CREATE TRIGGER never_changes BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION nlops_never_changes()"
        )
        schema_editor.execute(f"REVOKE UPDATE, DELETE ON {table} FROM {role}")

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = schema_editor.quote_name(from_state.apps.get_model(app_label, self.model)._meta.db_table)
        role = schema_editor.quote_name(application_role())
        schema_editor.execute(f"DROP TRIGGER never_changes ON {table}")
        schema_editor.execute(f"GRANT UPDATE, DELETE ON {table} TO {role}")

    def describe(self) -> str:
        return f"Keep the rows of {self.model} as they were written"


class ReadOnly(Operation):
    """The application may only read the table: triggers of the database write it."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, model: str) -> None:
        self.model = model

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return (type(self).__name__, [self.model], {})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The models are as before."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self._execute("REVOKE INSERT, UPDATE, DELETE ON {} FROM {}", app_label, schema_editor, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self._execute("GRANT INSERT, UPDATE, DELETE ON {} TO {}", app_label, schema_editor, from_state)

    def _execute(self, sql: str, app_label: str, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState) -> None:
        table = state.apps.get_model(app_label, self.model)._meta.db_table
        schema_editor.execute(sql.format(schema_editor.quote_name(table), schema_editor.quote_name(application_role())))

    def describe(self) -> str:
        return f"Keep {self.model} from being written by the application"


class WatcherFunction(Operation):
    """A SECURITY DEFINER function that sees across tenants, narrowly: it returns ids or counts, nothing else.

    It runs as nlops_watcher, to whom a policy and a column grant open exactly the table and columns it reads.
    """

    reversible = True

    def __init__(self, *, name: str, model: str, columns: list[str], returns: str, body: str) -> None:
        self.name = name
        self.model = model
        self.columns = columns
        self.returns = returns
        self.body = body

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        fields = ("name", "model", "columns", "returns", "body")
        return (type(self).__name__, [], {field: getattr(self, field) for field in fields})

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The models are as before."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        quote = schema_editor.quote_name
        table = quote(to_state.apps.get_model(app_label, self.model)._meta.db_table)
        columns = ", ".join(quote(column) for column in self.columns)
        policy = quote(f"watch_{self.name}")
        schema_editor.execute(f"GRANT SELECT ({columns}) ON {table} TO {WATCHER}")
        schema_editor.execute(f"CREATE POLICY {policy} ON {table} FOR SELECT TO {WATCHER} USING (true)")
        schema_editor.execute(
            f"CREATE FUNCTION {self.name}() RETURNS {self.returns} LANGUAGE sql STABLE SECURITY DEFINER "
            f"SET search_path = public, pg_temp AS $body$ {self.body} $body$"
        )
        schema_editor.execute(f"REVOKE ALL ON FUNCTION {self.name}() FROM PUBLIC")
        schema_editor.execute(f"GRANT EXECUTE ON FUNCTION {self.name}() TO {quote(application_role())}")
        schema_editor.execute(f"ALTER FUNCTION {self.name}() OWNER TO {WATCHER}")

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        quote = schema_editor.quote_name
        table = quote(from_state.apps.get_model(app_label, self.model)._meta.db_table)
        schema_editor.execute(f"DROP FUNCTION {self.name}()")
        schema_editor.execute(f"DROP POLICY {quote(f'watch_{self.name}')} ON {table}")
        schema_editor.execute(f"REVOKE SELECT ON {table} FROM {WATCHER}")  # noqa: S608  # nosec B608

    def describe(self) -> str:
        return f"Open {self.model}'s {', '.join(self.columns)} to the watcher function {self.name}"

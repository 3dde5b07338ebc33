"""Roles and databases for nlops on any PostgreSQL from 15 on. Doing it twice changes nothing.

Three roles, so that row-level security binds the application: an *owner* who runs migrations, the
*application* role that owns nothing, and a *watcher* who cannot log in and owns the few SECURITY DEFINER
functions that look across tenants.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

WATCHER = "nlops_watcher"
#: Key of the advisory lock that provisioning holds; any number that nobody else uses.
PROVISIONING = 6_571_204_417
#: Rights that none of our roles may have; each would let it see what row-level security hides or take more.
FORBIDDEN_RIGHTS = ("rolsuper", "rolbypassrls", "rolcreatedb", "rolcreaterole", "rolreplication")


class ProvisioningError(Exception):
    """The database cannot be set up as asked."""


@dataclass(frozen=True)
class Login:
    """Who connects to which database, taken from a URL."""

    user: str
    #: Empty: the role is left as it is, or made without one.
    password: str
    database: str


def login_of(url: str, purpose: str) -> Login:
    """Read user, password and database from a connection URL. Raises ProvisioningError."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise ProvisioningError(f"{purpose} is not a PostgreSQL URL: {error}".strip()) from error
    user, database = parts.get("user"), parts.get("dbname")
    if not user or not database:
        raise ProvisioningError(
            f"{purpose} must name a user and a database: postgresql://USER:PASSWORD@HOST:5432/DATABASE"
        )
    return Login(str(user), str(parts.get("password") or ""), str(database))


def provision(admin_url: str, app_url: str, owner_url: str, watcher: str = WATCHER) -> None:
    """Create or mend the roles and the database of nlops.

    `admin_url`: a superuser, or a role with CREATEROLE and CREATEDB, connected to any database of the server.
    `app_url`, `owner_url`: DATABASE_URL and DATABASE_OWNER_URL, from which names and passwords are taken.
    Raises ProvisioningError.
    """
    app = login_of(app_url, "DATABASE_URL")
    owner = login_of(owner_url, "DATABASE_OWNER_URL")
    admin = login_of(admin_url, "The administrator's URL").user
    if len({app.user, owner.user, watcher, admin}) != 4:
        raise ProvisioningError(
            f"Administrator ({admin}), owner ({owner.user}), application ({app.user}) and watcher "
            f"({watcher}) must be four different roles: row-level security binds no owner and no superuser."
        )
    if app.database != owner.database:
        raise ProvisioningError(
            f"DATABASE_URL names the database {app.database}, DATABASE_OWNER_URL {owner.database}: "
            f"both must name the same one."
        )
    with _connect(admin_url) as connection:
        # Roles belong to the whole server: two who set it up at once wait for each other.
        connection.execute("SELECT pg_advisory_lock(%s)", [PROVISIONING])
        ensure_role(connection, owner.user, login=True, password=owner.password)
        ensure_role(connection, app.user, login=True, password=app.password)
        ensure_role(connection, watcher, login=False)
        _refuse_memberships(connection, app.user)
        ensure_database(connection, owner.database, owner.user)
    with _connect(admin_url, owner.database) as connection:
        _grant(connection, owner=owner.user, app=app.user, watcher=watcher, database=owner.database)
    with _connect(admin_url) as connection:
        # Last: before 16 it ends the owner's implicit ownership of the schema, which now is a real one.
        _let_owner_become_watcher(connection, owner.user, watcher)


def provision_owned_database(admin_url: str, url: str) -> None:
    """Create a role and a database that it owns, both named by `url` (the demo product's)."""
    login = login_of(url, "The database URL")
    with _connect(admin_url) as connection:
        ensure_role(connection, login.user, login=True, password=login.password)
        ensure_database(connection, login.database, login.user)


def ensure_role(connection: psycopg.Connection, name: str, *, login: bool, password: str = "") -> None:
    """Create the role, or bring it to what it must be. Raises ProvisioningError if that is not allowed."""
    role = sql.Identifier(name)
    wanted = sql.SQL("LOGIN" if login else "NOLOGIN")
    row = connection.execute(
        f"SELECT rolcanlogin, {', '.join(FORBIDDEN_RIGHTS)} FROM pg_roles WHERE rolname = %s",  # noqa: S608  # nosec
        [name],
    ).fetchone()
    try:
        if row is None:
            connection.execute(sql.SQL("CREATE ROLE {} {}").format(role, wanted))
        elif row[0] != login or any(row[1:]):
            connection.execute(
                sql.SQL("ALTER ROLE {} {} NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION").format(
                    role, wanted
                )
            )
    except psycopg.errors.InsufficientPrivilege as error:
        raise ProvisioningError(
            f"The role {name} exists with rights that it must not have (or cannot be made), and the "
            f"administrator may not change that: {error.diag.message_primary}. Connect as a superuser."
        ) from error
    if password:
        # Hashed here, so that the password itself is in no statement and no server log.
        hashed = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, sql.Literal(hashed.decode())))


def ensure_database(connection: psycopg.Connection, name: str, owner: str) -> None:
    """Create the database in UTF-8, or hand it to its owner."""
    row = connection.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [name]).fetchone()
    if row is not None and row[0] == owner:
        return
    _become_able_to_own_for(connection, owner)
    words = "ALTER DATABASE {} OWNER TO {}" if row else "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0"
    connection.execute(sql.SQL(words).format(sql.Identifier(name), sql.Identifier(owner)))


def _connect(url: str, database: str = "") -> psycopg.Connection:
    try:
        return psycopg.connect(make_conninfo(url, **({"dbname": database} if database else {})), autocommit=True)
    except psycopg.OperationalError as error:
        words = " ".join(str(error).split())
        raise ProvisioningError(f"The administrator cannot connect to PostgreSQL: {words}") from error


def _become_able_to_own_for(connection: psycopg.Connection, owner: str) -> bool:
    """Let an administrator who is no superuser act for the owner; False if it is one and need not."""
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if row and row[0]:
        return False
    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))
    return True


def _refuse_memberships(connection: psycopg.Connection, app: str) -> None:
    rows = connection.execute(
        "SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = to_regrole(quote_ident(%s))",
        [app],
    ).fetchall()
    if rows:
        raise ProvisioningError(
            f"The application role {app} is a member of {', '.join(row[0] for row in rows)}, whose rights it "
            f"could take. Revoke that, or name another role in DATABASE_URL."
        )


def _let_owner_become_watcher(connection: psycopg.Connection, owner: str, watcher: str) -> None:
    """The owner may hand functions to the watcher, but does not see with the watcher's rights meanwhile."""
    names = {"owner": sql.Identifier(owner), "watcher": sql.Identifier(watcher)}
    if connection.info.server_version >= 160000:
        connection.execute(sql.SQL("GRANT {watcher} TO {owner} WITH INHERIT FALSE, SET TRUE").format(**names))
    else:
        # Before 16 inheriting is a property of the member.
        connection.execute(sql.SQL("ALTER ROLE {owner} NOINHERIT").format(**names))
        connection.execute(sql.SQL("GRANT {watcher} TO {owner}").format(**names))


def _grant(connection: psycopg.Connection, *, owner: str, app: str, watcher: str, database: str) -> None:
    if _become_able_to_own_for(connection, owner):
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
    names = {
        "owner": sql.Identifier(owner),
        "app": sql.Identifier(app),
        "watcher": sql.Identifier(watcher),
        "database": sql.Identifier(database),
    }
    statements = """
        ALTER SCHEMA public OWNER TO {owner};
        REVOKE ALL ON SCHEMA public FROM PUBLIC;
        GRANT USAGE ON SCHEMA public TO {app}, {watcher};
        GRANT CREATE ON SCHEMA public TO {watcher};
        REVOKE ALL ON DATABASE {database} FROM PUBLIC;
        GRANT CONNECT ON DATABASE {database} TO {app};
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public
            GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {app};
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {app}
    """
    for statement in statements.split(";"):
        connection.execute(sql.SQL(statement).format(**names))

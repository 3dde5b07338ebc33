"""Real PostgreSQL, Valkey and children: started, killed, recognised, provisioned."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from nlops.services.last_demo import demo_is_running, read_environment
from nlops.services.ports import free_port
from nlops.services.postgres import EmbeddedPostgres, PostgresUnusable
from nlops.services.processes import Command, ProcessRecord, ProcessRecords, spawn
from nlops.services.provision import ProvisioningError, provision, provision_owned_database
from nlops.services.supervise import ChildKeepsFalling, NotReadyInTime, StopRequested, Supervisor, TaskFailed
from nlops.services.testing import postgres_admin_url

BASE_DIR = Path(__file__).resolve().parent.parent.parent
FOREVER = "import time; print('up', flush=True); time.sleep(300)"


def command(name: str, program: str, *arguments: str, **options: object) -> Command:
    return Command(
        name=name,
        arguments=[sys.executable, "-c", program, *arguments],
        environment=dict(os.environ),
        directory=BASE_DIR,
        **options,  # type: ignore[arg-type]
    )


def eventually(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.05)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    supervisor = Supervisor(tmp_path, tmp_path, said.append)
    yield supervisor
    supervisor.stop()
    for number, handler in handlers.items():
        signal.signal(number, handler)


class TestLeftovers:
    def test_a_child_of_a_killed_run_is_stopped(self, tmp_path: Path, said: list[str]) -> None:
        orphan = spawn(command("web", FOREVER), tmp_path / "web.log")
        ProcessRecords(tmp_path).write(command("web", FOREVER), orphan.pid)
        ProcessRecords(tmp_path).stop_leftovers(said.append)
        assert not psutil.pid_exists(orphan.pid)
        assert "web" in said[0]
        assert not list((tmp_path / "processes").iterdir())

    @pytest.mark.parametrize(
        "change", [{"created": 1.0}, {"command_line": ["/usr/bin/somebody", "else"]}, {"pid": 2**22 - 1}]
    )
    def test_a_stranger_with_the_same_pid_is_left_alone(self, tmp_path: Path, said: list[str], change: dict) -> None:
        stranger = spawn(command("web", FOREVER), tmp_path / "web.log")
        records = ProcessRecords(tmp_path)
        records.write(command("web", FOREVER), stranger.pid)
        path = tmp_path / "processes" / "web.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        records.stop_leftovers(said.append)
        assert stranger.poll() is None
        assert said == []
        assert not path.exists()
        stranger.kill()
        stranger.wait()

    def test_a_damaged_record_is_forgotten(self, tmp_path: Path, said: list[str]) -> None:
        (tmp_path / "processes").mkdir()
        (tmp_path / "processes" / "web.json").write_text('{"pid": ')
        ProcessRecords(tmp_path).stop_leftovers(said.append)
        assert not list((tmp_path / "processes").iterdir())

    def test_a_process_is_found_by_its_record_until_it_ends(self, tmp_path: Path) -> None:
        child = spawn(command("web", FOREVER), tmp_path / "log")
        record = ProcessRecord.of(child.pid)
        assert record.find() is not None
        child.kill()
        child.wait()
        assert record.find() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from nlops.services.supervise import Supervisor
from tests.faults.test_services import FOREVER, command
supervisor = Supervisor(Path(sys.argv[1]), Path(sys.argv[1]), print)
supervisor.start(command("web", FOREVER))
print(supervisor.children["web"].process.pid, flush=True)
time.sleep(300)
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], cwd=BASE_DIR, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 5)


class TestSupervisor:
    def test_a_killed_child_is_started_again(self, supervisor: Supervisor, said: list[str]) -> None:
        supervisor.start(command("engine", FOREVER))
        first = supervisor.children["engine"].process
        first.kill()
        supervisor.wait_until(lambda: supervisor.children["engine"].process.pid != first.pid, "engine", Path(), 5)
        assert said == ["engine was killed by SIGKILL; starting it again."]

    def test_one_that_never_starts_ends_the_start_with_its_log(self, supervisor: Supervisor) -> None:
        supervisor.start(command("engine", "raise SystemExit('no model here')"))
        with pytest.raises(ChildKeepsFalling, match=r"(?s)engine does not start.*no model here"):
            supervisor.wait_until(lambda: False, "engine", Path(), 30)

    def test_once_all_runs_one_that_keeps_falling_is_tried_ever_more_rarely(
        self, supervisor: Supervisor, said: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("nlops.services.supervise.BACK_OFF", (0.01, 0.01, 0.5))
        supervisor.patient = True
        supervisor.start(command("engine", "raise SystemExit(3)"))
        with pytest.raises(NotReadyInTime):
            supervisor.wait_until(lambda: len(said) > 12, "engine", Path(), 3)
        assert "engine.log" in said[2]
        assert 3 <= len(said) <= 8

    def test_a_task_that_fails_is_told_with_the_end_of_its_log(self, supervisor: Supervisor) -> None:
        supervisor.start_task(command("migrate", "raise SystemExit('no such table')"))
        with pytest.raises(TaskFailed, match=r"(?s)migrate ended with status 1.*no such table"):
            supervisor.finish_tasks(20)

    def test_stop_ends_children_of_children_and_those_that_do_not_listen(self, supervisor: Supervisor) -> None:
        program = (
            "import signal, subprocess, sys, time\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'])\n"
            "print('pid', child.pid, flush=True)\n"
            "time.sleep(300)"
        )
        supervisor.start(command("deaf", program, stop=((signal.SIGTERM, 0.3),)))
        log = supervisor.log("deaf")
        eventually(lambda: "pid" in log.read_text())
        grandchild = psutil.Process(int(log.read_text().split()[1]))
        process = supervisor.children["deaf"].process
        supervisor.stop()
        assert not psutil.pid_exists(process.pid)
        eventually(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE, 5)

    def test_a_signal_asks_for_the_end_between_two_looks(self, supervisor: Supervisor) -> None:
        supervisor.listen_to_signals()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(StopRequested):
            supervisor.look()


class Run:
    """The demo's own run, with nothing but its databases, in a process of its own."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.only_databases", str(port), str(directory)],
            cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[str] = []

    def ready(self) -> "Run":
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("nlops is ready at"):
                return self
        assert self.process.stderr is not None
        raise AssertionError(f"It ended: {self.lines} {self.process.stderr.read()}")

    @property
    def environment(self) -> dict[str, str]:
        return read_environment(self.directory / "run" / "demo.env")

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def start(name: str = "var", port: int | None = None) -> Run:
        runs.append(Run(tmp_path / name, port or free_port()))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.end(signal.SIGTERM)


@pytest.mark.slow
class TestDemoRun:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_wanted_stop_ends_all_children_and_keeps_the_data(
        self, start: Callable[..., Run], number: signal.Signals
    ) -> None:
        run = start().ready()
        with psycopg.connect(run.environment["DATABASE_OWNER_URL"]) as connection:
            connection.execute("CREATE TABLE kept (word text)")
            connection.execute("INSERT INTO kept VALUES ('yes')")
        redis.Redis.from_url(run.environment["CELERY_BROKER_URL"]).set("queued", "task")
        children = run.children()
        assert run.end(number) == 0
        assert not [child for child in children if child.is_running()]
        assert run.environment == {}
        again = start().ready()
        with psycopg.connect(again.environment["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT word FROM kept").fetchone() == ("yes",)
        assert redis.Redis.from_url(again.environment["CELERY_BROKER_URL"]).get("queued") == b"task"

    def test_after_a_kill_9_the_next_start_works_and_finds_the_data(self, start: Callable[..., Run]) -> None:
        run = start().ready()
        with psycopg.connect(run.environment["DATABASE_OWNER_URL"]) as connection:
            connection.execute("CREATE TABLE kept ()")
        run.end(signal.SIGKILL)
        assert not demo_is_running(run.directory)
        again = start(port=run.port).ready()
        assert "is taken" not in "".join(again.lines)
        with psycopg.connect(again.environment["DATABASE_URL"]) as connection:
            connection.execute("SELECT FROM kept")

    def test_after_a_kill_9_of_all_at_once_the_next_start_works(self, start: Callable[..., Run]) -> None:
        run = start().ready()
        for process in [psutil.Process(run.process.pid), *run.children()]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        run.process.wait()
        start().ready()

    def test_a_second_start_says_where_the_first_answers(self, start: Callable[..., Run]) -> None:
        first = start().ready()
        address = first.lines[-1].removeprefix("nlops is ready at ")
        second = start()
        _, errors = second.process.communicate(timeout=20)
        assert second.process.returncode == 1
        assert f"is already running at {address} (process {first.process.pid})" in errors
        assert "Traceback" not in errors
        assert psycopg.connect(first.environment["DATABASE_URL"])

    def test_a_taken_port_is_told_and_the_next_one_used(self, start: Callable[..., Run]) -> None:
        first = start("one").ready()
        second = start("two", first.port).ready()
        assert f"Port {first.port} is taken; using" in "\n".join(second.lines)
        assert first.lines[-1] != second.lines[-1]

    def test_a_long_path_with_spaces_works(self, start: Callable[..., Run]) -> None:
        run = start("a long " + "x" * 120).ready()
        assert psycopg.connect(run.environment["DATABASE_URL"])

    def test_killed_databases_come_back_at_the_same_address(self, start: Callable[..., Run]) -> None:
        run = start().ready()
        before = run.environment
        for child in psutil.Process(run.process.pid).children():
            child.kill()

        def both_answer() -> bool:
            try:
                psycopg.connect(before["DATABASE_URL"]).close()
                return bool(redis.Redis.from_url(before["CACHE_URL"]).ping())
            except (psycopg.OperationalError, redis.RedisError):
                return False

        time.sleep(0.2)
        eventually(both_answer)


@pytest.mark.slow
class TestEmbeddedPostgres:
    def test_a_pid_file_that_names_a_strangers_process_is_removed(self, tmp_path: Path) -> None:
        postgres = EmbeddedPostgres(tmp_path, durable=False)
        postgres.prepare(print)
        pid_file = postgres.data / "postmaster.pid"
        pid_file.write_text(f"{os.getpid()}\n{postgres.data}\n")
        postgres.prepare(print)
        assert not pid_file.exists()

    def test_an_interrupted_initdb_is_begun_again(self, tmp_path: Path) -> None:
        half = tmp_path / "data.new"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        postgres = EmbeddedPostgres(tmp_path, durable=False)
        postgres.prepare(print)
        assert (postgres.data / "global" / "pg_control").exists()

    def test_data_of_another_version_is_refused_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "PG_VERSION").write_text("15\n")
        with pytest.raises(PostgresUnusable, match="written by PostgreSQL 15, this is 18"):
            EmbeddedPostgres(tmp_path, durable=False).prepare(print)

    def test_foreign_files_in_its_place_are_not_deleted(self, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "thesis.txt").write_text("do not delete")
        with pytest.raises(PostgresUnusable, match="holds no database"):
            EmbeddedPostgres(tmp_path, durable=False).prepare(print)
        assert (tmp_path / "data" / "thesis.txt").exists()


@pytest.mark.slow
def test_services_for_tests_are_shared_and_end_with_their_last_user(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from nlops.services.testing import join_services\n"
        "print(join_services(Path(sys.argv[1])).postgres_admin, flush=True); sys.stdin.read()"
    )
    users = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path / "session")],
            cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    urls = {user.stdout.readline().strip() for user in users if user.stdout}
    assert len(urls) == 1
    url = urls.pop()
    psycopg.connect(url).close()
    users[0].kill()
    users[0].wait()
    time.sleep(1)
    psycopg.connect(url).close()
    users[1].kill()
    users[1].wait()
    eventually(lambda: not (tmp_path / "session").exists())


#: Roles are of the whole server: these tests use names of their own.
APP, OWNER, WATCHER, DATABASE = "tp_app", "tp_owner", "tp_watcher", "tp_data"


@pytest.mark.slow
class TestProvisioning:
    @pytest.fixture
    def admin(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(postgres_admin_url(), autocommit=True) as connection:
            self.drop(connection)
            yield connection
            self.drop(connection)

    def drop(self, connection: psycopg.Connection) -> None:
        for database in (DATABASE, "tp_product"):
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        for role in (APP, OWNER, WATCHER, "tp_product", "tp_admin"):
            connection.execute(f"DROP ROLE IF EXISTS {role}")

    def url(self, user: str, database: str = DATABASE, password: str = "") -> str:
        return psycopg.conninfo.make_conninfo(
            postgres_admin_url(), user=user, dbname=database, **({"password": password} if password else {})
        )

    def provision(self, admin_url: str = "") -> None:
        provision(admin_url or postgres_admin_url(), self.url(APP), self.url(OWNER), WATCHER)

    def test_the_roles_have_exactly_the_rights_they_need(self, admin: psycopg.Connection) -> None:
        self.provision()
        rows = admin.execute(
            "SELECT rolname, rolcanlogin, rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole "
            "FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1",
            [[APP, OWNER, WATCHER]],
        ).fetchall()
        assert rows == [(APP, True, False), (OWNER, True, False), (WATCHER, False, False)]

    def test_the_application_uses_tables_but_owns_and_makes_none(self, admin: psycopg.Connection) -> None:
        self.provision()
        with psycopg.connect(self.url(OWNER)) as owner:
            owner.execute("CREATE TABLE thing (id bigserial, word text)")
        with psycopg.connect(self.url(APP), autocommit=True) as app:
            app.execute("INSERT INTO thing (word) VALUES ('x')")
            assert app.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'thing'").fetchone() == (OWNER,)
            for forbidden in (
                "CREATE TABLE other ()", "DROP TABLE thing", "TRUNCATE thing", "CREATE DATABASE other",
                f"SET ROLE {OWNER}", f"SET ROLE {WATCHER}", "CREATE TEMP TABLE other ()",
            ):  # fmt: skip
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute(forbidden)

    def test_the_owner_hands_functions_to_the_watcher_but_sees_nothing_with_its_rights(
        self, admin: psycopg.Connection
    ) -> None:
        self.provision()
        with psycopg.connect(self.url(OWNER), autocommit=True) as owner:
            owner.execute("CREATE TABLE thing (id int); ALTER TABLE thing ENABLE ROW LEVEL SECURITY")
            owner.execute("ALTER TABLE thing FORCE ROW LEVEL SECURITY")
            owner.execute("CREATE POLICY own ON thing FOR INSERT WITH CHECK (true)")
            owner.execute(f"CREATE POLICY watch ON thing FOR SELECT TO {WATCHER} USING (true)")
            owner.execute(f"GRANT SELECT ON thing TO {WATCHER}")
            owner.execute("INSERT INTO thing VALUES (1)")
            owner.execute(
                "CREATE FUNCTION count_things() RETURNS bigint SECURITY DEFINER SET search_path = public "
                "LANGUAGE sql AS 'SELECT count(*) FROM thing'"
            )
            owner.execute(f"ALTER FUNCTION count_things() OWNER TO {WATCHER}")
            assert owner.execute("SELECT count(*) FROM thing").fetchone() == (0,)
            assert owner.execute("SELECT count_things()").fetchone() == (1,)

    def test_twice_changes_nothing_and_mends_what_was_wrong(self, admin: psycopg.Connection) -> None:
        self.provision()
        with psycopg.connect(self.url(OWNER)) as owner:
            owner.execute("CREATE TABLE thing ()")
        admin.execute(f"ALTER ROLE {APP} SUPERUSER BYPASSRLS")
        self.provision()
        row = admin.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", [APP]).fetchone()
        assert row == (False, False)
        with psycopg.connect(self.url(APP)) as app:
            app.execute("SELECT FROM thing")

    def test_an_application_role_that_could_become_another_is_refused(self, admin: psycopg.Connection) -> None:
        self.provision()
        admin.execute(f"GRANT {OWNER} TO {APP}")
        with pytest.raises(ProvisioningError, match=f"{APP} is a member of {OWNER}"):
            self.provision()

    def test_an_administrator_who_is_no_superuser_can_do_it(self, admin: psycopg.Connection) -> None:
        admin.execute("CREATE ROLE tp_admin LOGIN CREATEROLE CREATEDB PASSWORD 'pw'")
        self.provision(self.url("tp_admin", "postgres", "pw"))
        self.provision(self.url("tp_admin", "postgres", "pw"))
        with psycopg.connect(self.url(OWNER)) as owner:
            owner.execute("CREATE TABLE thing ()")
        with psycopg.connect(self.url(APP)) as app:
            app.execute("SELECT FROM thing")
        admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")

    def test_a_password_in_the_url_is_set_as_a_hash(self, admin: psycopg.Connection) -> None:
        provision(postgres_admin_url(), self.url(APP, password="s3cret-ä"), self.url(OWNER), WATCHER)
        row = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", [APP]).fetchone()
        assert row is not None
        assert row[0].startswith("SCRAM-SHA-256$")

    def test_the_demo_product_owns_its_database(self, admin: psycopg.Connection) -> None:
        for _ in range(2):
            provision_owned_database(postgres_admin_url(), self.url("tp_product", "tp_product"))
        with psycopg.connect(self.url("tp_product", "tp_product")) as connection:
            connection.execute("CREATE TABLE thing ()")

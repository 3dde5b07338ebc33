"""The demo's directory, its secrets, the environment file, and ports: no database, no children."""

import fcntl
import os
import socket
import sys
from pathlib import Path

import pytest

from nlops.services import last_demo
from nlops.services.last_demo import demo_is_running, load_demo_environment, read_environment
from nlops.services.ports import NoFreePort, listen
from nlops.services.postgres import socket_path_fits
from nlops.services.provision import ProvisioningError, login_of, provision
from nlops.services.var_directory import DemoAlreadyRuns, VarDirectory, VarDirectoryUnusable


@pytest.fixture
def as_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `manage.py ask` sees it: no pytest, no DATABASE_URL, no VAR."""
    monkeypatch.delitem(sys.modules, "pytest")
    monkeypatch.setattr(sys, "argv", ["manage.py", "ask"])
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("VAR", raising=False)


@pytest.fixture
def var(tmp_path: Path) -> VarDirectory:
    directory = VarDirectory(tmp_path / "a demo")
    directory.create()
    return directory


@pytest.mark.usefixtures("as_a_command")
class TestFindingTheDemo:
    def test_a_command_talks_to_the_last_demo_while_it_runs(self, var: VarDirectory, tmp_path: Path) -> None:
        var.remember_as_last(tmp_path)
        with var.held():
            var.write_environment({"DATABASE_URL": "postgresql://a@/b?host=/c", "SECRET_KEY": "x=y"})
            assert load_demo_environment(tmp_path) == {
                "DATABASE_URL": "postgresql://a@/b?host=/c",
                "SECRET_KEY": "x=y",
            }

    def test_what_a_killed_demo_left_is_not_believed(self, var: VarDirectory, tmp_path: Path) -> None:
        var.remember_as_last(tmp_path)
        with var.held():
            var.write_environment({"DATABASE_URL": "postgresql://a@/b"})
        assert load_demo_environment(tmp_path) == {}

    def test_var_names_another_demo_than_the_last(
        self, var: VarDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = VarDirectory(tmp_path / "other")
        other.create()
        other.remember_as_last(tmp_path)
        monkeypatch.setenv("VAR", str(var.path))
        with var.held():
            var.write_environment({"DATABASE_URL": "postgresql://named@/b"})
            assert load_demo_environment(tmp_path) == {"DATABASE_URL": "postgresql://named@/b"}

    def test_an_environment_with_a_database_wins(
        self, var: VarDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgresql://mine@/b")
        monkeypatch.setenv("VAR", str(var.path))
        with var.held():
            var.write_environment({"DATABASE_URL": "postgresql://demo@/b"})
            assert load_demo_environment(tmp_path) == {}

    def test_starting_a_demo_takes_nothing_from_the_one_that_runs(
        self, var: VarDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VAR", str(var.path))
        monkeypatch.setattr(sys, "argv", ["manage.py", "demo"])
        with var.held():
            var.write_environment({"DATABASE_URL": "postgresql://demo@/b", "DEMO_PASSWORD": "theirs"})
            assert set(load_demo_environment(tmp_path)) == {"SECRET_KEY"}

    def test_without_any_demo_nothing_is_found(self, tmp_path: Path) -> None:
        assert load_demo_environment(tmp_path) == {}


def test_tests_never_see_a_running_demo(var: VarDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAR", str(var.path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with var.held():
        var.write_environment({"DATABASE_URL": "postgresql://demo@/b"})
        assert load_demo_environment(var.path) == {}


def test_an_environment_file_may_hold_comments_blank_lines_and_equal_signs(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("# a comment\n\nA=1\nB=x=y==\nnonsense\nC=\n")
    assert read_environment(tmp_path / "env") == {"A": "1", "B": "x=y==", "C": ""}


class TestDirectory:
    def test_a_second_demo_in_it_is_told_where_the_first_answers(self, var: VarDirectory) -> None:
        with var.held():
            var.remember_state("http://127.0.0.1:8123")
            with pytest.raises(DemoAlreadyRuns, match=rf"http://127.0.0.1:8123 \(process {os.getpid()}\)"):
                VarDirectory(var.path).held().__enter__()
        assert not demo_is_running(var.path)

    def test_a_command_that_looks_for_a_demo_does_not_keep_one_from_starting(self, var: VarDirectory) -> None:
        with var.held():
            pass
        looking = os.open(var.path / last_demo.LOCK, os.O_RDONLY)
        fcntl.flock(looking, fcntl.LOCK_SH)
        try:
            with pytest.raises(DemoAlreadyRuns):
                VarDirectory(var.path).held().__enter__()
        finally:
            os.close(looking)
        with var.held():
            assert demo_is_running(var.path)

    def test_secrets_are_made_once_and_readable_by_the_owner_alone(self, var: VarDirectory) -> None:
        first = var.secrets()
        assert var.secrets() == first
        assert (var.path / "secrets.json").stat().st_mode & 0o777 == 0o600
        assert VarDirectory(var.path.parent / "second").path != var.path

    def test_a_given_password_is_kept_for_the_next_run(self, var: VarDirectory) -> None:
        before = var.secrets()
        assert var.secrets("my own").demo_password == "my own"
        assert var.secrets().demo_password == "my own"
        assert var.secrets().secret_key == before.secret_key

    def test_damaged_secrets_are_made_anew(self, var: VarDirectory) -> None:
        (var.path / "secrets.json").write_text("{")
        assert var.secrets() == var.secrets()

    def test_a_file_in_its_place_is_said_in_one_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(VarDirectoryUnusable, match="Name another one"):
            VarDirectory(tmp_path / "file").create()

    def test_the_logs_of_the_run_before_are_kept(self, var: VarDirectory) -> None:
        (var.log / "web.log").write_text("old")
        var.rotate_logs()
        assert (var.log / "web.log.1").read_text() == "old"
        assert not (var.log / "web.log").exists()


class TestPorts:
    def test_a_taken_port_gives_the_next_free_one(self) -> None:
        with listen(20000) as first:
            port = first.getsockname()[1]
            with listen(port) as second:
                assert port < second.getsockname()[1] <= port + 50

    def test_a_port_is_taken_from_the_moment_it_is_chosen(self) -> None:
        with listen(20000) as taken, socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(taken.getsockname())

    def test_no_port_at_all_is_said_in_one_sentence(self) -> None:
        with pytest.raises(NoFreePort, match="PORT=18000"):
            listen(70000)


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        ("/srv/nlops/var/postgres/socket", True),
        ("/srv/with space/socket", False),
        ("/srv/a,b/socket", False),
        ("/srv/ä/socket", False),
        ("/srv/" + "x" * 90, False),
    ],
)
def test_a_socket_goes_only_where_its_path_is_short_and_plain(path: str, fits: bool) -> None:
    assert socket_path_fits(Path(path)) is fits


class TestProvisioningUrls:
    ADMIN = "postgresql://postgres@/postgres?host=/nowhere"

    def test_names_come_from_the_url(self) -> None:
        login = login_of("postgresql://app:p%40ss@db.example:5432/data", "DATABASE_URL")
        assert (login.user, login.password, login.database) == ("app", "p@ss", "data")

    @pytest.mark.parametrize("url", ["postgresql:///data", "postgresql://app@host", "not a url", ""])
    def test_a_url_without_user_or_database_is_refused_by_its_name(self, url: str) -> None:
        with pytest.raises(ProvisioningError, match="DATABASE_URL"):
            login_of(url, "DATABASE_URL")

    def test_owner_and_application_must_differ(self) -> None:
        with pytest.raises(ProvisioningError, match="four different roles"):
            provision(self.ADMIN, "postgresql://one@/data", "postgresql://one@/data")

    def test_both_must_name_one_database(self) -> None:
        with pytest.raises(ProvisioningError, match="same one"):
            provision(self.ADMIN, "postgresql://app@/a", "postgresql://owner@/b")

    def test_an_unreachable_server_is_said_without_a_password(self) -> None:
        admin = "postgresql://admin:topsecret@127.0.0.1:1/postgres"
        with pytest.raises(ProvisioningError, match="cannot connect") as caught:
            provision(admin, "postgresql://app@/data", "postgresql://owner@/data")
        assert "topsecret" not in str(caught.value)

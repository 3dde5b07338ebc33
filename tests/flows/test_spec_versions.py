"""From an upload to a version that requests use."""

from __future__ import annotations

import io
import json
import os
import zlib
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.context import tenant_context
from nlops.core.types import Decision, Effect
from specs.flows import FlowError
from specs.flows import process_version as processing
from specs.flows.activate_version import activate_version
from specs.flows.process_version import process_version
from specs.flows.set_policy import set_default_policies, set_policies
from specs.flows.sweep_versions import sweep_versions
from specs.flows.upload_version import upload_version
from specs.models import Operation, Product, SpecVersion, ToolPolicy, VersionStatus
from specs.querysets import decision_for, decisions, tools
from specs.tasks import preprocess_version

SPECS = Path(__file__).parent.parent / "specs"
LIBRARY = (SPECS / "library.yaml").read_bytes()
SHOP = (SPECS / "shop-swagger.json").read_bytes()
GITHUB = Path(os.environ.get("NLOPS_DATA_DIR", "../shared/data")) / "specs/github.json"


@pytest.fixture
def sent(monkeypatch) -> list[tuple[str, tuple[str, str]]]:
    """What was told to the queue."""
    found: list[tuple[str, tuple[str, str]]] = []
    monkeypatch.setattr(
        "specs.flows.upload_version.current_app.send_task", lambda name, args, **options: found.append((name, args))
    )
    return found


@pytest.fixture
def product(acme) -> Product:
    return Product.objects.create(tenant=acme.tenant, name="Library", slug="library")


def learnt(product: Product, data: bytes = LIBRARY, filename: str = "library.yaml") -> SpecVersion:
    version = upload_version(product, data, filename)
    process_version(product.tenant_id, version.pk)
    version.refresh_from_db()
    return version


def test_an_upload_is_a_draft_that_a_worker_is_told_of_after_the_commit(
    acme, product, sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        version = upload_version(product, LIBRARY, "library.yaml", acme.operator)
        assert sent == []
    assert sent == [("specs.tasks.preprocess_version", (str(acme.tenant.pk), str(version.pk)))]
    assert (version.number, version.status, version.uploaded_by) == (1, VersionStatus.DRAFT, acme.operator)
    assert zlib.decompress(version.source) == LIBRARY


def test_a_queue_that_is_down_loses_no_upload(product, monkeypatch, django_capture_on_commit_callbacks):
    from kombu.exceptions import OperationalError

    def fail(*args, **options):
        raise OperationalError("down")

    monkeypatch.setattr("specs.flows.upload_version.current_app.send_task", fail)
    with django_capture_on_commit_callbacks(execute=True):
        version = upload_version(product, LIBRARY, "library.yaml")
    assert SpecVersion.objects.get(pk=version.pk).status == VersionStatus.DRAFT


def test_the_same_bytes_are_the_same_version_unless_it_failed(product):
    first = upload_version(product, LIBRARY, "library.yaml")
    assert upload_version(product, LIBRARY, "again.yaml") == first
    assert upload_version(product, SHOP, "shop.json").number == 2
    SpecVersion.objects.filter(pk=first.pk).update(status=VersionStatus.FAILED)
    assert upload_version(product, LIBRARY, "library.yaml").number == 3


@pytest.mark.parametrize(("data", "words"), [(b" \n", "empty"), (b"x" * 2000, "limit is 0 MB")])
def test_an_upload_that_can_not_be_a_description_is_refused_at_once(product, settings, data, words):
    settings.NLOPS_MAX_SPEC_BYTES = 1000
    with pytest.raises(FlowError, match=words):
        upload_version(product, data, "x.json")
    assert not product.versions.exists()


def test_the_task_learns_the_version(product):
    version = upload_version(product, LIBRARY, "library.yaml")
    preprocess_version(str(product.tenant_id), str(version.pk))
    version.refresh_from_db()
    assert (version.status, version.progress, version.title) == (VersionStatus.READY, 100, "Library")
    assert version.operation_count == version.operations.count() == 5
    assert [service.name for service in version.services.all()] == ["books", "Readers"]
    operation = version.operations.get(name="createBook")
    assert (operation.service.name, operation.effect, operation.idempotency_header) == (
        "books", Effect.WRITE, "Idempotency-Key",
    )  # fmt: skip
    [tool] = tools([str(operation.pk)])
    assert tool.decision is Decision.DENY
    assert tool.parameters["$defs"].keys() == {"Shelf"}
    assert tool.required == ("title",)


def test_learning_tells_how_far_it_is(product):
    version = upload_version(product, LIBRARY, "library.yaml")
    told: list[tuple[str, int]] = []

    def report(phase: str, percent: int) -> None:
        if percent < 100:
            row = SpecVersion.objects.get(pk=version.pk)
            assert (row.phase, row.progress, row.status) == (phase, percent, VersionStatus.PROCESSING)
            assert row.heartbeat_at is not None
        told.append((phase, percent))

    process_version(product.tenant_id, version.pk, report)
    assert told == [
        ("Reading and compiling it", 5),
        ("Saving 5 operations", 30),
        ("Saving 5 of 5 operations", 95),
        ("Ready", 100),
    ]


def test_what_a_worker_that_died_had_saved_is_not_there_twice(product, monkeypatch):
    monkeypatch.setattr(processing, "CHUNK", 2)
    version = upload_version(product, LIBRARY, "library.yaml")

    def die(phase: str, percent: int) -> None:
        if phase.startswith("Saving 4 of"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process_version(product.tenant_id, version.pk, die)
    version.refresh_from_db()
    assert version.status == VersionStatus.PROCESSING
    process_version(product.tenant_id, version.pk)
    version.refresh_from_db()
    assert (version.status, version.operations.count(), version.services.count()) == (VersionStatus.READY, 5, 2)
    process_version(product.tenant_id, version.pk)  # once more does nothing
    assert version.operations.count() == 5


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "unclosed"),
        (b"hello", "plain text"),
        (b"openapi: 3.0.0\npaths: {/a: {$ref: other.yaml}}", "several files"),
        (b"openapi: 3.0.0", "no paths"),
    ],
)
def test_what_can_not_be_learnt_fails_with_the_reason(product, data, words):
    version = learnt(product, data, "bad.yaml")
    assert version.status == VersionStatus.FAILED
    assert words in version.error
    assert not version.operations.exists()


def test_a_fault_of_ours_fails_the_version_with_a_plain_message(product, monkeypatch):
    def fault(*_):
        raise ZeroDivisionError("internal detail")

    monkeypatch.setattr(processing, "learn", fault)
    version = learnt(product)
    assert version.status == VersionStatus.FAILED
    assert "fault of its own" in version.error
    assert "internal detail" not in version.error


def test_a_refused_operation_is_told_and_the_rest_is_there(product):
    data = json.loads(SHOP)
    data["paths"]["/bad"] = {"get": {"parameters": [{"$ref": "other.json#/x"}]}}
    version = learnt(product, json.dumps(data).encode(), "shop.json")
    assert (version.status, version.operation_count) == (VersionStatus.READY, 3)
    refused = [problem for problem in version.problems if problem["severity"] == "error"]
    assert [problem["pointer"] for problem in refused] == ["/paths/~1bad/get"]


def test_exactly_one_version_is_active_and_an_older_one_rolls_back(acme, product):
    first, second = learnt(product), learnt(product, SHOP, "shop.json")
    activate_version(first, acme.operator)
    activate_version(second, acme.operator)
    assert dict(product.versions.values_list("number", "status")) == {1: "retired", 2: "active"}
    activate_version(first, acme.operator)
    assert dict(product.versions.values_list("number", "status")) == {1: "active", 2: "retired"}
    assert activate_version(first).status == VersionStatus.ACTIVE


def test_what_is_not_learnt_is_not_activated(product):
    with pytest.raises(FlowError, match="not been learnt yet"):
        activate_version(upload_version(product, LIBRARY, "library.yaml"))
    with pytest.raises(FlowError, match="mend the file"):
        activate_version(learnt(product, b"{", "bad.json"))


def test_the_sweeper_tells_the_queue_again_of_what_stands_still(
    acme, product, sent, django_capture_on_commit_callbacks
):
    fresh, still = upload_version(product, LIBRARY, "a.yaml"), upload_version(product, SHOP, "b.json")
    SpecVersion.objects.filter(pk=still.pk).update(
        status=VersionStatus.PROCESSING, heartbeat_at=timezone.now() - timedelta(minutes=5)
    )
    sent.clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert sweep_versions() == 1
    assert [args[1] for _, args in sent] == [str(still.pk)]
    assert fresh.status == VersionStatus.DRAFT


def test_defaults_of_the_whitelist_follow_the_effect_and_keep_what_is_set(acme, product):
    version = learnt(product)
    set_policies(product, {"GET /books": Decision.DENY}, acme.operator)
    assert set_default_policies(product, acme.operator) == 4
    assert decisions(product) == {
        "GET /books": Decision.DENY,
        "POST /books": Decision.CONFIRM,
        "DELETE /books/{id}": Decision.APPROVE,
        "PUT /shelves/{name}": Decision.CONFIRM,
        "PUT /api/v1/readers/{reader}/password": Decision.CONFIRM,
    }
    set_policies(product, {"GET /books": "allow", "POST /books": None}, acme.operator)
    assert decision_for(version.operations.get(name="listBooks"), "customer", {}, "") is Decision.ALLOW
    assert decision_for(version.operations.get(name="createBook"), "customer", {}, "") is Decision.DENY
    assert ToolPolicy.objects.get(operation_key="GET /books").updated_by == acme.operator


@pytest.mark.parametrize("change", [{"GET /nowhere": "allow"}, {"GET /books": "maybe"}])
def test_a_policy_for_nothing_or_of_no_kind_is_refused(product, change):
    learnt(product)
    with pytest.raises(FlowError):
        set_policies(product, change)
    assert not ToolPolicy.objects.exists()


# --- the command ---


def imported(path: Path, *options: str) -> tuple[str, dict]:
    out = io.StringIO()
    call_command("import_spec", str(path), "--tenant", "acme", *options, stdout=out)
    return out.getvalue(), json.loads(out.getvalue()) if "--json" in options else {}


def test_the_command_imports_and_activates(acme):
    _, result = imported(SPECS / "library.yaml", "--product", "My Library", "--activate", "--json")
    assert {key: result[key] for key in ("product", "version", "status", "operations", "services", "refused")} == {
        "product": "my-library", "version": 1, "status": "active", "operations": 5, "services": 2, "refused": 0,
    }  # fmt: skip
    text, _ = imported(SPECS / "shop-swagger.json", "--product", "my-library")
    assert "100 %  Ready" in text
    assert "My Library v2 is ready: 3 operations" in text
    assert Product.objects.get(slug="my-library").active_version.number == 1


def test_the_command_ends_with_1_and_the_reason_on_failure(acme, tmp_path):
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    with pytest.raises(CommandError, match="ends too early"):
        imported(bad, "--product", "p")
    out = io.StringIO()
    with pytest.raises(SystemExit) as raised:
        call_command("import_spec", str(bad), "--tenant", "acme", "--product", "p", "--json", stdout=out)
    assert raised.value.code == 1
    assert json.loads(out.getvalue())["status"] == "failed"
    with pytest.raises(CommandError, match="no tenant"):
        call_command("import_spec", str(bad), "--tenant", "nobody", "--product", "p")
    with pytest.raises(CommandError, match="can't be read"):
        imported(tmp_path / "absent.json", "--product", "p")


def test_the_command_refuses_a_large_file_before_it_reads_it(acme, tmp_path):
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    with pytest.raises(CommandError, match=r"52\.4 MB; the limit is"):
        imported(large, "--product", "p")
    assert not Product.objects.exists()


@pytest.mark.skipif(not GITHUB.is_file(), reason="needs the public specs: set NLOPS_DATA_DIR")
def test_github_is_learnt_in_seconds(acme):
    _, result = imported(GITHUB, "--product", "github", "--activate", "--json")
    assert (result["status"], result["operations"], result["refused"]) == ("active", 1223, 0)
    assert result["seconds"] < 20
    assert Operation.objects.count() == 1223


# --- the REST API ---


@pytest.fixture
def operator(acme) -> Client:
    client = Client()
    client.force_login(acme.operator.user)
    return client


def test_the_api_uploads_shows_and_activates(acme, operator):
    made = operator.post("/api/v1/products/", {"slug": "library", "name": "Library"}, content_type="application/json")
    assert made.status_code == 201
    again = operator.post("/api/v1/products/", {"slug": "library", "name": "Other"}, content_type="application/json")
    assert again.status_code == 409
    response = operator.post("/api/v1/products/library/versions/", {"file": io.BytesIO(LIBRARY)})
    assert response.status_code == 202
    assert response.json()["status"] == "draft"
    early = operator.post("/api/v1/products/library/versions/1/activate/")
    assert early.status_code == 409
    assert "not been learnt yet" in early.json()["detail"]
    process_version(acme.tenant.pk, SpecVersion.objects.get().pk)
    shown = operator.get("/api/v1/products/library/versions/1/").json()
    assert (shown["status"], shown["progress"], shown["operation_count"]) == ("ready", 100, 5)
    assert "source" not in shown
    assert operator.post("/api/v1/products/library/versions/1/activate/").json()["status"] == "active"
    assert [version["number"] for version in operator.get("/api/v1/products/library/versions/").json()] == [1]


def test_the_api_is_for_operators_of_the_tenant(acme, globex, product):
    for member, status in ((acme.customer, 403), (acme.reviewer, 403), (globex.operator, 404)):
        client = Client()
        client.force_login(member.user)
        assert client.get("/api/v1/products/library/versions/").status_code == status
    assert Client().get("/api/v1/products/library/versions/").status_code == 401
    with tenant_context(globex.tenant.pk):
        assert not SpecVersion.objects.exists()


def test_a_version_that_another_worker_has_is_left_alone(product, test_database):
    import psycopg

    version = upload_version(product, LIBRARY, "library.yaml")
    key = version.pk.int & (2**63 - 1)
    with psycopg.connect(test_database.app_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [key])
        process_version(product.tenant_id, version.pk)
        version.refresh_from_db()
        assert version.status == VersionStatus.DRAFT
        other.execute("SELECT pg_advisory_unlock(%s)", [key])
    process_version(product.tenant_id, version.pk)
    version.refresh_from_db()
    assert version.status == VersionStatus.READY
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s), pg_advisory_unlock(%s)", [key, key])
        assert cursor.fetchone() == (True, True)

"""The lint report in the browser."""

from __future__ import annotations

from pathlib import Path

from specs.flows.process_version import process_version
from specs.flows.upload_version import upload_version
from specs.models import LintReport, Product

LIBRARY = (Path(__file__).parent.parent / "specs" / "library.yaml").read_bytes()


def learnt(member) -> None:
    product = Product.objects.create(tenant=member.tenant, name="Library", slug="library")
    process_version(product.tenant_id, upload_version(product, LIBRARY, "library.yaml", enqueue=False).pk)


def test_an_operator_sees_each_finding_with_its_place_and_what_to_write(acme, browse):
    learnt(acme.operator)
    content = browse(acme.operator).get("/products/library/lint/").content.decode()
    assert "DELETE /books/{id}" in content
    assert "line 41" in content
    assert "Write instead:" in content
    only = browse(acme.operator).get("/products/library/lint/?severity=warning").content.decode()
    assert "no description." not in only
    assert "neither a summary" in only


def test_the_report_is_downloaded_as_an_overlay(acme, browse):
    learnt(acme.operator)
    response = browse(acme.operator).get("/products/library/lint/overlay.yaml")
    assert response.headers["Content-Disposition"] == 'attachment; filename="library-overlay.yaml"'
    assert "$['paths']['/books/{id}']['delete']" in response.content.decode()


def test_a_report_is_its_operators_and_its_tenants_alone(acme, globex, browse):
    learnt(acme.operator)
    for member, status in ((acme.customer, 403), (globex.operator, 404)):
        for address in ("/products/library/lint/", "/products/library/lint/overlay.yaml"):
            assert browse(member).get(address).status_code == status
    assert LintReport.objects.count() == 1

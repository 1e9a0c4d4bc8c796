"""The published description: complete, with examples that are true."""

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from app.api.problems import codes_of
from app.api.work import ON_CASE, ON_DUTY, ON_REFERRAL
from app.workbook import MEDIA_TYPE


@pytest.fixture(scope="session")
async def document(api):
    return (await api.get(None, "/openapi.json")).json()


def operations(document):
    return [(path, verb, op) for path, item in document["paths"].items() for verb, op in item.items()]


async def test_every_route_says_what_it_is_what_it_answers_and_which_problems_it_has(document):
    names = [op["operationId"] for _, _, op in operations(document)]
    assert len(names) == len(set(names)) > len(ON_CASE) + len(ON_DUTY) + len(ON_REFERRAL)
    for path, _, op in operations(document):
        assert op["tags"], path
        assert op.get("summary"), path
        assert "application/problem+json" in op["responses"]["422"]["content"], path
        good = next(answer for status, answer in op["responses"].items() if status.startswith("2"))
        assert all(kind["schema"] for kind in good.get("content", {}).values()), path


async def test_every_problem_of_the_sources_is_documented_under_its_status(document):
    made = [
        found
        for path in Path("app/api").glob("*.py")
        for found in re.findall(r"Problem\((\d+), \"(\w+)\"", path.read_text())
    ]
    assert len(made) > 3
    for _, _, op in operations(document):
        for status, answer in op["responses"].items():
            if status >= "400":
                _, codes = answer["content"]["application/problem+json"]["schema"]["allOf"]
                codes = codes["properties"]["code"]["enum"]
                assert codes == codes_of(int(status))
                assert {code for at, code in made if at == status} <= set(codes)


async def test_a_read_lists_no_conflict_and_what_has_no_body_no_wrong_one(document):
    for path, verb, op in operations(document):
        listed = set(op["responses"]) & {"409", "413", "415"}
        wanted = set() if verb == "get" else {"409"} | ({"413", "415"} if "requestBody" in op else set())
        assert listed == wanted, (verb, path)


async def test_headers_that_answers_have_are_described(document, api):
    seen = {name: set() for name in ("ETag", "Retry-After")}
    for path, verb, op in operations(document):
        for status, answer in op["responses"].items():
            for name, header in answer.get("headers", {}).items():
                assert header["description"]
                assert header["schema"]
                seen[name].add((verb, path, status))
    conflicts = {(verb, path, "409") for path, verb, op in operations(document) if "409" in op["responses"]}
    away = {(verb, path, status) for path, verb, _ in operations(document) for status in ("429", "503")}
    assert seen["Retry-After"] == conflicts | away
    commands = len(ON_CASE) + len(ON_DUTY) + len(ON_REFERRAL)
    assert len(seen["ETag"]) > commands
    report = await api.post("village.reporter.1", "/v1/reports", {"children": [{}]})
    case = f"/v1/cases/{report.json()['case_id']}"
    read = await api.get("civil.supervisor.1", case)
    noted = await api.post("civil.supervisor.1", f"{case}/notes", {"note": "示例"})
    assert ("etag" in read.headers, "etag" in noted.headers) == (True, True)
    assert report.json()["receipt"] not in str(report.headers)
    assert seen["ETag"] >= {("get", "/v1/cases/{case_id}", "200"), ("post", "/v1/cases/{case_id}/notes", "200")}


async def test_only_the_receipt_and_the_signed_callback_need_no_token(document):
    free = {path for path, _, op in operations(document) if not op.get("security")}
    assert free == {"/v1/progress", "/v1/callbacks/{agency}", "/v1/surveys/answers", "/v1/progress/papers/{paper}"}


async def test_every_example_of_a_body_is_valid(document):
    seen = 0
    for path, _, op in operations(document):
        if "requestBody" not in op:
            continue
        if {"application/octet-stream", MEDIA_TYPE} & op["requestBody"]["content"].keys():
            continue  # a file
        given = op["requestBody"]["content"]["application/json"]["schema"]
        schema = document["components"]["schemas"][given["$ref"].rpartition("/")[2]] if "$ref" in given else given
        examples = schema.get("examples") or [schema["example"]]
        validator = Draft202012Validator({**schema, "components": document["components"]})
        for example in examples:
            assert [error.message for error in validator.iter_errors(example)] == [], path
            seen += 1
    assert seen > len(ON_REFERRAL)


async def test_every_answer_has_an_example_that_is_valid(document):
    schemas, seen = document["components"]["schemas"], set()
    for path, _, op in operations(document):
        good = next(answer for status, answer in op["responses"].items() if status.startswith("2"))
        if "application/json" not in good.get("content", ()):
            continue
        shape = good["content"]["application/json"]["schema"]
        name = (shape.get("items") or shape)["$ref"].rpartition("/")[2]
        example = schemas[name]["example"]
        validator = Draft202012Validator({**schemas[name], "components": document["components"]})
        assert [error.message for error in validator.iter_errors(example)] == [], path
        seen.add(name)
    assert {"CaseFile", "Done", "Receipt", "TimelineEntry"} <= seen


async def test_the_pages_of_the_api_come_from_the_service_itself(api):
    page = (await api.http.get("/docs")).text
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(named) >= 3
    for address in named:
        assert address.startswith("/"), "a page that fetches from elsewhere stays empty without a network"
        assert (await api.http.get(address)).status_code == 200

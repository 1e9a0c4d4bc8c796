"""The whole OpenAPI, asked with what schemathesis makes of it: no error inside, no answer that the document does not describe.

In `make test` one request an operation, way and actor; `make fuzz` sends more (SHOUHU_FUZZ) and others again for SHOUHU_FUZZ_MINUTES.
"""

import copy
import os
import re
import sys
import time
import warnings
from collections import Counter
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode, openapi, serializer
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

EXAMPLES, MINUTES = int(os.environ.get("SHOUHU_FUZZ", "1")), float(os.environ.get("SHOUHU_FUZZ_MINUTES", "0"))
INSIDE = re.compile(r"Traceback|sqlalchemy|asyncpg|psycopg|/app/|site-packages|SELECT |relation \"|0x[0-9a-f]{8}")
"""What no answer may show of the machinery."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
          response_schema_conformance]  # fmt: skip
ACTORS = ("civil.supervisor.1", "police.officer.1")
OF_ALL = {"confirm_year", "propose_policy", "approve_policy", "open_round"}
"""What changes the whole district for the tests beside this one: asked only by whoever may not."""


@serializer("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/octet-stream")
def as_bytes(context, value):
    """A file, or what somebody takes for one."""
    return value if isinstance(value, bytes) else str(value).encode()


def cases_of(operation, mode, number, turn):
    """Made first, so that what makes them and what answers need not share a loop; in the first turn always the same."""
    found = []

    warnings.simplefilter("ignore")

    @seed(turn)
    @settings(max_examples=number, database=None, derandomize=turn == 0, deadline=None, phases=[Phase.explicit, Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(operation.as_strategy(generation_mode=mode))
    def gather(case):
        found.append(case)

    gather()
    return found[:number]


@pytest.fixture(scope="module")
async def document(api):
    return (await api.get(None, "/openapi.json")).json()


@pytest.fixture(scope="module")
async def known(api):
    """Ids of a case that there is, so that half of the requests come past the first door."""
    filed = await api.report(children=[{"residence_division": "110106101", "name": "示例（化名）"}])
    progress = await api.progress(filed["case_id"])
    return {"case_id": filed["case_id"], "child_id": progress["children"][0]["id"], "leg_id": progress["referrals"][0]["id"],
            "referral_id": progress["referrals"][0]["id"], "subject_id": progress["referrals"][0]["id"]}  # fmt: skip


async def asked(api, case, person):
    said = case.as_transport_kwargs(base_url="http://shouhu.test")
    said = {
        name: said[name] for name in ("method", "url", "params", "json", "data", "headers", "cookies") if said.get(name)
    }
    headers = {name: value for name, value in dict(said.pop("headers", {})).items() if name.lower() != "authorization"}
    content = {"content": said.pop("data")} if isinstance(said.get("data"), bytes | str) else {}
    request = api.http.build_request(
        **said, **content, headers=headers | (api._headers(person, None) if person else {})
    )
    return await api.http.send(request)


def faults_of(case, answer):
    """What the document does not say of this answer."""
    try:
        case.validate_response(answer, checks=CHECKS)
    except BaseExceptionGroup as found:
        return [" ".join(str(one).split())[:400] for one in found.exceptions]
    except AssertionError as found:
        return [" ".join(str(found).split())[:400]]
    if answer.status_code >= 400 and answer.headers["content-type"] != "application/problem+json":
        return ["an error that is no problem"]
    if answer.status_code >= 400 and (inside := INSIDE.search(answer.text)):
        return [f"shows {inside[0]}"]
    return []


def operations_of(document):
    schema = openapi.from_dict(document)
    return {found.definition.raw["operationId"]: found for found in (one.ok() for one in schema.get_all_operations())}


async def tried(api, operation, known, persons, number, turn=0):
    """Each answer with what is wrong with it; every other request is about a case that there is."""
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for n, case in enumerate(cases_of(operation, mode, number, turn)):
            for person in persons:
                if (n + (mode is GenerationMode.NEGATIVE)) % 2 == 0:
                    case.path_parameters.update(
                        {key: known[key] for key in set(case.path_parameters or {}) & set(known)}
                    )
                answer = await asked(api, case, person)
                yield answer.status_code, [(person, answer.status_code, fault) for fault in faults_of(case, answer)]


@pytest.mark.timeout(7200)
async def test_every_operation_answers_as_it_is_described(api, document, known, capsys):
    wrong, statuses, until = {}, Counter(), time.monotonic() + 60 * MINUTES
    for turn in count():
        for name, operation in operations_of(document).items():
            persons = ACTORS[1:] if name in OF_ALL else ACTORS
            async for status, faults in tried(api, operation, known, persons, EXAMPLES, turn):
                statuses[status] += 1
                if faults:
                    wrong.setdefault(name, (turn, *faults[0]))
        if time.monotonic() >= until:
            break
    if MINUTES:
        with capsys.disabled():
            sys.stdout.write(f"{statuses.total()} requests in {turn + 1} turns: {dict(sorted(statuses.items()))}\n")
    assert wrong == {}
    assert sum(statuses.values()) > 300
    assert {200, 201, 403, 404, 409, 422} <= statuses.keys(), statuses


async def test_an_answer_that_is_not_as_described_would_be_found(api, document, known):
    told = copy.deepcopy(document)
    told["components"]["schemas"]["AgencyRow"]["properties"]["code"]["type"] = "integer"
    told["paths"]["/v1/me"]["get"]["responses"].pop("200")
    content = told["paths"]["/v1/calendar"]["get"]["responses"]["200"]["content"]
    content["text/csv"] = content.pop("application/json")
    operations = operations_of(told)
    for name in ("agencies", "me", "calendar"):
        found = [faults async for _, faults in tried(api, operations[name], known, ACTORS[:1], 1)]
        assert any(found), name

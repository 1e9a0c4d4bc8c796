"""The files for one or two servers, without a container engine: valid, free of secrets, naming only what exists."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.core import TyperGroup
from typer.main import get_command

from app.domain.terms import Agency
from deploy.simulator import Behaviour
from deploy.simulator import main as simulator_main

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
ONE_SHOT = {"temporal-schema", "temporal-namespace", "migrate", "seed", "enter-simulators"}
OPTIONAL_SECRETS = {"SIMULATOR_SECRET", "SHOUHU_OIDC_CLIENT_SECRET"}
READ_BY = {
    "postgres": "POSTGRES_PASSWORD POSTGRES_USER POSTGRES_INITDB_ARGS",
    "temporalio/admin-tools": "SQL_PLUGIN SQL_HOST SQL_PORT SQL_USER SQL_PASSWORD TEMPORAL_ADDRESS TEMPORAL_NAMESPACE",
    "temporalio/server": "DB DB_PORT POSTGRES_SEEDS POSTGRES_USER POSTGRES_PWD NUM_HISTORY_SHARDS BIND_ON_IP DYNAMIC_CONFIG_FILE_PATH",
    "temporalio/ui": "TEMPORAL_ADDRESS TEMPORAL_CORS_ORIGINS TEMPORAL_DISABLE_WRITE_ACTIONS TEMPORAL_DISABLE_NEWS_FETCH",
}
"""What the entry points of other projects' images read, beside what our scripts in them read."""
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?:(:[?-])([^}]*))?\}")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The Compose file as YAML gives it, merge keys resolved."""
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Its services by name."""
    return compose["services"]


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    """The variables of .env.example with their values."""
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def ours(services: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The services that run this project's image."""
    return {name: service for name, service in services.items() if "build" in service}


def commands(services: dict[str, dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """What each service and each health check passes to `app.cli`."""
    for name, service in ours(services).items():
        if "entrypoint" not in service:
            yield name, service["command"]
        probe = service.get("healthcheck", {}).get("test", [])
        if probe[1:4] == ["python", "-m", "app.cli"]:
            yield f"{name} health", probe[4:]


def variables() -> Iterator[tuple[str, str, str]]:
    """Each ${NAME}, ${NAME:?} and ${NAME:-default} of the Compose file: name, operator, default."""
    return (
        (found[1], found[2] or "", found[3] or "") for found in VARIABLE.finditer(COMPOSE.read_text(encoding="utf-8"))
    )


def test_compose_follows_the_compose_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(check, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_whole_chain_is_there(services: dict[str, dict[str, Any]]) -> None:
    assert {"postgres", "temporal", "temporal-ui", "api", "worker"} | ONE_SHOT <= services.keys()
    simulators = [name for name, service in services.items() if "demo" in service.get("profiles", [])]
    assert simulators
    assert set(simulators) == {name for name in services if name.startswith("simulator-")} | {"enter-simulators"}


def test_each_command_is_one_of_the_command_line(services: dict[str, dict[str, Any]]) -> None:
    from app.cli import app

    known = get_command(app)
    assert isinstance(known, TyperGroup)
    for name, (command, *options) in commands(services):
        assert command in known.commands, name
        accepted = {flag for parameter in known.commands[command].params for flag in parameter.opts}
        assert {option for option in options if option.startswith("-")} <= accepted, name


def test_each_setting_is_read_by_the_process_that_gets_it(services: dict[str, dict[str, Any]]) -> None:
    from app.cli import app
    from app.settings import Settings

    known = get_command(app)
    assert isinstance(known, TyperGroup)
    fields = {f"SHOUHU_{name}".upper() for name in Settings.model_fields}
    for name, service in ours(services).items():
        if "entrypoint" in service:
            read = {parameter.envvar for parameter in get_command(simulator()).params}
        else:
            read = fields | {parameter.envvar for parameter in known.commands[service["command"][0]].params}
        assert service["environment"].keys() <= read, name
    needed = {"SHOUHU_DATABASE_URL", "SHOUHU_TEMPORAL_ADDRESS", "SHOUHU_PAYLOAD_KEYS", "SHOUHU_RECEIPT_SECRET"} | {
        "SHOUHU_AUDIT_KEY",
        "SHOUHU_MASTER_KEYS",
        "SHOUHU_MARK_KEY",
    }
    for name in ("api", "worker"):
        assert needed <= services[name]["environment"].keys()


def simulator() -> typer.Typer:
    """Its command line, made as its process makes it."""
    made = typer.Typer(add_completion=False)
    made.command()(simulator_main)
    return made


def test_each_simulator_option_exists(services: dict[str, dict[str, Any]]) -> None:
    accepted = {flag for parameter in get_command(simulator()).params for flag in parameter.opts}
    for name, service in services.items():
        if name.startswith("simulator-"):
            given = {word for word in (*service["entrypoint"][3:], *service["command"]) if word.startswith("--")}
            assert given <= accepted, name


def test_what_is_written_is_on_a_volume(services: dict[str, dict[str, Any]]) -> None:
    """The containers cannot write elsewhere: the seed's tokens and PostgreSQL's data."""
    folder = services["seed"]["environment"]["SHOUHU_DATA_DIR"]
    assert f"tokens:{folder}" in services["seed"]["volumes"]
    assert re.search(rf"install --directory --owner shouhu .* {folder}$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    assert "postgres:/var/lib/postgresql" in services["postgres"]["volumes"]


PASSWORDS = {"SHOUHU_DB_PASSWORD", "SHOUHU_APP_DB_PASSWORD", "SHOUHU_WORKER_DB_PASSWORD", "TEMPORAL_DB_PASSWORD"}


def test_other_images_are_given_only_what_they_read(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if "build" not in service:
            known = set(READ_BY[service["image"].partition(":")[0]].split())
            ours_there = PASSWORDS if name == "postgres" else set()
            assert service["environment"].keys() <= known | ours_there, name


def test_the_variables_of_the_scripts_are_given(services: dict[str, dict[str, Any]]) -> None:
    scripts = {"temporal-namespace": "temporal/namespace.sh", "postgres": "postgres/10-roles.sql"}
    for name, script in scripts.items():
        text = (ROOT / "deploy" / script).read_text("utf-8")
        read = set(re.findall(r"\$\{?([A-Z_]{2,})", text)) | set(re.findall(r"getenv \w+ (\w+)", text))
        assert read
        assert read <= services[name]["environment"].keys(), name


def test_each_simulator_has_an_agency_and_a_behaviour(services: dict[str, dict[str, Any]]) -> None:
    seen = {}
    for name, service in services.items():
        if name.startswith("simulator-"):
            options = dict(zip(service["command"][::2], service["command"][1::2], strict=True))
            seen[Agency(options["--agency"])] = Behaviour(options["--behaviour"])
            assert service["entrypoint"][:3] == ["python", "-m", "deploy.simulator"]
    assert {Behaviour.ACCEPT, Behaviour.SLOW, Behaviour.DECLINE, Behaviour.SILENT} == set(seen.values())


def test_each_file_named_exists(services: dict[str, dict[str, Any]], compose: dict[str, Any]) -> None:
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source, target, *_ = volume.split(":")
            if not source.startswith("."):
                assert source in compose["volumes"], name
                continue
            assert (ROOT / source).is_file(), name
            assert volume.endswith(":ro"), name
            mounted = [*service.get("entrypoint", []), *service["environment"].values()]
            assert target in mounted or "/docker-entrypoint-initdb.d/" in target, name
    for service in ours(services).values():
        assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_what_the_dockerfile_copies_exists_and_reaches_the_builder() -> None:
    sent = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    lines = DOCKERFILE.read_text(encoding="utf-8").splitlines()
    sources = [source for line in lines if re.match(r"COPY (?!--from)", line) for source in line.split()[1:-1]]
    assert sources
    assert sent == set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_image_is_pinned_and_runs_unprivileged() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert re.search(r"^ARG BASE=python:3\.13\.\d+-slim-\w+$", text, re.MULTILINE)
    assert "COPY deploy/requirements.lock " in text
    assert "--require-hashes" in text
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["shouhu"]
    assert not re.search(r"^(COPY|ADD) .*\.env", text, re.MULTILINE)


def test_each_image_has_an_exact_version(services: dict[str, dict[str, Any]]) -> None:
    foreign = {service["image"] for service in services.values() if "build" not in service}
    assert all(re.fullmatch(r"[\w/-]+:\d+\.\d+(\.\d+)?(-\w+)?", image) for image in foreign), foreign
    versions = {image.split(":")[1] for image in foreign if image.startswith(("temporalio/server", "temporalio/admin"))}
    assert len(versions) == 1


def test_each_variable_is_explained_and_each_explained_one_is_used(example: dict[str, str]) -> None:
    assert {name for name, _, _ in variables()} == example.keys()


def test_no_secret_stands_in_a_file(services: dict[str, dict[str, Any]], example: dict[str, str]) -> None:
    secret = re.compile(r"PASSWORD|PWD|SECRET|KEYS?$")
    assert {name: value for name, value in example.items() if secret.search(name) and value} == {}
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable) or ("://" in value and "@" in value):
                assert not value or VARIABLE.search(value), f"{name} {variable}"
    for name, operator, default in variables():
        if secret.search(name):
            assert (operator, default) == (":-" if name in OPTIONAL_SECRETS else ":?", "")
        elif example[name]:
            assert (operator, default) == (":-", example[name])


def test_each_long_running_service_is_watched(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        if name in ONE_SHOT:
            assert service["restart"].startswith("on-failure"), name
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"][0] == "CMD", name


def test_each_service_waits_for_what_it_needs(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            wanted = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
            assert how == {"condition": wanted}, name
            assert set(service["networks"]) & set(services[needed]["networks"]) or needed in ONE_SHOT, name
    assert "temporal" not in services["api"]["depends_on"]


def test_nothing_is_reachable_from_outside_or_has_more_rights_than_it_needs(
    services: dict[str, dict[str, Any]], compose: dict[str, Any]
) -> None:
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert set(service["networks"]) <= compose["networks"].keys(), name
    with_database = {name for name, service in services.items() if "data" in service["networks"]}
    assert with_database == ONE_SHOT - {"temporal-namespace"} | {"postgres", "temporal", "api", "worker"}
    assert all(compose["networks"][network]["internal"] for network in ("data", "conductor"))


@pytest.mark.parametrize("script", ["schema.sh", "namespace.sh"])
def test_each_script_is_well_formed(script: str) -> None:
    subprocess.run(["sh", "-n", str(ROOT / "deploy" / "temporal" / script)], check=True, timeout=10)

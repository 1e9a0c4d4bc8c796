"""Q-S16: what the service is made of is written down whole: every part of the lock with its hashes, and the scripts that are kept here."""

import re

import pytest

from deploy.sbom import KEPT, LOCK, bom, hashed, hashes_of


def locked(text):
    """Version and hashes by name, as the lock has them."""
    blocks = re.findall(r"^([A-Za-z0-9_.\[\],-]+)==(\S+)((?:.*\\\n)*.*)", text, re.M)
    return {re.sub(r"[-_.]+", "-", name.partition("[")[0]).lower(): (version, set(re.findall(r"sha256:(\w{64})", rest)))
            for name, version, rest in blocks}  # fmt: skip


@pytest.fixture(scope="module")
def made():
    return bom()


def test_every_part_of_the_lock_is_named_with_its_version_and_all_its_hashes(made):
    wanted, *_ = locked(LOCK.read_text()), None
    found = {re.sub(r"[-_.]+", "-", one["name"]).lower(): one for one in made["components"]}
    script = found.pop("htmx-org")
    assert len(wanted) > 60
    assert {name: (one["version"], hashes_of(one)) for name, one in found.items()} == wanted
    assert all(one["purl"].endswith(f"@{one['version']}") for one in found.values())
    files = {one["name"]: one["hashes"][0]["content"] for one in script["components"]}
    assert files == {name: digest for digest, name in re.findall(r"^(\w{64})  (\S+)$", KEPT.read_text(), re.M)}
    assert script["purl"] == "pkg:npm/htmx.org@4.0.1"
    assert (made["bomFormat"], made["metadata"]["component"]["name"]) == ("CycloneDX", "shouhu")
    assert "timestamp" not in made["metadata"], "the same lock makes the same document"


def test_control_a_part_without_a_hash_is_not_passed_over(made):
    parts = made["components"][:-1]
    assert hashed(parts) == parts
    bare = {**parts[3], "externalReferences": [{"type": "distribution", "url": "x"}]}
    with pytest.raises(RuntimeError, match=f"no hash in the lock: {bare['name']}"):
        hashed([*parts, bare])

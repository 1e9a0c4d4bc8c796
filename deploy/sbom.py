"""What the service is made of, as CycloneDX: every part of the image's lock with its hashes, and the scripts that are kept here.

python -m deploy.sbom [FILE]      # sbom.cdx.json
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCK, PROJECT = ROOT / "deploy" / "requirements.lock", ROOT / "pyproject.toml"
KEPT = ROOT / "app" / "web" / "static" / "vendored.sha256"
PACKAGE = re.compile(r"^# (\S+) (\S+) from the npm registry", re.M)
FILE = re.compile(r"^([0-9a-f]{64})  (\S+)$", re.M)


def bom(lock: Path = LOCK) -> dict[str, Any]:
    """The same for the same lock; raises RuntimeError where a part has no hash."""
    tool = [str(Path(sys.executable).parent / "cyclonedx-py"), "requirements", str(lock), "--pyproject", str(PROJECT)]
    made = subprocess.run([*tool, "--output-reproducible"], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        raise RuntimeError(made.stderr)
    found = json.loads(made.stdout)
    parts = hashed(found["components"])
    return {**found, "components": [*parts, scripts(KEPT.read_text("utf-8"))]}


def hashed(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same; raises RuntimeError where one has no hash."""
    if bare := [one["name"] for one in parts if not hashes_of(one)]:
        raise RuntimeError(f"no hash in the lock: {', '.join(bare)}")
    return parts


def scripts(kept: str) -> dict[str, Any]:
    """The package of the files that every page loads, which no lock names."""
    name, version = PACKAGE.findall(kept)[0]
    files = [
        {"type": "file", "name": file, "hashes": [{"alg": "SHA-256", "content": digest}]}
        for digest, file in FILE.findall(kept)
    ]
    return {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:npm/{name}@{version}",
        "components": files,
    }


def hashes_of(component: dict[str, Any]) -> set[str]:
    """Of all files that a part may be installed from."""
    links = component.get("externalReferences", ())
    return {one["content"] for link in links for one in link.get("hashes", ())}


def main() -> None:
    """Write it down."""
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "sbom.cdx.json")
    path.write_text(json.dumps(bom(), ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()

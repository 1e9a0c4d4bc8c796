"""The connection to Temporal: payloads compressed and encrypted, failures encoded, workers deployed by version."""

import dataclasses
import hashlib
import os
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec
from temporalio.service import RPCError, RPCStatusCode

from app.settings import Settings, keys_by_id

ENCODING = b"binary/shouhu-aesgcm-zlib"
NONCE = 12


class UnknownKey(ValueError):
    """A payload was encrypted with a key that this process does not have."""


class SealingCodec(PayloadCodec):
    """AES-256-GCM over zlib; the key's id is the associated data, so keys rotate without touching old payloads."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise ValueError("at least one payload key is needed")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._current = next(iter(keys))

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Seal with the current key."""
        return [self._seal(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Open with the key that sealed it; what was never sealed passes."""
        return [self._open(p) if p.metadata.get("encoding") == ENCODING else p for p in payloads]

    def _seal(self, payload: Payload) -> Payload:
        nonce, key_id = os.urandom(NONCE), self._current.encode()
        sealed = self._ciphers[self._current].encrypt(nonce, zlib.compress(payload.SerializeToString(), 1), key_id)
        return Payload(metadata={"encoding": ENCODING, "key": key_id}, data=nonce + sealed)

    def _open(self, payload: Payload) -> Payload:
        key_id = payload.metadata["key"]
        cipher = self._ciphers.get(key_id.decode())
        if cipher is None:
            raise UnknownKey(f"no payload key {key_id.decode()!r} in this process")
        plain = cipher.decrypt(payload.data[:NONCE], payload.data[NONCE:], key_id)
        return Payload.FromString(zlib.decompress(plain))


def data_converter(keys: Mapping[str, bytes]) -> DataConverter:
    """Pydantic JSON, sealed; messages and stack traces of failures are sealed with it."""
    return dataclasses.replace(
        pydantic_data_converter,
        payload_codec=SealingCodec(keys),
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


async def connect(settings: Settings) -> Client:
    """A client of the namespace, sealed."""
    return await Client.connect(
        settings.temporal_address,
        namespace=settings.temporal_namespace,
        data_converter=data_converter(keys_by_id(settings.payload_keys)),
    )


def is_unreached(error: Exception) -> bool:
    """Whether Temporal is away, or not yet up; the client says RuntimeError when it cannot connect."""
    if isinstance(error, RPCError):
        return error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.NOT_FOUND)
    return type(error) is RuntimeError and str(error).startswith("Failed client connect")


async def pollers(client: Client, task_queue: str, *, within: timedelta) -> frozenset[str]:
    """The versions of the workers that asked this queue for workflow tasks within that time."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW
    )  # fmt: skip
    asked = (await client.workflow_service.describe_task_queue(request)).pollers
    since = datetime.now(UTC) - within
    return frozenset(p.deployment_options.build_id for p in asked if p.last_access_time.ToDatetime(UTC) > since)


def version_of(settings: Settings) -> WorkerDeploymentVersion:
    """The version of this process's worker."""
    return WorkerDeploymentVersion(settings.deployment, settings.build or code_digest())


@cache
def code_digest() -> str:
    """A digest of the code that must replay: workflows, their messages and the domain."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for path in sorted([*root.glob("workflows/*.py"), *root.glob("app/domain/*.py"), root / "activities/messages.py"]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


async def ensure_deployment(client: Client, settings: Settings) -> None:
    """Make our version the current one of the deployment: new runs, and runs that continue as new, go to it."""
    version = version_of(settings)
    await client.workflow_service.set_worker_deployment_current_version(
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=settings.temporal_namespace,
            deployment_name=version.deployment_name,
            build_id=version.build_id,
            allow_no_pollers=True,
            ignore_missing_task_queues=True,
            identity="shouhu",
        )
    )

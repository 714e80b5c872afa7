"""Every method of the published stubs, by its path: Flyte 1, Flyte 2, health."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from flyteidl.service import agent_pb2 as flyte1
from flyteidl.service import agent_pb2_grpc as flyte1_stubs
from flyteidl2.connector import service_pb2 as flyte2
from flyteidl2.connector import service_pb2_grpc as flyte2_stubs
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc


@dataclass(frozen=True)
class Method:
    """How to call one method."""

    name: str
    request: type[Message]
    stub: Callable[[Any], Any]
    client_streams: bool
    server_streams: bool


def methods_of(protos: ModuleType, stubs: ModuleType) -> dict[str, Method]:
    return {
        f"{service.full_name}/{method.name}": Method(
            name=method.name,
            request=GetMessageClass(method.input_type),
            stub=getattr(stubs, f"{service.name}Stub"),
            client_streams=method.client_streaming,
            server_streams=method.server_streaming,
        )
        for service in protos.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


METHODS = {
    **methods_of(flyte1, flyte1_stubs),
    **methods_of(flyte2, flyte2_stubs),
    **methods_of(health_pb2, health_pb2_grpc),
}

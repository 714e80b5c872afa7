"""Reads a server's reflection as grpcurl does: every listed service must resolve, with all its types."""

from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def reflect(address: str) -> dict[str, Any]:
    """By service and method: the full names of its request and reply, and the fields of the request."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        return {name: describe_service(pool, name) for name in sorted(database.get_services())}


def describe_service(pool: DescriptorPool, name: str) -> dict[str, Any]:
    return {
        method.name: {
            "request": method.input_type.full_name,
            "reply": method.output_type.full_name,
            "fields": [field.name for field in method.input_type.fields],
        }
        for method in pool.FindServiceByName(name).methods
    }

"""Reads what a service says with an error: the status, and the ErrorInfo within it."""

from typing import Any

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

STATUS_DETAILS = "grpc-status-details-bin"


def describe_failure(error: grpc.RpcError) -> dict[str, Any]:
    failure: dict[str, Any] = {"code": error.code().name, "details": error.details() or ""}
    info = find_error_info(error)
    if info is None:
        return failure
    return {**failure, "errorInfo": {"reason": info.reason, "domain": info.domain, "metadata": dict(info.metadata)}}


def find_error_info(error: grpc.RpcError) -> ErrorInfo | None:
    for key, value in error.trailing_metadata() or ():
        if key != STATUS_DETAILS:
            continue
        for detail in Status.FromString(value).details:
            info = ErrorInfo()
            if detail.Unpack(info):
                return info
    return None

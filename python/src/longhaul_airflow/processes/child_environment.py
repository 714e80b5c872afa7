"""Which variables of the worker its children see. An allow-list: a task's code can print every one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# What programs need to run, find their files, speak a language and get through proxies.
_PLAIN = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TZDIR", "TMPDIR", "TEMP", "TMP",
        "HOSTNAME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "JAVA_HOME", "XDG_CACHE_HOME",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "KRB5_CONFIG", "KRB5CCNAME",
        "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
        "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    }
)  # fmt: skip
# Airflow's own configuration, and the clouds' identities that its connections fall back on: the operator of the worker
# gives them to the worker, and with that to every task it runs.
_PREFIXES = ("AIRFLOW_", "LC_", "PYTHON", "AWS_", "AZURE_", "GOOGLE_")
# Never, whatever the settings say: what reaches Temporal, opens sealed values or reports traces.
_NEVER = ("TEMPORAL_", "LONGHAUL_", "OTEL_")


def child_environment(env: Mapping[str, str], more: Sequence[str]) -> dict[str, str]:
    """`more`: names that the worker's operator adds, a trailing `*` covers everything that begins so."""
    return {name: value for name, value in env.items() if _passes(name, more)}


def _passes(name: str, more: Sequence[str]) -> bool:
    if name.startswith(_NEVER):
        return False
    return name in _PLAIN or name.startswith(_PREFIXES) or any(_matches(name, pattern) for pattern in more)


def _matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
